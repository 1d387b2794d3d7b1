"""The unit tests in a bundle, one case for each scene, with the rules that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps
from typing import Any

from ..conventions import QUERIED
from ..emit.artifact import Artifact
from ..emit.dump import plain
from ..link import Bundle
from ..record import Record

__all__ = ["EVERY", "Case", "cases", "queried", "untested"]

EVERY = "every alert"
"""In place of an alert: a scene in which none fires."""

Body = dict[str, Any]


class Case(Record):
    """One scene of one alert."""

    rules: str
    """The file of its rules, in the bundle."""
    alert: str
    scene: str
    groups: tuple[Body, ...]
    """The groups of rules that the alert depends on."""
    test: Body
    interval: str
    """How often rules are evaluated."""

    @property
    def fires(self) -> bool:
        """Whether the scene makes the alert fire at some time."""
        told = any(check["exp_alerts"] for check in self.test.get("alert_rule_test", ()))
        return told or any(check["exp_samples"] for check in self.test.get("promql_expr_test", ()))

    def files(self, name: str, groups: tuple[Body, ...] | None = None) -> dict[str, str]:
        """The files for promtool: the test, and its rules, or others in their place."""
        body = {"rule_files": [f"{name}.rules.json"], "evaluation_interval": self.interval, "tests": [self.test]}
        rules = {"groups": groups if groups is not None else self.groups}
        return {f"{name}.json": dumps(body), f"{name}.rules.json": dumps(rules)}


def cases(bundle: Bundle) -> Iterator[Case]:
    """The cases of all rule files of a bundle."""
    files = {artifact.path: artifact for artifact in bundle.artifacts}
    for path, artifact in files.items():
        body = _tests(artifact)
        for name in body.get("rule_files", ()):
            rules = f"{path.rpartition('/')[0]}/{name}"
            groups = plain(files[rules].body)["groups"]
            for test in body["tests"]:
                alert, _, scene = test["name"].partition(": ")
                yield Case(
                    rules=rules,
                    alert=alert,
                    scene=scene,
                    groups=tuple(_needed(group, alert, test) for group in groups if alert in (EVERY, *_alerts(group))),
                    test=test,
                    interval=body["evaluation_interval"],
                )


def untested(bundle: Bundle) -> list[str]:
    """The alerts of a bundle that no case makes fire, except those on a query of the author."""
    fired = {case.alert for case in cases(bundle) if case.fires}
    return sorted(_named(bundle) - fired - {*QUERIED})


def queried(bundle: Bundle) -> list[str]:
    """The alerts of a bundle on a query of the author, for which only the author knows series."""
    return sorted(_named(bundle) & {*QUERIED})


def _named(bundle: Bundle) -> set[str]:
    return {
        alert
        for artifact in bundle.artifacts
        if isinstance(artifact.body, dict) and "groups" in artifact.body
        for group in plain(artifact.body)["groups"]
        for alert in _alerts(group)
    }


def _tests(artifact: Artifact) -> Body:
    return plain(artifact.body) if isinstance(artifact.body, dict) and "rule_files" in artifact.body else {}


def _needed(group: Body, alert: str, test: Body) -> Body:
    """The rules of a group that a test depends on: its alerts, and what they and its queries read."""
    checked = {check["alertname"] for check in test.get("alert_rule_test", ())}
    queries = [check["expr"] for check in test.get("promql_expr_test", ())]
    if checked or any(alert in query for query in queries):
        checked.add(alert)
    if alert == EVERY:
        checked.update(_alerts(group))
    alerts = [rule for rule in group["rules"] if rule.get("alert") in checked]
    read = "\n".join((*queries, *(rule["expr"] for rule in alerts)))
    kept = [rule for rule in group["rules"] if rule in alerts or ("record" in rule and rule["record"] in read)]
    return {**group, "rules": kept}


def _alerts(group: Body) -> list[str]:
    return [rule["alert"] for rule in group["rules"] if "alert" in rule]
