"""Unit tests of the rules, for promtool: each alert fires when it must, and otherwise stays silent.

They are files next to the plain rule file, one for each interval of evaluation. Valid for Prometheus 2.42 and 3.x:
`interval` is set, because 2.42 has no default for it, and no number depends on whether a window includes its first
sample (docs/configuration/unit_testing_rules.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...compiler.because import Because, because_of, fixed, roots
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.scope import Scope
from ...compiler.scenes.notation import Series, labeled
from ...compiler.scenes.served import Flow
from .. import naming
from .proof import DAY, Alert, Check, Fired, Flows, Scene
from .rendered import rendered

__all__ = ["unit_tests"]

PER_MINUTE = 600.0
"""The requests in a minute when all is well, unless the spec says that there are more."""

QUIET: tuple[tuple[str, Flows, tuple[int, ...]], ...] = (
    ("all is well", (Flow(minutes=170, rate=1),), (20, 60, 120, 170)),
    ("no traffic", (Flow(minutes=170, rate=0),), (20, 60, 120, 170)),
    (
        "a quiet hour, and health",
        (Flow(minutes=60, rate=1), Flow(minutes=60, rate=0), Flow(minutes=80, rate=1)),
        (50, 180, 200),
    ),
)
"""Situations in which no alert fires: the requests, as a share of those of a healthy minute, and when to look."""

EVERY = 10
"""The minutes between two evaluations there."""


def unit_tests(
    scope: Scope, name: Because[str], groups: Iterable[Body | Because[Body]], rates: Sequence[Because[float]]
) -> Iterator[Artifact]:
    """The tests of a rule file. `rates` are those of a healthy system, in requests per second: the highest counts."""
    bodies = (group.value if isinstance(group, Because) else group for group in groups)
    rules = [(rule, alert) for group in bodies for rule in group["rules"] if (alert := _alert(rule)) is not None]
    alerts = [alert for _, alert in rules]
    made: dict[int, list[Because[Body]]] = {}
    shown: set[int] = set()
    for rule, alert in rules:
        for scene in alert.proof.scenes if alert.proof is not None else ():
            made.setdefault(scene.every, []).append(_scene(alert, scene, rule, shown))
    busy = max([PER_MINUTE, *(60 * rate.value for rate in rates)])
    made.setdefault(EVERY, []).extend(_quiet(alerts, busy, (rules, rates)))
    read, own = (naming.path_of(scope, "monitoring", kind, name) for kind in ("Rules", "Tests"))
    for every, found in sorted((every, found) for every, found in made.items() if found):
        interval = f"{every // DAY}d" if every % DAY == 0 else f"{every}m"
        body: Body = {"rule_files": [read.rpartition("/")[2]], "evaluation_interval": interval, "tests": found}
        path = own if every == 1 else own.replace(".yaml", f".every-{interval}.yaml")
        yield Artifact(path=path, body=body, why=_tests(name, found))


def _alert(rule: object) -> Alert | None:
    body = rule.value if isinstance(rule, Because) else rule
    return body if isinstance(body, Alert) else None


def _tests(name: Because[str], found: Sequence[Because[Body]]) -> Because[str]:
    return because_of("tests", "each alert must fire, and stay silent", lambda: (name, roots(found)))


def _scene(alert: Alert, scene: Scene, rule: object, shown: set[int]) -> Because[Body]:
    """The test of a scene. `shown` holds the alerts whose labels and annotations an earlier one expects in full."""
    expected: dict[tuple[int, str], Body] = {}
    asked: list[Body] = []
    for check in scene.checks:
        if check.query or check.among or any(one.value is None for one in check.fired):
            asked += _asked(check)
        elif check.fired and shown.issuperset(id(one.alert) for one in check.fired):
            asked.append(_again(check))
        else:
            shown.update(id(one.alert) for one in check.fired)
            fired = [_fired(one) for one in check.fired]
            expected[check.minute, check.name] = _expected(check.minute, check.name, fired)
    test = _test(f"{alert['alert']}: {scene.name}", scene.step, scene.series, [*expected.values()], asked)
    return because_of(test, "what the alert watches", lambda: (alert, rule, roots(alert.others), _fire(scene)))


def _fire(scene: Scene) -> list[Alert]:
    return [one.alert for check in scene.checks for one in check.fired]


def _test(name: str, step: int, series: Series, expected: list[Body], asked: list[Body]) -> Body:
    return {
        "name": name,
        "interval": f"{step}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": expected or None,
        "promql_expr_test": asked or None,
    }


def _expected(minute: int, name: str, alerts: list[Body]) -> Body:
    return {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": alerts}


def _fired(one: Fired) -> Body:
    return {
        "exp_labels": _labels(one),
        "exp_annotations": rendered(one.alert["annotations"], one.value, one.labels),
    }


def _labels(one: Fired) -> Mapping[str, str]:
    kept = one.alert.proof.labels if one.alert.proof is not None else {}
    return {**kept, **one.labels, **rendered(one.alert["labels"], one.value)}


def _asked(check: Check) -> Iterator[Body]:
    one = fixed(1, "one result")
    if check.query:
        samples = [] if check.nothing else [{"labels": "{}", "value": one}]
        yield {"expr": check.query, "eval_time": f"{check.minute}m", "exp_samples": samples}
        return
    own = {"alertname": check.name, "alertstate": "firing"}
    yield {
        "expr": labeled("ALERTS", {**own, **check.among}),
        "eval_time": f"{check.minute}m",
        "exp_samples": [
            {"labels": labeled("ALERTS", {**own, **_labels(fired)}), "value": one} for fired in check.fired
        ],
    }


def _again(check: Check) -> Body:
    """A check that the same alerts fire, by the labels in which they differ."""
    keys = ["severity", *dict.fromkeys(key for one in check.fired for key in one.labels)]
    told = Counter([labeled("", {key: _labels(one).get(key, "") for key in keys}) for one in check.fired])
    firing = labeled("ALERTS", {"alertname": check.name, "alertstate": "firing"})
    return {
        "expr": f"count by ({', '.join(keys)}) ({firing})",
        "eval_time": f"{check.minute}m",
        "exp_samples": [{"labels": one, "value": fixed(count, "so many fire")} for one, count in told.items()],
    }


def _quiet(alerts: list[Alert], rate: float, depends: object) -> Iterator[Because[Body]]:
    """All alerts together, when nothing is wrong. No series is known for those without a proof, so they may fire. There
    is nothing to show for alerts that read only other alerts.
    """
    unknown = {alert["alert"] for alert in alerts if alert.proof is None}
    unknown -= {alert["alert"] for alert in alerts if alert.proof is not None}
    match = "".join([f',alertname!="{name}"' for name in sorted(unknown)])
    firing = f'ALERTS{{alertstate="firing"{match}}}'
    others = [alert.others for alert in alerts]
    for name, shares, minutes in QUIET:
        flows = [flow.but(rate=rate * flow.rate) for flow in shares]
        series: Series = {}
        for alert in alerts:
            series |= alert.proof.healthy(flows) if alert.proof is not None else {}
        if not series:
            return
        none = [{"expr": firing, "eval_time": f"{minute}m", "exp_samples": []} for minute in minutes]
        test = _test(f"every alert: {name}", 1, series, [], none)
        yield because_of(test, "no alert fires without a reason", lambda: roots(alerts, others, depends))
