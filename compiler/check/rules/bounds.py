"""Rules on several bounds in `monitoring`: each one needs alerts of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from ....schema.units import Duration
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.data.quality import QualityPlan
from ...system import AlertRule, Condition, MLSystem
from ..lint import rule
from .watching import of_quality

__all__ = ["same_alert_twice"]

Bound = Condition | AlertRule


@rule(
    "MLS737",
    "error",
    *(f"monitoring.rules.*.{name}" for name in ("metric", "of", "min", "max", "versus", "margin", "severity")),
    *(f"monitoring.quality.{name}" for name in ("metric", "of", "min", "max", "versus", "margin")),
)
def same_alert_twice(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Two bounds that become the same alert.

    Why: Alertmanager identifies an alert by its labels. Two alerts with the same labels overwrite each other, so the
    notification shows the text of one of them, and one that ends resolves the other.

    Bad:
        monitoring:
          rules:
            - {metric: null-rate, max: 5%}
            - {metric: null-rate, max: 5%, for: 2h}
    Good:
        monitoring:
          rules:
            - {metric: null-rate, max: 5%, severity: ticket}
            - {metric: null-rate, max: 20%, severity: page}
    """
    quality = system.monitoring.quality
    bounds: tuple[Bound, ...] = (*((quality,) if quality is not None else ()), *system.monitoring.rules)
    for one, other in combinations([bound for bound in bounds if _measured(system, bound)], 2):
        if _identified(plan, one) == _identified(plan, other) and _collide(system, one, other):
            yield finding(
                "MLS737",
                f"two bounds on `{other.metric.value}` become the same alert",
                other,
                others=((one, "the first one"),),
                note="they would have the same labels, so Alertmanager would take them for one alert",
                help="remove one of them, or give them different bounds",
            )


def _measured(system: MLSystem, bound: Bound) -> bool:
    """Whether a bound becomes an alert; MLS732 is about those without a number to compare with."""
    return of_quality(system, bound) or bound.min is not None or bound.max is not None


def _identified(plan: Plan, bound: Bound) -> tuple[str, ...]:
    """What the labels say about a bound, except its severity."""
    of = bound.of.value if bound.of is not None else ""
    return bound.metric.value, of, QualityPlan(plan, bound).asked_bar.value


def _collide(system: MLSystem, one: Bound, other: Bound) -> bool:
    """Whether alerts of two bounds with the same bar have the same labels, but differ otherwise.

    A bound on the quality also has tickets, whatever its severity. On other columns, it has the same alert on all rows,
    which is written once.
    """
    same = _severity(one) == _severity(other)
    if not of_quality(system, one):
        return same
    least = [each.min_samples.value if each.min_samples is not None else None for each in (one, other)]
    columns = [each.segment.value if each.segment is not None else None for each in (one, other)]
    return least[0] != least[1] or (same and (columns[0] == columns[1] or _raised(one) != _raised(other)))


def _severity(bound: Bound) -> str:
    return bound.severity.value if isinstance(bound, AlertRule) else "page"


def _raised(bound: Bound) -> tuple[Duration | None, str | None]:
    """How long an alert waits, and what its owner does; nothing for the quality, which has no such fields."""
    if not isinstance(bound, AlertRule):
        return None, None
    return bound.for_.value, bound.action.value if bound.action is not None else None
