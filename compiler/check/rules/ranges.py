"""Rules on values that cannot be: a metric outside its own range, and a search that cannot draw a single trial."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ....schema.units import Margin, Measure
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...record import Record
from ...system import AlertRule, Condition, CustomMetric, DoubleParameter, FairnessBound, IntParameter, MLSystem
from ..lint import rule

__all__ = ["impossible_metric", "log_scale_from_zero"]

Said = tuple[Because[str], Because[Any], float]
"""A metric, the value that the spec gives it, and its number."""


@rule(
    "MLS211",
    "error",
    "evaluation.gates.*.metric",
    "evaluation.gates.*.min",
    "evaluation.gates.*.max",
    "evaluation.gates.*.versus",
    "evaluation.gates.*.margin",
    "monitoring.quality.versus",
    "monitoring.quality.margin",
    "constraints.fairness",
    "releases.*.metrics",
    "models.*.candidates.*.metrics",
    "problem.humanPerformance",
    "metrics.*.min",
    "metrics.*.max",
)
def impossible_metric(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Metric with a value that it cannot have.

    Why: 0.94 and 94 are the same result in two notations, and mlspec compares them as numbers. A gate of `min: 95` on
    a metric from 0 to 1 rejects every model, and a champion with 91.2 is never beaten, so nothing new is registered. So
    does a margin beyond what is left to gain. A bound at the end of the range judges nothing: no share is above 100%.
    And no live version is better than itself, so a bar in production allows it to be worse, with a negative margin.

    Bad:
        release: {metrics: {roc_auc: 94.1}}
    Good:
        release: {metrics: {roc_auc: 0.941}}
    """
    for metric, given in _measures(system):
        if _foreign(system, metric, given):
            yield _other_unit(system, metric, given)
    for metric, given, value in _said(system):
        known = system.metrics[metric.value.partition("@")[0]]
        if not _outside(known, value):
            continue
        yield finding(
            "MLS211",
            f"`{metric.value}` cannot be {given.value}",
            given,
            others=((metric, _range(known)),),
            note=f"{_range(known)}, so a comparison with this value always has the same result",
            help=_instead(value, known.max),
        )
    yield from (_always_met(system, bound) for bound in _bounded(system) if _judges_nothing(system, bound))
    for bar in _bars(system, plan):
        yield from _of_live_version(system, bar.bound) or _unreachable(system, bar)
    for bound in system.constraints.fairness:
        if not _foreign(system, bound.metric, bound.max_gap):
            yield from _useless_gap(system, bound)


def _outside(known: CustomMetric, value: float) -> bool:
    low, high = known.min, known.max
    return (low is not None and value < low.value) or (high is not None and value > high.value)


def _judges_nothing(system: MLSystem, bound: Condition | AlertRule) -> bool:
    """Whether every value of the metric meets a bound."""
    known = system.metrics[bound.metric.value.partition("@")[0]]
    limit, end = (bound.max, known.max) if bound.max is not None else (bound.min, known.min)
    return limit is not None and end is not None and float(limit.value.amount) == end.value


def _always_met(system: MLSystem, bound: Condition | AlertRule) -> Diagnostic:
    limit, name = bound.max if bound.max is not None else bound.min, bound.metric.value
    assert limit is not None
    side, better = ("most", "lower") if bound.max is not None else ("least", "higher")
    return finding(
        "MLS211",
        f"`{name}` is always at {side} {limit.value}",
        limit,
        others=((bound.metric, _range(system.metrics[name.partition("@")[0]])),),
        note="every model passes this gate" if bound in _gates(system) else "the alert could never fire",
        help=f"write a {better} `{'max' if bound.max is not None else 'min'}`, or remove the bound",
    )


class _Bar(Record):
    """A bound relative to a rival, and where that puts it."""

    bound: Condition | AlertRule
    margin: Because[Margin]
    result: Because[float] | None
    """What the rival reaches, if it is known."""


def _bars(system: MLSystem, plan: Plan) -> Iterator[_Bar]:
    """The bounds with a margin that something is compared with in this environment."""
    judged = _gates(system) if plan.runs("training").value else ()
    watched = _watched(system) if plan.runs("monitoring").value else ()
    for bound in (*judged, *watched):
        if bound.versus is not None and bound.margin is not None:
            yield _Bar(bound=bound, margin=bound.margin, result=_result(system, plan, bound.versus, bound.metric))


def _result(system: MLSystem, plan: Plan, versus: Because[str], metric: Because[str]) -> Because[float] | None:
    """What a rival reaches, if the spec says it of the only model."""
    found = [one.result_of(versus, metric) for one in plan.selections.values()]
    if not found and versus.value == "champion":
        found = [release.metrics.get(metric.value) for release in system.releases.values()]
    return found[0] if len(found) == 1 else None


def _of_live_version(system: MLSystem, bound: Condition | AlertRule) -> list[Diagnostic]:
    """A bar in production that the live version has to exceed by more than itself."""
    margin, versus = bound.margin, bound.versus
    if margin is None or versus is None or versus.value != "champion" or margin.value.amount <= 0:
        return []
    if bound in _gates(system):
        return []
    return [
        finding(
            "MLS211",
            f"the live version cannot be {margin.value} better than itself in `{bound.metric.value}`",
            margin,
            others=((versus, "the live version"),),
            note="the alert would fire for as long as the version is as good as in its evaluation",
            help=f"write `-{margin.value}`: how much worse it may be",
        )
    ]


def _unreachable(system: MLSystem, bar: _Bar) -> Iterator[Diagnostic]:
    """A bar outside the range of its metric."""
    known, result = system.metrics[bar.bound.metric.value.partition("@")[0]], bar.result
    if result is None or _outside(known, result.value):
        return
    margin, up = bar.margin.value, known.direction.value == "maximize"
    unit = abs(result.value) if margin.relative else 1.0
    step = float(margin.amount) * unit
    limit = result.value + step if up else result.value - step
    low, high = known.min, known.max
    if not _outside(known, limit):
        return
    end = high if (step > 0) is up else low
    most = 0.0 if end is None or not unit else abs(end.value - result.value) / unit
    room = f"{100 * most:.4g}%" if margin.relative else f"{most:.4g}"
    yield finding(
        "MLS211",
        f"`{bar.bound.metric.value}` cannot be {limit:.6g}, which is a margin of {margin} from {result.value:g}",
        bar.margin,
        others=((result, "what the rival reaches"),),
        note=f"{_range(known)}, so a comparison with this value always has the same result",
        help=f"write a margin below `{room}`, which is all that is left to gain"
        if step > 0
        else f"write a margin above `-{room}`, which is all that is left to lose",
    )


def _bounded(system: MLSystem) -> Iterator[Condition | AlertRule]:
    yield from _gates(system)
    yield from _watched(system)


def _gates(system: MLSystem) -> tuple[Condition, ...]:
    return system.evaluation.gates if system.evaluation is not None else ()


def _watched(system: MLSystem) -> Iterator[Condition | AlertRule]:
    """The bounds in production."""
    yield from system.monitoring.rules
    if system.monitoring.quality is not None:
        yield system.monitoring.quality


_UNITS = {"s": "seconds", "/s": "per-second"}
"""What a unit says about the metric's; a plain number or a percentage fits all."""


def _measures(system: MLSystem) -> Iterator[tuple[Because[str], Because[Measure]]]:
    """Every metric with a value that can have a unit."""
    for bound in _bounded(system):
        yield from ((bound.metric, limit) for limit in (bound.min, bound.max) if limit is not None)
    yield from ((gap.metric, gap.max_gap) for gap in system.constraints.fairness)
    for model in system.models.values():
        yield from ((gap.metric, gap.value) for candidate in model.candidates for gap in candidate.gaps)


def _foreign(system: MLSystem, metric: Because[str], given: Because[Measure]) -> bool:
    """Whether the unit of a value is not that of the metric."""
    known = system.metrics[metric.value.partition("@")[0]].unit.value
    return _UNITS.get(given.value.unit, known) != known


def _other_unit(system: MLSystem, metric: Because[str], given: Because[Measure]) -> Diagnostic:
    known = system.metrics[metric.value.partition("@")[0]]
    return finding(
        "MLS211",
        f"`{metric.value}` and {given.value} have different units",
        given,
        others=((metric, f"its unit is {known.unit.value}"),),
        note="numbers with different units cannot be compared",
        help="write the value in the unit of the metric",
    )


def _useless_gap(system: MLSystem, bound: FairnessBound) -> Iterator[Diagnostic]:
    """A bound on a gap that no model meets, or that every model does."""
    known, gap = system.metrics[bound.metric.value.partition("@")[0]], float(bound.max_gap.value.amount)
    low, high = known.min, known.max
    widest = high.value - low.value if low is not None and high is not None else math.inf
    if 0 < gap < widest:
        return
    yield finding(
        "MLS211",
        f"a gap in `{bound.metric.value}` of at most {bound.max_gap.value} is "
        f"{'met by every model' if gap > 0 else 'met by no model'}",
        bound.max_gap,
        others=((bound.metric, _range(known)),) if widest < math.inf else (),
        note="two groups never measure exactly the same" if gap <= 0 else "the bound would judge nothing",
        help=_instead(gap, high) if gap > 0 else "write the largest difference that you accept, such as `maxGap: 5%`",
    )


def _said(system: MLSystem) -> Iterator[Said]:
    """Every value of a metric in the spec, except those whose order is all that counts."""
    for bound in _bounded(system):
        for limit in (bound.min, bound.max):
            if limit is not None and not _foreign(system, bound.metric, limit):
                yield bound.metric, limit, float(limit.value.amount)
    scored = [release.metrics for release in system.releases.values()]
    scored += [candidate.metrics for model in system.models.values() for candidate in model.candidates]
    for metrics in scored:
        for name, value in metrics.items():
            yield Because(name, "", (value,)), value, value.value
    human = system.problem.human_performance
    if human is not None:
        yield human.metric, human.value, human.value.value


def _range(known: CustomMetric) -> str:
    low, high = known.min, known.max
    if low is not None and high is not None:
        return f"its values are from {low.value:g} to {high.value:g}"
    word, bound = ("at least", low) if low is not None else ("at most", high)
    assert bound is not None
    return f"its values are {word} {bound.value:g}"


def _instead(value: float, high: Because[float] | None) -> str:
    if high is not None and high.value == 1 and 1 < value <= 100:
        return f"write `{value / 100:.6g}`: a share, not a percentage"
    return "write a value that the metric can have, or declare another metric under `metrics`"


@rule("MLS708", "error", "training.tuning.parameters")
def log_scale_from_zero(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Log scale with a bound that has no logarithm.

    Why: a search on a log scale draws the exponent of a value, and neither zero nor a negative number has one. The
    search fails at its first trial, in the cluster.

    Bad:
        training:
          tuning:
            parameters:
              learning_rate: {type: double, min: 0, max: 0.1, scale: log}
    Good:
        training:
          tuning:
            parameters:
              learning_rate: {type: double, min: 0.0001, max: 0.1, scale: log}
    """
    tuning = system.training.tuning if system.training is not None else None
    for name, parameter in tuning.parameters.items() if tuning is not None else ():
        if not isinstance(parameter, (DoubleParameter, IntParameter)):
            continue
        if parameter.scale.value == "log" and parameter.min.value <= 0:
            yield finding(
                "MLS708",
                f"`{name}` starts at {parameter.min.value:g}, which has no logarithm",
                parameter.min,
                others=((parameter.scale, "the log scale"),),
                note="the search would fail at its first trial",
                help="write a smallest value above 0, or `scale: linear`",
            )
