"""What a gate of an evaluation is based on: the observations behind its metric, in all test rows and per group."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Count, Percent
from ...because import Because, decision, first
from ...computed import QUERIES
from ...record import Record
from ...system import Evaluation, Model, Values
from ..choose import count, number
from .history import HistoryPlan

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["ALL_ROWS", "ONE_CLASS", "SHARES", "Known", "Sample"]

ALL_ROWS = ("accuracy", "balanced_accuracy", "brier_score", "expected_calibration_error", "selection_rate")
"""Classification metrics that depend on all rows; the others depend on the rows of the rarer class."""

ONE_CLASS = {"recall": "positive", "false_positive_rate": "negative"}
"""Metrics that depend on the rows of one class only."""

PER_QUERY = (*QUERIES, "ctr")
"""Metrics of queries. Only the evaluation knows how many queries its rows are."""

SHARES = ("accuracy", "recall", "false_positive_rate", "selection_rate", "exact_match", "schema_validity", "win_rate")
"""Metrics that are a share of the observations behind them."""


class Known(Record):
    """What is known about the value of a metric before the evaluation."""

    value: Because[float]
    of: str
    """Whose value it is, in words."""


class Sample:
    """The observations behind a metric of the evaluation, for all rows or for each value of a column."""

    def __init__(self, plan: Plan, evaluation: Evaluation, metric: Because[str], column: Because[str] | None) -> None:
        self.plan = plan
        self.evaluation = evaluation
        self.metric = metric
        self.column = column

    @property
    def past(self) -> HistoryPlan:
        """The data that the test rows come from."""
        return self.plan.history

    @property
    def base(self) -> str:
        """The metric without its cutoff."""
        return self.metric.value.partition("@")[0]

    @cached_property
    def events(self) -> Because[int] | None:
        """The observations behind the metric in all test rows; None if they are unknown."""
        rows = self.past.test if self.evaluation.test_set is None else None
        if rows is None or not rows.value or self.base in PER_QUERY:
            return None
        labels, task = self.plan.system.data.labels, self.plan.system.problem.task
        share = labels.positive_share if labels is not None else None
        if task.value != "binary-classification" or share is None or self.base in ALL_ROWS:
            return rows.also(task)
        if self.base in ONE_CLASS:
            return _of_one_class(rows, share, ONE_CLASS[self.base]).also(task)
        return self.past.events(rows).also(task)

    @cached_property
    def values(self) -> Because[int] | None:
        """How many values the column has at most; None without one, and if that is unknown."""
        if self.column is None:
            return None
        columns = {column.name.value: column for column in self.plan.system.data.columns}
        column = columns.get(self.column.value)
        given = column.values if column is not None else None
        return _values(given) if given is not None and (given.one_of or _some(given.max)) else None

    @cached_property
    def each(self) -> Because[int] | None:
        """The observations behind the metric per value of the column, if all values have equally many."""
        return _each(self.events, self.values) if self.events is not None and self.values is not None else None

    @cached_property
    def known(self) -> Known | None:
        """The metric of the live version, otherwise that of the selected candidate."""
        model = self._model
        if model is None:
            return None
        release, metric = self.plan.system.releases.get(model.own_name.value), self.metric.value
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


def _some(most: Because[Count] | None) -> bool:
    return most is not None and int(most.value) > 0


@decision
def _of_one_class(rows: Because[int], share: Because[Percent], which: str) -> tuple[int, str]:
    part = share.value if which == "positive" else Percent(1 - share.value.amount)
    return int(rows.value * part.amount), f"{part} of {number(rows.value)} test rows are {which}"


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
