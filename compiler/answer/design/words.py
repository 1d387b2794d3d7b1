"""What several sections say in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....schema.units import Margin, Measure
from ...because import Because, Unavailable, decision, first
from ...check.not_yet import compiled
from ...plan.choose import percentiles
from ...system import Condition, Latency, SuccessCriterion
from ..memo.line import Line, shown
from .document import DesignGap
from .draft import Gap, Said, Table, given, just, say

__all__ = ["bounds", "conditions", "gap", "listed"]

RIVALS = {"champion": "the live version", "naive": "the naive baseline", "human": "people"}


def gap(what: str, field: str, why: str) -> Gap:
    """What the spec does not declare."""
    return Gap(gap=DesignGap(what=what, field=field, why=why, compiled=compiled(field)))


def bounds(name: str, latency: Latency) -> list[Line]:
    """The bounds on each percentile."""
    return [line for percentile, value in percentiles(latency).items() for line in given(f"{name} {percentile}", value)]


def listed(values: Sequence[Because[Any]], last: str = "and") -> Said | None:
    """`a, b, and c`; None if there are none."""
    return _listed(tuple(values), last) if values else None


@decision
def _listed(values: tuple[Because[Any], ...], last: str) -> tuple[str, str]:
    words = [shown(value.value) for value in values]
    if len(words) < 3:
        return f" {last} ".join(words), ""
    return f"{', '.join(words[:-1])}, {last} {words[-1]}", ""


def conditions(
    caption: str, asked: Sequence[Condition | SuccessCriterion], champion: str = RIVALS["champion"]
) -> Table:
    """Bounds on metrics. `champion` says what the live version is compared with."""
    rows = [
        (
            first(say("{metric} of {of}", metric=one.metric, of=one.of), just(one.metric)),
            _bound(one.min, one.max, one.versus, one.margin, champion),
            just(one.segment),
            just(one.min_samples.map(int) if one.min_samples is not None else None),
            just(one.by) if isinstance(one, SuccessCriterion) else None,
        )
        for one in asked
    ]
    head = ("metric", "bound", "for every", "observations, at least", "by")
    kept = [at for at in range(len(head)) if any(row[at] is not None for row in rows)]
    return Table(
        caption=caption,
        head=tuple(head[at] for at in kept),
        rows=tuple(tuple(row[at] for at in kept) for row in rows),
    )


@decision
def _bound(
    least: Because[Measure] | None,
    most: Because[Measure] | None,
    versus: Because[str] | None,
    margin: Because[Margin] | None,
    champion: str,
) -> tuple[str, str]:
    if least is not None or most is not None:
        return (
            f"at least {least.value}" if least is not None else f"at most {most.value}" if most is not None else ""
        ), ""
    if versus is None:
        raise Unavailable("bound")  # a condition without a bound is an error that has been reported
    rival = {**RIVALS, "champion": champion}.get(versus.value, versus.value)
    if margin is None or not margin.value.amount:
        return f"no worse than {rival}", ""
    distance = str(margin.value)
    if distance.startswith("-"):
        return f"at most {distance[1:]} worse than {rival}", ""
    return f"at least {distance} better than {rival}", ""
