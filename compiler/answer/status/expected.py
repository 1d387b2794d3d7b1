"""The alerting rules of a compiled environment, and what Prometheus makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...emit.artifact import Artifact
from ...emit.dump import plain
from ...plan.alerting.failures import Failure
from ...record import Record
from .answers import Answers, LoadedRule
from .report import Health, Trouble

__all__ = ["Expected", "expected", "judged"]

LATE = 4
"""The intervals after which an evaluation is late: one that takes long, a restart, and two of reserve."""

URGENCY: dict[str, Health] = {"page": "red", "ticket": "yellow"}

INFORMS = ("owner", "receiver", "failure", "causes", "retrain")
"""The labels that say who gets an alert, and what it may mean. A rule is the same if they change."""


class Expected(Record):
    """One alerting rule that was compiled."""

    name: str
    failure: Failure
    labels: dict[str, str]
    identity: dict[str, str | None]
    """What distinguishes it from the other rules with its name: its own labels, and those that only others have."""

    @property
    def service(self) -> str:
        """What it is about."""
        return self.labels["service"]

    def is_same(self, rule: LoadedRule) -> bool:
        """Whether a loaded rule is this one."""
        return rule.name == self.name and all(rule.labels.get(label) == own for label, own in self.identity.items())


def expected(artifacts: Iterable[Artifact]) -> tuple[Expected, ...]:
    """The rules of the plain rule files, which are the same as those of the PrometheusRules."""
    rules = tuple(_rules(artifacts))
    labels = sorted({label for rule in rules for label in rule["labels"]} - {*INFORMS})
    return tuple(
        Expected(
            name=rule["alert"],
            failure=rule["labels"]["failure"],
            labels=rule["labels"],
            identity={label: rule["labels"].get(label) for label in labels},
        )
        for rule in rules
    )


def _rules(artifacts: Iterable[Artifact]) -> Iterator[dict[str, Any]]:
    return (
        rule
        for artifact in artifacts
        if artifact.object is None and isinstance(artifact.body, dict) and "groups" in artifact.body
        for group in plain(artifact.body)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    )


def judged(rule: Expected, answers: Answers) -> tuple[Health, tuple[Trouble, ...]]:
    """The health by one rule, and why."""
    loaded = next((one for one in answers.rules if rule.is_same(one)), None)
    if loaded is None:
        return "gray", (Trouble(alert=rule.name, said="Prometheus has not loaded this rule"),)
    if loaded.health != "ok":
        why = loaded.error or "it has not been evaluated yet"
        return "gray", (Trouble(alert=rule.name, said=f"Prometheus cannot evaluate this rule: {why}"),)
    if answers.at - loaded.evaluated > LATE * loaded.interval:
        return "gray", (Trouble(alert=rule.name, said="Prometheus has stopped evaluating this rule"),)
    firing = tuple(_troubles(rule, loaded))
    return (URGENCY[rule.labels["severity"]] if firing else "green"), firing


def _troubles(rule: Expected, loaded: LoadedRule) -> Iterator[Trouble]:
    for alert in loaded.alerts:
        if alert.state == "firing":
            said = alert.annotations
            yield Trouble(
                alert=rule.name,
                said=said.get("summary", ""),
                since=alert.since,
                action=said.get("action", ""),
                runbook=said.get("runbook_url", ""),
            )
