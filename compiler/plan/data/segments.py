"""How much drift is noise within a segment: the rows of a window with one value of a column, such as one country.

A segment has fewer rows than all of them, so chance moves it farther. Each value of the column is one more comparison
for each feature, and the rate of false alarms is shared by all of them (Bonferroni). How many rows a value has is
unknown, so the noise floor is that of the fewest rows that get a verdict.

The approximation is as optimistic here as on all rows: with 394 rows on both sides and 10 bins, a nominal 1 in 10,000
is 1.4 in 10,000 in simulation, and a nominal 1 in 100,000 is 1.7. The floor of `wasserstein` is that of 1% however many
comparisons there are, so its job should export the noise.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Count, Percent
from ...because import Because, because, decision, fixed
from ...noise import enough_within, floor_of
from ...system import Column, DriftMethod
from ..choose import count

if TYPE_CHECKING:
    from .drift import DriftPlan, Watched

__all__ = ["Segment", "most_values", "segments"]


class Segment:
    """A column by whose values distributions are compared."""

    def __init__(self, drift: DriftPlan, column: Because[str]) -> None:
        self.drift = drift
        self.column = column

    @cached_property
    def watched(self) -> dict[str, Watched]:
        """What alerts compare within each value: the same as on all rows."""
        part = self.drift.part
        asked = {"features": part.features, **part.columns, "prediction": part.prediction}
        return {name: self._watched(name, method) for name, method in asked.items() if method is not None}

    def _watched(self, name: str, method: DriftMethod) -> Watched:
        from .drift import Watched

        columns = fixed(1, "predictions are one column") if name == "prediction" else self.drift.columns
        comparisons = _comparisons(columns, self._values, self.column)
        share = _share(self.drift.seen, self.drift.plan.history.train)
        bins, alarms = self.drift.part.bins, self.drift.part.false_alarms
        needs = _enough(method.method, method.threshold, share, comparisons, bins, alarms)
        least = _least(needs, self.drift.part.min_samples)
        threshold = _above(method.method, method.threshold, least, share, comparisons, bins, alarms)
        return Watched(method=method.method, threshold=threshold, least=least)

    @property
    def _values(self) -> Because[int]:
        """How many values the column can take. An unbounded column is an error, and counts as one value."""
        known = [one for one in self.drift.plan.system.data.columns if one.name.value == self.column.value]
        column = known[0] if known else None
        if column is None:
            return because(1, "the column is not declared", self.column)
        given = column.values
        sources = (column.dtype, given.max, *given.one_of) if given is not None else (column.dtype,)
        return because(most_values(column) or 1, "the values of the column", self.column, sources)


def segments(drift: DriftPlan) -> tuple[Segment, ...]:
    """The columns of `monitoring.segments`, each once."""
    found = {column.value: column for column in drift.plan.system.monitoring.segments}
    return tuple(Segment(drift, column) for column in found.values())


def most_values(column: Column | None) -> int | None:
    """The most values that a column can take; None if they are unbounded."""
    if column is None:
        return None
    if column.dtype.value == "bool":
        return 2
    values = column.values
    if values is None or (values.max is None and not values.one_of):
        return None
    return int(values.max.value) if values.max is not None else len(values.one_of)


@decision
def _comparisons(columns: Because[int], values: Because[int], column: Because[str]) -> tuple[int, str]:
    made = columns.value * values.value
    return made, f"{count(columns.value, 'column')} x {count(values.value, 'value')} of {column.value}"


@decision
def _share(window: Because[int] | None, reference: Because[int] | None) -> tuple[float, str]:
    """The rows of a window for each row of the reference, which a segment has in the same proportion."""
    if window is None or reference is None or window.value <= reference.value or not reference.value:
        return 1.0, "a reference with as many rows"
    share = window.value / reference.value
    return share, f"a reference with 1 row for every {share:.3g} rows"


@decision
def _enough(
    method: Because[str],
    threshold: Because[float],
    share: Because[float],
    comparisons: Because[int],
    bins: Because[int],
    false_alarms: Because[Percent],
) -> tuple[int, str]:
    alpha = float(false_alarms.value)
    needs = enough_within(method.value, threshold.value, share.value, comparisons.value, bins.value, alpha)
    return needs, (
        f"with fewer rows and {share.reason}, noise exceeds {threshold.value} in more than {false_alarms.value} / "
        f"({comparisons.reason}) of the comparisons"
    )


@decision
def _least(needs: Because[int], given: Because[Count] | None) -> tuple[int, str]:
    asked = int(given.value) if given is not None else needs.value
    if asked >= needs.value:
        return needs.value, needs.reason
    return max(1, asked), f"a verdict needs at least {count(asked, 'row')}, and with so few, the threshold is higher"


@decision
def _above(
    method: Because[str],
    threshold: Because[float],
    least: Because[int],
    share: Because[float],
    comparisons: Because[int],
    bins: Because[int],
    false_alarms: Because[Percent],
) -> tuple[float, str]:
    reference = max(1, round(least.value / share.value))
    alpha = float(false_alarms.value)
    floor = round(floor_of(method.value, least.value, reference, comparisons.value, bins.value, alpha), 4)
    said = f"the noise floor of {count(least.value, 'row')} and {share.reason} is {floor}"
    if floor > threshold.value:
        return floor, f"the configured {threshold.value} is within the noise; {said}"
    return threshold.value, f"as configured; {said}"
