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

from ....schema.units import Count, Duration, Margin, Measure, Percent, plain
from ...because import Because, because, decision, first, text
from ...computed import WITH_RESULT
from ...system import AlertRule, BatchService, Condition, CustomMetric, HumanPerformance, OnlineService, Release
from ..choose import assumed, count, readable
from ..serving.batch import BatchPlan
from .cadence import recorded
from .segments import most_values

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["QualityPlan", "label_limit"]

LEAST = 100
"""With 93 observations, Wilson's 95% interval of a share of one half is 10 points to either side."""


SIDES = ("positive", "negative")

OBSERVED = {
    "recall": "positive",
    "average_precision": "positive",
    "false_positive_rate": "negative",
    "roc_auc": "rarer",
    "matthews_corrcoef": "rarer",
    "balanced_accuracy": "rarer",
}
"""The rows that are observations, for metrics of two classes that do not count all of them (docs/diagnosing.md)."""

DAY = 86400


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

    @cached_property
    def estimated(self) -> Because[bool]:
        """Whether an estimate of the metric, before labels arrive, is compared with the bar. One that jobs of the
        author export may be of any metric.
        """
        if self.bar is None:
            return because(False, "an estimate is no difference from a rival", self.asked_bar)
        process = self.plan.measuring
        if process is None or not self.metric.needs_labels.value:
            return because(self.metric.needs_labels.value, "a job may estimate it", self.asked.metric)
        return process.estimates(self.asked)

    @property
    def _known(self) -> Because[float] | None:
        """The result of the rival that does not depend on the rows, if it is known."""
        versus, metric, system = self.asked.versus, self.asked.metric.value, self.plan.system
        if versus is None:
            return None
        if versus.value == "human":
            return _of_humans(system.problem.human_performance, metric)
        live = self._live if versus.value == "champion" else None
        return live.metrics.get(metric) if live is not None else None

    @property
    def _live(self) -> Release | None:
        """The live version that is judged: that of the service which the bound names, or the one that is measured."""
        plan, of = self.plan, self.asked.of
        named = plan.system.services.get(of.value) if of is not None else None
        if isinstance(named, (OnlineService, BatchService)):
            return plan.system.releases.get(plan.model_of(named).value)
        return plan.live

    @cached_property
    def columns(self) -> tuple[Because[str], ...]:
        """The columns by whose values the quality is judged."""
        return () if self.about_all_rows is not None else self.asked_columns

    @property
    def about_all_rows(self) -> Because[str] | None:
        """The rival, if its result is known for all rows only: nothing that the process measures compares a value of a
        column with it.
        """
        asked = self.asked
        known = asked.versus is not None and asked.versus.value in WITH_RESULT and self.given is None
        return asked.versus if known and self.plan.measuring is not None else None

    @cached_property
    def asked_columns(self) -> tuple[Because[str], ...]:
        """The columns that the spec asks for."""
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

    # What a window has

    @cached_property
    def seen(self) -> Because[int] | None:
        """The most observations behind the metric that a window has; None if the author's jobs measure, or if it is
        unknown.
        """
        process, labels = self.plan.measuring, self.plan.system.data.labels
        rows = recorded(self.plan, process.service.model.value) if process is not None else None
        if rows is None or process is None:
            return None
        run = process.service.total if isinstance(process.service, BatchPlan) else None
        drift, interval = self.plan.system.monitoring.drift, self.plan.system.monitoring.interval
        share = labels.positive_share if labels is not None else None
        which = OBSERVED.get(self.asked.metric.value)
        window = _window(interval, drift.window if drift is not None else None)
        return _seen(rows, window, share if which is not None else None, which or "", run)

    def each(self, column: Because[str]) -> Because[int] | None:
        """The same for each value of a column, if all are equally frequent."""
        columns = {one.name.value: one for one in self.plan.system.data.columns}
        known = columns.get(column.value)
        values = most_values(known)
        if self.seen is None or known is None or not values:
            return None
        sources = (known.dtype, known.values.max, *known.values.one_of) if known.values is not None else (known.dtype,)
        return _each(self.seen, because(values, f"one of {count(values, 'value')}", column, sources))


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
def label_limit(
    delay: Because[Duration], interval: Because[Duration], pause: Because[Duration] | None
) -> tuple[Duration, str]:
    """How old the newest prediction with a label may be: a label arrives after its delay, and a job sees it later.
    `pause` is the time between two predictions, if it is long.
    """
    total = delay.value.amount + 2 * interval.value.amount
    said = f"{readable(delay.value)} until labels arrive, and 2 x {interval.value} for the job that joins them"
    if pause is None:
        return Duration(total), said
    return Duration(total + pause.value.amount), f"{pause.reason}; {said}"


@decision
def _window(interval: Because[Duration], drift: Because[Duration] | None) -> tuple[Duration, str]:
    longer = max(interval.value, drift.value) if drift is not None else interval.value
    return longer, f"the longer of `monitoring.interval` and `monitoring.drift.window`, {longer}"


@decision
def _seen(
    rows: Because[float],
    window: Because[Duration],
    share: Because[Percent] | None,
    which: str,
    run: Because[Count] | None,
) -> tuple[int, str]:
    """`run` are the items of a batch run. A window has all of them, or none."""
    found = rows.value * float(window.value.amount) / DAY
    said = f"{rows.reason}, for {readable(window.value)}"
    if run is not None and found < float(run.value):
        found, said = float(run.value), f"{run.value} items of a run"
    if share is None:
        return int(found), said
    negative = Percent(1 - share.value.amount)
    part = {"positive": share.value, "negative": negative}.get(which, min(share.value, negative))
    what = f"are {which}" if which in SIDES else "are in the rarer class"
    return int(found * float(part)), f"{said}, and {part} of them {what}"


@decision
def _each(seen: Because[int], values: Because[int]) -> tuple[int, str]:
    return seen.value // values.value, f"{seen.reason}; {values.reason}, if all are equally frequent"
