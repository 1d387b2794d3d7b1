"""When the quality in production is too low: the bar, the fewest samples for a verdict, and the groups to look at.

A measured metric is uncertain, so a verdict compares an end of its 95% interval with the bar: if even the favorable end
misses it, the quality is too low. If the bar is inside the interval, nothing is known yet.

Traps that this module handles: two models that are compared on the same rows need the interval of their difference,
because two separate intervals overlap even when the difference is certain; the result of the live version in its
evaluation is about all rows, so it is no bar for one country.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Count, Duration, Margin, Measure, plain
from ...because import Because, decision, first, text
from ...system import AlertRule, Condition, CustomMetric, HumanPerformance
from ..choose import assumed, count, readable

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["QualityPlan", "label_limit"]

LEAST = 100
"""With 93 observations, Wilson's 95% interval of a share of one half is 10 points to either side."""


class QualityPlan:
    """A bound on a metric that needs labels."""

    def __init__(self, plan: Plan, asked: Condition | AlertRule) -> None:
        self.plan = plan
        self.asked = asked

    @cached_property
    def metric(self) -> CustomMetric:
        """What is known about the metric."""
        return self.plan.system.metrics[self.asked.metric.value.partition("@")[0]]

    @cached_property
    def more_is_better(self) -> Because[bool]:
        """Whether the bar is a minimum."""
        return _side(self.asked.min, self.asked.max, self.metric.direction)

    @cached_property
    def given(self) -> Because[float] | None:
        """The bar that the spec states, for all rows and for every group."""
        limit = first(self.asked.min, self.asked.max)
        return _limit(limit) if limit is not None else None

    @property
    def asked_bar(self) -> Because[str]:
        """The bar as the spec states it, which names the bound: a number, or a rival with its margin."""
        asked = self.asked
        limit = first(asked.min, asked.max)
        if limit is not None:
            return limit.map(str)
        assert asked.versus is not None
        if asked.margin is None:
            return asked.versus
        return text("{versus} {margin}", versus=asked.versus, margin=asked.margin.map(str))

    @cached_property
    def bar(self) -> Because[float] | None:
        """The bar for all rows; None if a job has to measure the difference from a rival."""
        if self.given is not None or self.asked.versus is None:
            return self.given
        known = self._known
        return (
            _of_result(known, self.asked.versus, self.asked.margin, self.more_is_better) if known is not None else None
        )

    @property
    def _known(self) -> Because[float] | None:
        """The result of the rival that does not depend on the rows, if it is known."""
        versus, metric, system = self.asked.versus, self.asked.metric.value, self.plan.system
        if versus is None:
            return None
        if versus.value == "human":
            return _of_humans(system.problem.human_performance, metric)
        results = [release.metrics.get(metric) for release in system.releases.values()]
        return results[0] if versus.value == "champion" and len(results) == 1 else None

    @cached_property
    def columns(self) -> tuple[Because[str], ...]:
        """The columns by whose values the quality is judged."""
        own = (self.asked.segment,) if self.asked.segment is not None else ()
        found: dict[str, Because[str]] = {}
        for column in (*own, *self.plan.system.monitoring.segments):
            found.setdefault(column.value, column)
        return tuple(found.values())

    @cached_property
    def least(self) -> Because[int]:
        """The fewest observations for a verdict."""
        given = self.asked.min_samples
        if given is not None:
            return _least(given)
        path = f"{self.asked.spec_path}.minSamples"
        return assumed(path, LEAST, "with fewer, the interval of a share is wider than 10 points to either side")


def _of_humans(known: HumanPerformance | None, metric: str) -> Because[float] | None:
    return known.value.also(known.metric) if known is not None and known.metric.value == metric else None


@decision
def _side(least: Because[Measure] | None, most: Because[Measure] | None, direction: Because[str]) -> tuple[bool, str]:
    if least is not None or most is not None:
        return least is not None, "the side of the bound"
    return direction.value == "maximize", "the direction of the metric"


@decision
def _limit(limit: Because[Measure]) -> tuple[float, str]:
    return float(limit.value.amount), f"the bound of {limit.value}"


@decision
def _least(least: Because[Count]) -> tuple[int, str]:
    return int(least.value), f"a verdict needs {count(int(least.value), 'observation')}"


@decision
def _of_result(
    known: Because[float], versus: Because[str], margin: Because[Margin] | None, more: Because[bool]
) -> tuple[float, str]:
    result = Decimal(str(known.value))
    whose = "of humans" if versus.value == "human" else "of the live version in its evaluation"
    if margin is None:
        return known.value, f"the result {whose}"
    better = margin.value.amount * (abs(result) if margin.value.relative else 1)
    bar = result + better if more.value else result - better
    return float(bar), f"{plain(result)}, the result {whose}, with a margin of {margin.value}"


@decision
def label_limit(delay: Because[Duration], interval: Because[Duration]) -> tuple[Duration, str]:
    """How old the newest prediction with a label may be: a label arrives after its delay, and a job sees it later."""
    total = Duration(delay.value.amount + 2 * interval.value.amount)
    return total, f"{readable(delay.value)} until labels arrive, and 2 x {interval.value} for the job that joins them"
