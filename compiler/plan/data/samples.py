"""What each gate of an evaluation can show: the observations behind its metric, and the precision that they allow.

Traps that this module handles: the precision of a recall depends on the positives among the test rows, not on the test
rows; a gate on a segment judges every value of the column, so one of many values misses it by chance; a difference
between two models is less certain than either of them.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Count, Measure, Percent
from ...because import Because, decision, first
from ...record import Record
from ...system import Condition, Evaluation, Model, Values
from ..choose import count, number
from .history import HistoryPlan, chance_of_one
from .precision import auc_half_width, bar, fails_by_chance, share_half_width

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["ALL_ROWS", "GateSample", "SamplesPlan"]

ALL_ROWS = ("accuracy", "balanced_accuracy", "brier_score", "expected_calibration_error")
"""Classification metrics that depend on all rows; the others depend on the rows of the rarer class."""

POSITIVES = ("recall",)
"""Metrics that depend on the positives only."""

PER_QUERY = ("ndcg", "map", "mrr", "precision_at", "recall_at", "hit_rate", "ctr")
"""Metrics of queries. Only the evaluation knows how many queries its rows are."""

SHARES = ("accuracy", "recall", "exact_match", "schema_validity", "win_rate")
"""Metrics that are a share of the observations behind them."""


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


class Known(Record):
    """What is known about the value of a metric before the evaluation."""

    value: Because[float]
    of: str
    """Whose value it is, in words."""


class GateSample:
    """One gate, and what its sample can show."""

    def __init__(self, plan: Plan, evaluation: Evaluation, gate: Condition) -> None:
        self.plan = plan
        self.evaluation = evaluation
        self.gate = gate

    @property
    def name(self) -> str:
        """What is measured, in words: `recall by country`."""
        by = f" by {self.gate.segment.value}" if self.gate.segment is not None else ""
        return f"{self.gate.metric.value}{by}"

    @property
    def past(self) -> HistoryPlan:
        """The data that the test rows come from."""
        return self.plan.history

    @property
    def _base(self) -> str:
        return self.gate.metric.value.partition("@")[0]

    # The sample

    @cached_property
    def events(self) -> Because[int] | None:
        """The observations behind the metric in all test rows; None if they are unknown."""
        rows = self.past.test if self.evaluation.test_set is None else None
        if rows is None or not rows.value or self._base in PER_QUERY:
            return None
        labels, task = self.plan.system.data.labels, self.plan.system.problem.task
        share = labels.positive_share if labels is not None else None
        if task.value != "binary-classification" or share is None or self._base in ALL_ROWS:
            return rows.also(task)
        return (_positives(rows, share) if self._base in POSITIVES else self.past.events(rows)).also(task)

    @cached_property
    def values(self) -> Because[int] | None:
        """How many values the segment has at most; None without a segment, and if that is unknown."""
        if self.gate.segment is None:
            return None
        columns = {column.name.value: column for column in self.plan.system.data.columns}
        column = columns.get(self.gate.segment.value)
        given = column.values if column is not None else None
        return _values(given) if given is not None and (given.one_of or _some(given.max)) else None

    @cached_property
    def each(self) -> Because[int] | None:
        """The observations behind the metric per value of the segment, if all values have equally many."""
        return _each(self.events, self.values) if self.events is not None and self.values is not None else None

    @cached_property
    def known(self) -> Known | None:
        """The metric of the live version, otherwise that of the selected candidate."""
        model = self._model
        if model is None:
            return None
        release, metric = self.plan.system.releases.get(model.own_name.value), self.gate.metric.value
        live = release.metrics.get(metric) if release is not None else None
        chosen = next((one.metrics.get(metric) for one in model.candidates if one.selected.value), None)
        found = first(live, chosen)
        return Known(value=found, of="live version" if live is not None else "candidate") if found is not None else None

    @property
    def _model(self) -> Model | None:
        models = self.plan.system.models
        if len(models) == 1:
            return next(iter(models.values()))
        return models.get(self.plan.system.metadata.name.value)

    # What it shows

    @cached_property
    def precision(self) -> Because[float] | None:
        """How far the measured value can be from the true one, with 95% confidence; None if that is unknown."""
        if self.gate.segment is not None or self.events is None or not self.events.value:
            return None
        known = self.known.value if self.known is not None else None
        if self._base == "roc_auc" and known is not None and self.past.test is not None and 0 < known.value <= 1:
            return _of_auc(known, self.events, self.past.test)
        if self._base in SHARES:
            return _of_share(known, self.events)
        metric = self.plan.system.metrics[self._base]
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
            self._base not in SHARES
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


def _some(most: Because[Count] | None) -> bool:
    return most is not None and int(most.value) > 0


# Decisions


@decision
def _positives(rows: Because[int], share: Because[Percent]) -> tuple[int, str]:
    return int(rows.value * share.value.amount), f"{share.value} of {number(rows.value)} test rows are positive"


@decision
def _values(values: Values) -> tuple[int, str]:
    if values.one_of:
        return len(values.one_of), f"the column has {count(len(values.one_of), 'value')}"
    assert values.max is not None
    return int(values.max.value), f"the column has at most {count(int(values.max.value), 'value')}"


@decision
def _each(events: Because[int], values: Because[int]) -> tuple[int, str]:
    each = events.value // values.value
    said = f"{number(events.value)} observations / {count(values.value, 'value')}, if all are equally frequent"
    return each, f"{said}: {events.reason}"


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
