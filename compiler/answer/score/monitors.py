"""O2 and O7: the process that measures captured predictions, and an alert on what it measures.

The process proves a test if its configuration has the check, and if an alert that reaches a receiver compares the
result with a bound that can be missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ...kinds import Object
from .ages import SEVERITIES
from .gates import can_fail
from .runs import configured, containers
from .seen import Lacking, Proof, Seen, Shown, at, each

__all__ = ["invariants", "quality"]

COMMAND = ["mlspec", "runtime", "exporter"]
FILE = "monitor.json"

VIOLATED = re.compile(r"mlspec_data_violation_ratio\{[^}]*\}\)? > (\d[\d.e-]*)\s*$")
"""More violations than a bound, which is the last number."""

MISSED = re.compile(r"mlspec_quality(?:_difference)?(?:_high\{[^}]*\}\)? <|_low\{[^}]*\}\)? >) -?\d")
"""The favorable end of the interval is on the wrong side of the bound."""


def invariants(seen: Seen) -> Shown | Lacking:
    """O2. Captured requests are checked against the expectations."""
    what = "captured requests against `data.columns`"
    found = _monitor(seen, f"nothing checks {what}", "`monitoring.rules` with a bound on `violation-rate`")
    if isinstance(found, Lacking):
        return found
    monitor, config, content = found
    if not _expected(content):
        why = "`data.columns` expects nothing of what a request contains"
        return Lacking(why=why, path="data.columns", help="write what to expect of the features in requests")
    rules = list(_alerts(seen, content, _violated))
    if not rules:
        why = "no alert fires when captured requests violate the expectations"
        return Lacking(why=why, path="monitoring.rules", help="add a bound on `violation-rate` that can be exceeded")
    return Shown(proofs=(monitor, config, *rules), why=f"a process checks {what}, and an alert fires on violations")


def _expected(content: dict[str, Any]) -> set[str]:
    """The columns of requests with expectations."""
    sent = [one.get("name") for one in each(content, "features")]
    known = [one for one in each(content, "data", "columns") if one.get("available") != "after-outcome"]
    return {name for name in (one.get("name") for one in known) if isinstance(name, str) and name in sent}


def quality(seen: Seen) -> Shown | Lacking:
    """O7. The quality of served predictions is measured once their labels arrive."""
    found = _monitor(seen, "nothing measures the quality of served predictions", "`monitoring.quality`")
    if isinstance(found, Lacking):
        return found
    monitor, config, content = found
    metrics = content.get("metrics")
    bounds = [
        str(bound.get("metric"))
        for bound in each(content, "monitoring", "quality", "bounds")
        if can_fail(bound, at(metrics, str(bound.get("metric"))))
    ]
    rules = list(_alerts(seen, content, lambda rule: _missed(rule, bounds)))
    if not rules:
        why = "no alert fires when the quality of served predictions is too low"
        return Lacking(why=why, path="monitoring.quality", help="add a bound that a model can miss", effort="hours")
    return Shown(
        proofs=(monitor, config, *rules),
        why="a process joins captured predictions with their labels, and an alert fires when the quality is too low",
    )


def _monitor(seen: Seen, why: str, asks: str) -> tuple[Proof, Proof, dict[str, Any]] | Lacking:
    """The process that measures the service of this environment, its configuration, and what that says."""
    if not seen.services:
        return Lacking(why="this environment serves no model")
    for monitor in seen.objects.kind("Deployment"):
        if any(one.get("command") == COMMAND for one in containers(monitor)) and at(monitor, "spec", "replicas") != 0:
            config, content = configured(monitor, seen.objects, FILE)
            if config is None or content is None:
                return Lacking(why="the configuration of the process that measures is not in the bundle")
            measured = at(content, "monitoring", "service")
            others = [one.name.value for one in seen.services if one.name.value != measured]
            if others:
                return Lacking(why=f"one process measures one service, and `{others[0]}` is not measured")
            return seen.objects.proof(monitor), seen.objects.proof(config), content
    return _unmeasured(seen, why, asks)


def _unmeasured(seen: Seen, why: str, asks: str) -> Lacking:
    if seen.system.monitoring.capture is None:
        help_ = f"capture predictions, and add {asks}"
        return Lacking(why=why, path="monitoring.capture", help=help_, effort="hours")
    if not seen.plan.runs("monitoring").value:
        path = f"environments.{seen.objects.environment}.runs"
        return Lacking(why=f"{why}, because nothing monitors this environment", path=path, help="add `monitoring`")
    return Lacking(why=why, path="monitoring", help=f"add {asks}, and let mlspec measure it", effort="hours")


def _alerts(seen: Seen, content: dict[str, Any], fits: Callable[[Object], bool]) -> Iterator[Proof]:
    """The objects with the alerts of a kind on the measured service, each once."""
    service, shown = at(content, "monitoring", "service"), []
    for body, rule in seen.objects.alerts():
        severity, receiver, about = (at(rule, "labels", key) for key in ("severity", "receiver", "service"))
        if severity in SEVERITIES and receiver and about == service and fits(rule) and body not in shown:
            shown.append(body)
            yield seen.objects.proof(body)


def _violated(rule: Object) -> bool:
    found = VIOLATED.search(str(rule.get("expr")))
    return found is not None and float(found[1]) < 1


def _missed(rule: Object, bounds: list[str]) -> bool:
    return at(rule, "labels", "metric") in bounds and MISSED.search(str(rule.get("expr"))) is not None
