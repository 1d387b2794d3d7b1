"""How much of the data's history is left for training, and how many rows that is.

The most recent rows have no labels yet. A split by time leaves gaps between its parts; otherwise the last training rows
would have labels that were not known yet at the time of the first test row. What is left after both is split into the
parts (R. Hyndman and G. Athanasopoulos, Forecasting: principles and practice, third edition, section 5.10; M. Lopez de
Prado, Advances in financial machine learning, 2018, section 7.4, calls the gaps an embargo).

Traps that this module handles: the feature source with the shortest history limits the whole; the daily volume implies
the length of the history only for the source of the training rows, because other sources may be rewritten every day.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property

from ....schema.units import Count, Duration, Percent
from ...because import Because, decision
from ...system import DataSource, MLSystem, Split, TemporalSplit
from ..choose import count, number

__all__ = ["HistoryPlan", "chance_of_best", "chance_of_one"]

SURE = 1.96
"""The number of standard errors that contain 95% of a normal variable."""

DAY = 86400

LONGEST = 36500
"""The maximum history in days: no data set goes back more than a century."""


class HistoryPlan:
    """The history of the training data of a system."""

    def __init__(self, system: MLSystem) -> None:
        self.system = system

    @property
    def split(self) -> Split | None:
        """How the rows are split."""
        return self.system.data.split

    @cached_property
    def source(self) -> DataSource | None:
        """The source of the training rows: the only source, else that of the split column, else that of the labels."""
        sources = {source.name.value: source for source in self.system.data.sources}
        if len(sources) == 1:
            return next(iter(sources.values()))
        return sources.get(self.named.value) if self.named is not None else None

    @cached_property
    def named(self) -> Because[str] | None:
        """The value that names this source, or None if there is only one. Everything about its rows depends on it."""
        if len(self.system.data.sources) < 2:
            return None
        columns = {column.name.value: column.from_ for column in self.system.data.columns}
        split, labels = self.split, self.system.data.labels
        named = columns.get(split.column.value) if isinstance(split, TemporalSplit) else None
        if named is None and labels is not None:
            named = labels.source if labels.source is not None else columns.get(labels.column.value)
        return named

    @cached_property
    def length(self) -> Because[Duration] | None:
        """How far back the data goes: the shortest history of its sources; None if it is unknown."""
        volumes = [source.volume for source in self.system.data.sources if source.volume is not None]
        given = [volume.history for volume in volumes if volume.history is not None]
        own = self.source.volume if self.source is not None else None
        if own is not None and own.history is None and own.records is not None and own.daily is not None:
            given += [_estimated(own.records, own.daily)] if own.daily.value.amount else []
        return _shortest(self.named, *sorted(given, key=lambda history: history.value.amount)) if given else None

    @cached_property
    def left(self) -> Because[Duration] | None:
        """The history that is left to split; zero or negative if label delay and gaps use it up."""
        if self.length is None:
            return None
        labels, split = self.system.data.labels, self.split
        delay = labels.delay if labels is not None else None
        if isinstance(split, TemporalSplit):
            return _left(self.length, delay, split.gap, split.train, split.validation, split.test)
        return _left(self.length, delay)

    @cached_property
    def rows(self) -> Because[int] | None:
        """The rows in the remaining history; None if their number is unknown."""
        volume = self.source.volume if self.source is not None else None
        records = volume.records if volume is not None else None
        rows = _rows(records, self.left, self.length, self.named) if records is not None else None
        labels, labeled = self.system.data.labels, self._labels
        if rows is None or labels is None or labels.source is None:
            return rows
        if labeled is None:
            return rows.also(labels.source)
        return _labeled(rows, labeled, labels.unlabeled).also(labels.source)

    @property
    def _labels(self) -> Because[Count] | None:
        """How many labels there are, if another source than that of the rows delivers them."""
        labels = self.system.data.labels
        if labels is None or labels.source is None or self.source is None:
            return None
        sources = {source.name.value: source.volume for source in self.system.data.sources}
        volume = sources.get(labels.source.value)
        return volume.records if volume is not None and labels.source.value != self.source.name.value else None

    def part(self, name: str) -> Because[int] | None:
        """The rows of one part of the split: `train`, `validation` or `test`."""
        if self.rows is None or self.split is None:
            return None
        share: Because[Percent] = getattr(self.split, name)
        return _part(self.rows, share, name)

    @cached_property
    def chosen_by(self) -> Because[int] | None:
        """The rows that trials are compared on: the validation rows, or all but the test rows with cross-validation."""
        folds = self.system.training.cross_validation if self.system.training is not None else None
        if folds is not None and self.train is not None and self.validation is not None:
            return _folded(self.train, self.validation, folds.folds, folds.order)
        return self.validation

    def events(self, rows: Because[int]) -> Because[int]:
        """How many of some rows belong to the rarer class, which limits the precision of its metrics."""
        labels = self.system.data.labels
        share = labels.positive_share if labels is not None else None
        return _events(rows, share) if share is not None else rows

    @cached_property
    def train(self) -> Because[int] | None:
        """The training rows."""
        return self.part("train")

    @cached_property
    def validation(self) -> Because[int] | None:
        """The validation rows."""
        return self.part("validation")

    @cached_property
    def test(self) -> Because[int] | None:
        """The test rows."""
        return self.part("test")


@decision
def _estimated(records: Because[Count], daily: Because[Count]) -> tuple[Duration, str]:
    days = min(LONGEST, int(records.value.amount / daily.value.amount))
    rate = f"{records.value} records at {daily.value} per day"
    return Duration(days * DAY), f"{rate}, assuming a constant rate; set `history` to replace the guess"


@decision
def _shortest(_: Because[str] | None, *histories: Because[Duration]) -> tuple[Duration, str]:
    shortest, *others = histories
    longer = ", ".join(str(history.value) for history in others)
    said = f"the shortest of the sources: {shortest.value}, {longer}" if others else str(shortest.value)
    return shortest.value, f"{said} ({shortest.reason})" if shortest.reason else said


@decision
def _left(
    length: Because[Duration],
    delay: Because[Duration] | None,
    gap: Because[Duration] | None = None,
    *shares: Because[Percent],
) -> tuple[Duration, str]:
    left, said = length.value.amount, f"{length.value} of history"
    if delay is not None and delay.value.amount:
        left, said = left - delay.value.amount, f"{said} minus {delay.value} until labels are known"
    gaps = sum(share.value.amount > 0 for share in shares) - 1
    if gap is not None and gap.value.amount and gaps > 0:
        left -= gaps * gap.value.amount
        said += f" minus {count(gaps, 'gap')} of {gap.value}"
    return Duration(left), said


@decision
def _rows(
    records: Because[Count],
    left: Because[Duration] | None,
    length: Because[Duration] | None,
    _: Because[str] | None,
) -> tuple[int, str]:
    if left is None or length is None or not length.value.amount:
        return int(records.value), f"all {number(float(records.value))} records, because the history is unknown"
    share = max(Decimal(0), left.value.amount / length.value.amount)
    return int(records.value.amount * share), f"{records.value} records, {left.value} of {length.value}: {left.reason}"


@decision
def _labeled(rows: Because[int], labels: Because[Count], unlabeled: Because[str]) -> tuple[int, str]:
    """Only rows with a label train or test a model, unless a missing label is an answer."""
    known = int(labels.value.amount)
    if unlabeled.value == "negative" or known >= rows.value:
        return rows.value, rows.reason
    return known, f"{labels.value} labels for {number(rows.value)} rows; a row without a label is dropped"


@decision
def _part(rows: Because[int], share: Because[Percent], name: str) -> tuple[int, str]:
    return int(rows.value * share.value.amount), f"{share.value} of {number(rows.value)} rows for `{name}`"


@decision
def _folded(train: Because[int], validation: Because[int], folds: Because[int], order: Because[str]) -> tuple[int, str]:
    rows = train.value + validation.value
    if order.value == "rotated":
        return rows, "cross-validation uses each of these rows for validation once"
    kept = rows * folds.value // (folds.value + 1)
    return kept, f"the first of {folds.value + 1} parts of {rows:,} rows is only trained on"


@decision
def _events(rows: Because[int], positive: Because[Percent]) -> tuple[int, str]:
    rarer = min(positive.value.amount, 1 - positive.value.amount)
    return int(rows.value * rarer), f"{Percent(rarer)} of {number(rows.value)} rows are in the rarer class"


@decision
def chance_of_one(rows: Because[int]) -> tuple[float, str]:
    """How far a metric can be from its true value by chance, with 95% confidence.

    A mean of n values between 0 and 1 has a variance of at most 1/(4n) (T. Popoviciu, 1935), so 1.96 standard errors
    are at most 0.98 / sqrt(n). The area under the ROC curve has the same bound, where n is the number of rows in the
    rarer class (C. Cortes and M. Mohri, Confidence intervals for the area under the ROC curve, 2004).
    """
    return SURE / (2 * math.sqrt(max(1, rows.value))), f"at most {SURE / 2:.2f} / sqrt({rows.value:,}): {rows.reason}"


@decision
def chance_of_best(trials: Because[int], rows: Because[int]) -> tuple[float, str]:
    """How much better than its true value the best trial looks if all trials are equally good.

    The expected maximum of T variables with standard errors of at most s is at most s sqrt(2 ln T) (S. Boucheron,
    G. Lugosi, P. Massart, Concentration inequalities, 2013, theorem 2.5). With s = 1 / (2 sqrt(n)), that is
    sqrt(ln T / (2 n)). For the effect on model selection, see G. Cawley and N. Talbot, On over-fitting in model
    selection, Journal of Machine Learning Research 11, 2010.
    """
    noise = math.sqrt(math.log(trials.value) / (2 * max(1, rows.value)))
    return noise, f"at most sqrt(ln {trials.value:,} / (2 x {rows.value:,})): {rows.reason}"
