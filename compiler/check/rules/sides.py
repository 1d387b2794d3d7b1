"""Rules on the side of a bound: what is good must pass it, wherever the spec bounds a metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...diagnostics import Diagnostic, Edit, Fix
from ...finding import finding
from ...plan import Plan
from ...plan.rollout.rollback import METRICS
from ...record import Record
from ...system import AlertRule, BusinessMetric, Condition, CustomMetric, MLSystem, SuccessCriterion
from ...tree import Mapping
from ..lint import rule

__all__ = ["PLACES", "wrong_side"]

Bound = AlertRule | Condition | SuccessCriterion


class Place(Record):
    """Somewhere that bounds metrics."""

    bounds: Callable[[MLSystem], Sequence[Bound]]
    consequence: str


def _gates(system: MLSystem) -> Sequence[Bound]:
    return system.evaluation.gates if system.evaluation is not None else ()


def _watched(system: MLSystem) -> Sequence[Bound]:
    quality = system.monitoring.quality
    return (*((quality,) if quality is not None else ()), *system.monitoring.rules)


def _rollbacks(system: MLSystem) -> Sequence[Bound]:
    """Without those on what analyses count, which has a maximum or is refused (MLS012)."""
    return [one for one in system.rollout.rollback_when if one.metric.value not in METRICS.values()]


PLACES: dict[str, Place] = {
    "evaluation.gates": Place(bounds=_gates, consequence="the gate rejects every good model, and passes every bad one"),
    "monitoring": Place(bounds=_watched, consequence="the alert fires while all is well, and never when it is not"),
    "rollout.rollbackWhen": Place(bounds=_rollbacks, consequence="every good version would be rolled back"),
    "success": Place(
        bounds=lambda system: system.success, consequence="the system would count as a success while it is bad"
    ),
}
"""All places where the spec bounds metrics. Gaps in fairness only have a maximum, and `detect` has its own check."""


@rule(
    "MLS226",
    "error",
    *(
        f"{place}.{field}"
        for place in (
            "evaluation.gates.*",
            "monitoring.quality",
            "monitoring.rules.*",
            "rollout.rollbackWhen.*",
            "success.*",
        )
        for field in ("metric", "of", "min", "max")
    ),
    "metrics.*.twoSided",
    "problem.businessMetric",
)
def wrong_side(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Bound on the side of better values.

    Why: what is good fails it, and what is bad passes. A gate of `max: 0.3` on a metric that grows with quality rejects
    every good model, and an alert of `min: 8%` on an error pages while the model is good, and never when it is bad. A
    ceiling against results that are too good to be true is fine next to a bound on the other side. A metric whose
    bounds make sense on either side alone says so with `twoSided`.

    Bad:
        evaluation:
          gates: [{metric: ndcg@10, max: 0.3}]
    Good:
        evaluation:
          gates: [{metric: ndcg@10, min: 0.3}, {metric: ndcg@10, max: 0.95}]
    """
    for place in PLACES.values():
        bounds = place.bounds(system)
        for bound in bounds:
            metric = system.metrics[bound.metric.value.partition("@")[0]]
            if _is_wrong(bound, metric) and not any(_completes(other, bound, metric) for other in bounds):
                yield _turned(bound, metric, place.consequence)
    if system.problem.business_metric is not None:
        yield from _worse_than_today(system.problem.business_metric)


def _right(metric: CustomMetric) -> str:
    """The bound that good values pass."""
    return "min" if metric.direction.value == "maximize" else "max"


def _is_wrong(bound: Bound, metric: CustomMetric) -> bool:
    limit = bound.max if _right(metric) == "min" else bound.min
    return limit is not None and not metric.two_sided.value


def _completes(other: Bound, bound: Bound, metric: CustomMetric) -> bool:
    """Whether another bound in the same place makes this one the other end of a range that some values are in."""
    if other.metric.value != bound.metric.value or _named(other) != _named(bound):
        return False
    low, high = (other.min, bound.max) if _right(metric) == "min" else (bound.min, other.max)
    return low is not None and high is not None and low.value.amount <= high.value.amount


def _named(bound: Bound) -> str:
    return bound.of.value if bound.of is not None else ""


def _turned(bound: Bound, metric: CustomMetric, consequence: str) -> Diagnostic:
    right, wrong = ("min", "max") if _right(metric) == "min" else ("max", "min")
    limit = bound.max if wrong == "max" else bound.min
    assert limit is not None
    name = bound.metric.value
    return finding(
        "MLS226",
        f"`{wrong}: {limit.value}` bounds `{name}` on the side of its better values",
        limit,
        others=((bound.metric, f"{'more' if right == 'min' else 'less'} is better"),),
        note=consequence,
        help=f"write `{right}: {limit.value}` instead of `{wrong}`, or add a bound on `{name}` with `{right}` if this "
        "one is against values that are too good to be true",
        fix=_renamed(bound, wrong, right),
    )


def _renamed(bound: Bound, wrong: str, right: str) -> Fix | None:
    key = bound.node.keys.get(wrong) if isinstance(bound.node, Mapping) else None
    return Fix(edits=(Edit(span=key.span, text=right),), safe=False) if key is not None else None


def _worse_than_today(known: BusinessMetric) -> Iterator[Diagnostic]:
    today, target, direction = known.today, known.target, known.direction
    if today is None or target is None or target.value == today.value:
        return
    other, side = ("decrease", "above") if direction.value == "increase" else ("increase", "below")
    if (target.value > today.value) != (side == "above"):
        yield finding(
            "MLS226",
            f"a target of {target.value:g} is worse than the {today.value:g} of today",
            target,
            others=((today, "today"), (direction, "the direction of improvement")),
            note="the system would count as a success while the business gets worse",
            help=f"write `direction: {other}`, or a target {side} {today.value:g}",
        )
