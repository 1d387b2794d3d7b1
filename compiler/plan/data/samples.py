"""What each gate of an evaluation can show: the observations behind its metric, and the precision that they allow.

Traps that this module handles: the precision of a recall depends on the positives among the test rows, not on the test
rows; a gate on a segment judges every value of the column, so one of many values misses it by chance; a difference
between two models is less certain than either of them.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Measure
from ...because import Because, decision, first
from ...system import Condition, Evaluation
from ..choose import count, number
from .fairness import GapSample
from .history import chance_of_one
from .observed import SHARES, Sample
from .precision import auc_half_width, bar, fails_by_chance, share_half_width

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["GateSample", "SamplesPlan"]


class SamplesPlan:
    """The gates of the evaluation of the trained model."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def gates(self) -> tuple[GateSample, ...]:
        """Each gate with its sample, in the order of the spec; none where no model is trained."""
        evaluation = self.plan.system.evaluation
        if evaluation is None or self.plan.training is None:
            return ()
        return tuple(GateSample(self.plan, evaluation, gate) for gate in evaluation.gates if gate.of is None)

    @cached_property
    def gaps(self) -> tuple[GapSample, ...]:
        """Each bound on a gap between groups with its sample; none where no model is trained."""
        system = self.plan.system
        if system.evaluation is None or self.plan.training is None:
            return ()
        return tuple(GapSample(self.plan, system.evaluation, bound) for bound in system.constraints.fairness)


class GateSample(Sample):
    """One gate, and what its sample can show."""

    def __init__(self, plan: Plan, evaluation: Evaluation, gate: Condition) -> None:
        super().__init__(plan, evaluation, gate.metric, gate.segment)
        self.gate = gate

    @property
    def name(self) -> str:
        """What is measured, in words: `recall by country`."""
        by = f" by {self.gate.segment.value}" if self.gate.segment is not None else ""
        return f"{self.gate.metric.value}{by}"

    # What it shows

    @cached_property
    def precision(self) -> Because[float] | None:
        """How far the measured value can be from the true one, with 95% confidence; None if that is unknown."""
        if self.gate.segment is not None or self.events is None or not self.events.value:
            return None
        known = self.known.value if self.known is not None else None
        if self.base == "roc_auc" and known is not None and self.past.test is not None and 0 < known.value <= 1:
            return _of_auc(known, self.events, self.past.test)
        if self.base in SHARES:
            return _of_share(known, self.events)
        metric = self.plan.system.metrics[self.base]
        if metric.min is None or metric.max is None or (metric.min.value, metric.max.value) != (0, 1):
            return None
        return chance_of_one(self.events)

    @cached_property
    def difference(self) -> Because[float] | None:
        """The smallest difference from a rival that the gate can tell from chance."""
        return _difference(self.precision) if self.precision is not None and self.gate.versus is not None else None

    @property
    def _per_value(self) -> Because[int] | None:
        """The observations per value of the segment: as expected, otherwise the fewest that the gate accepts."""
        least = self.gate.min_samples
        on = first(self.each, least.map(int) if least is not None else None)
        return on if on is not None and on.value else None

    @cached_property
    def bar(self) -> Because[float] | None:
        """What each value of the segment must measure, because the gate compares the end of its interval."""
        limit, on = first(self.gate.min, self.gate.max), self._per_value
        if (
            self.base not in SHARES
            or limit is None
            or on is None
            or self.values is None
            or not 0 < limit.value.amount < 1
        ):
            return None
        return _bar(limit, on, self.values, self.gate.min is not None)

    @cached_property
    def odds(self) -> Because[float] | None:
        """The probability that the gate rejects a model as good as the known one in every value of the segment."""
        on = self._per_value
        if self.bar is None or self.known is None or self.values is None or on is None:
            return None
        if not 0 <= self.known.value.value <= 1:
            return None
        return _odds(self.bar, self.known.value, on, self.values, self.known.of, self.gate.min is not None)


# Decisions


@decision
def _of_share(known: Because[float] | None, events: Because[int]) -> tuple[float, str]:
    share = known.value if known is not None and 0 <= known.value <= 1 else 0.5
    said = f"at {share:g}" if known is not None else "at 0.5, the worst case"
    half = share_half_width(share, events.value)
    return half, f"half of Wilson's 95% interval {said} with {number(events.value)} observations: {events.reason}"


@decision
def _of_auc(known: Because[float], events: Because[int], rows: Because[int]) -> tuple[float, str]:
    others = max(1, rows.value - events.value)
    said = f"{known.value:g} with {number(events.value)} and {number(others)} rows of the two classes"
    return auc_half_width(known.value, events.value, others), f"Hanley and McNeil's 95% interval at {said}"


@decision
def _difference(precision: Because[float]) -> tuple[float, str]:
    """Two models on the same rows are positively correlated, so independent samples are the worst case."""
    each = f"{precision.value:.2g}"
    return math.sqrt(
        2
    ) * precision.value, f"at most sqrt(2) x {each}, because both models have an interval: {precision.reason}"


@decision
def _bar(limit: Because[Measure], events: Because[int], values: Because[int], least: bool) -> tuple[float, str]:
    many, asked = events.value, float(limit.value.amount)
    found = bar(asked, many, values.value, least=least)
    side = "lower" if least else "upper"
    return found, (
        f"the {side} end of each interval must meet {limit.value}, with {number(many)} observations and a 5% chance of "
        f"any wrong verdict among {count(values.value, 'value')}"
    )


@decision
def _odds(
    asked: Because[float],
    known: Because[float],
    events: Because[int],
    values: Because[int],
    of: str,
    least: bool,
) -> tuple[float, str]:
    found = fails_by_chance(known.value, asked.value, events.value, values.value, least=least)
    said = f"the {of} has {known.value:g}, and each of {count(values.value, 'value')} must measure {asked.value:.3g}"
    return found, f"{said} with {number(events.value)} observations"
