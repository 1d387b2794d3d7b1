"""The series of each metric: for all rows, for each value of a column, and against rivals on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...compiler.computed import ESTIMATED, rival_column
from ...compiler.record import Record
from ..conditions import shown
from ..measure.measured import Series
from . import estimate, metrics
from .config import Asked, Bound
from .found import Found, Unmeasured
from .labels import LARGEST
from .metrics import Rows
from .window import Window

__all__ = ["Complete", "group_labels", "groups_of", "quality_series", "there"]

VALUES = 500
"""The most values of a column that are measured, those with the most rows first."""


class Complete(Record):
    """The predictions whose labels are complete, with what is known of them."""

    asked: Asked
    window: Window
    label: Any
    known: Any
    """Which predictions have a label in the source."""
    judged: Any
    """Which predictions count, with a label or as a negative."""

    def of(self, kept: Any) -> Complete:
        """Some of the predictions."""
        parts = {name: getattr(self, name)[kept] for name in ("label", "known", "judged")}
        return self.but(window=self.window.of(kept), **parts)


Known = dict[tuple[str, ...], estimate.Expected]


def groups_of(window: Window, kept: Any) -> Iterator[tuple[str, str, Any]]:
    """All rows, then the rows of each value of each column that has several or is asked for."""
    yield "", "", kept
    for column, (codes, values) in window.groups.items():
        counts = np.bincount(codes[kept & (codes >= 0)], minlength=len(values))
        most = sorted(range(len(values)), key=lambda code: (-counts[code], values[code]))[:VALUES]
        for code in sorted(most, key=lambda code: values[code]):
            if counts[code]:
                yield column, values[code], kept & (codes == code)


def quality_series(joined: Complete, older: Complete, newest: Window, lines: list[str]) -> Iterator[Series]:
    """The series of all bounds. Estimates of `newest` are calibrated on `older`, which has none of its rows."""
    seen: set[tuple[str, str]] = set()
    known: Known = {}
    groups = [*groups_of(joined.window, joined.judged)]
    for bound in joined.asked.bounds:
        first = (bound.metric, bound.output) not in seen
        seen.add((bound.metric, bound.output))
        for column, value, kept in groups:
            group = {"segment": column, **({"segment_value": value} if column else {})}
            own = _Group(joined, bound, group, kept, lines)
            if first:
                yield from own.values()
                yield from own.estimates(older, newest, known)
            yield from own.differences(first=first)
    yield from _means(joined, groups)


class _Group:
    """One bound on one group of rows."""

    def __init__(self, joined: Complete, bound: Bound, group: dict[str, str], kept: Any, lines: list[str]) -> None:
        self.joined, self.bound, self.lines = joined, bound, lines
        self.group, self.kept = group, kept
        self.name = f"{bound.metric} of {bound.output}" + (
            f" for {group['segment']} {shown(group['segment_value'])}" if group["segment"] else ""
        )

    def _rows(self, column: str) -> Rows:
        """The rows with a value in this output."""
        output = self.joined.window.outputs[column]
        kept = self.kept & there(output)
        decides = self.bound.output == self.joined.asked.output
        threshold = self.joined.asked.threshold if decides else None
        return Rows(label=self.joined.label[kept], output=output[kept], threshold=threshold)

    def _labels(self, **more: str) -> dict[str, str]:
        plain = {"metric": self.bound.metric, "output": self.bound.output, **more, **self.group}
        return {key: value for key, value in plain.items() if value}

    def values(self) -> Iterator[Series]:
        """The metric of the live version."""
        labels = self._labels(role="live")
        try:
            found = metrics.measured(self.bound, self._rows(self.bound.output))
        except Unmeasured as why:
            self.lines.append(f"{self.name}: not measured: {why}")
            yield Series(name="mlspec_quality_samples", labels=labels, value=why.samples)
            return
        self.lines.append(f"{self.name}: {_shown(found)}, {found.samples:,} samples")
        yield from _interval("mlspec_quality", labels, found)
        yield Series(name="mlspec_quality_samples", labels=labels, value=found.samples)

    def estimates(self, older: Complete, newest: Window, known: Known) -> Iterator[Series]:
        """The metric of the newest predictions, without labels. What is `known` serves all metrics of the group."""
        if self.bound.base not in ESTIMATED:
            return
        place = (self.bound.output, *self.group.values())
        try:
            if place not in known:
                known[place] = self._expected(older, newest)
            found = known[place].found(self.bound.base)
        except Unmeasured as why:
            self.lines.append(f"{self.name}: not estimated: {why}")
            return
        self.lines.append(f"{self.name}: estimated at {_shown(found)} for {found.samples:,} new predictions")
        yield from _interval("mlspec_quality_estimate", self._labels(), found)

    def _expected(self, older: Complete, newest: Window) -> estimate.Expected:
        output = newest.outputs[self.bound.output]
        score = output[there(output) & _of_group(newest, self.group)]
        fitted = older.judged & _of_group(older.window, self.group) & there(older.window.outputs[self.bound.output])
        label, scores = older.label[fitted], older.window.outputs[self.bound.output][fitted]
        _probabilities(label, scores, score)
        return estimate.Expected((label, scores), score, self._rows(self.bound.output).threshold)

    def differences(self, *, first: bool) -> Iterator[Series]:
        """The differences from rivals: from those in the data on the same rows, from the champion's known result."""
        versus = self.bound.versus
        named = dict.fromkeys((*([versus] if versus else []), *(self.joined.asked.rivals if first else ())))
        for rival in named:
            column = rival_column(self.bound.output, rival)
            theirs = self.joined.window.outputs.get(column)
            if theirs is not None and (self.kept & there(theirs)).any():
                yield from self._on_the_same_rows(rival, column)
            elif rival == versus:
                yield from self._from_known(rival, column)

    def _on_the_same_rows(self, rival: str, column: str) -> Iterator[Series]:
        own, its = (self.joined.window.outputs[name] for name in (self.bound.output, column))
        kept = self.kept & there(own) & there(its)
        rows = self._rows(self.bound.output).but(label=self.joined.label[kept], output=own[kept])
        try:
            apart = metrics.apart(self.bound, rows, its[kept])
            value = metrics.measured(self.bound, rows.paired(its[kept]))
        except Unmeasured as why:
            self.lines.append(f"{self.name}: no difference from {shown(rival)}: {why}")
            return
        self.lines.append(f"{self.name}: better than {shown(rival)} by {_shown(apart)}, {apart.samples:,} samples")
        yield from _interval("mlspec_quality", self._labels(role=rival), value)
        yield Series(name="mlspec_quality_samples", labels=self._labels(role=rival), value=value.samples)
        yield from _interval("mlspec_quality_difference", self._labels(versus=rival), apart)

    def _from_known(self, rival: str, column: str) -> Iterator[Series]:
        """The distance from the result of the evaluation, which counts as exact. It is about all rows."""
        known = self.joined.asked.rivals.get(rival, {}).get(self.bound.metric)
        if rival != "champion" or known is None or self.group["segment"]:
            if not self.group["segment"] or rival != "champion":
                what = f"captured predictions have no column {shown(column)}"
                self.lines.append(f"{self.name}: no difference from {shown(rival)}: {what}")
            return
        try:
            found = metrics.measured(self.bound, self._rows(self.bound.output))
        except Unmeasured:
            return
        ends = (found.low - known, found.high - known)
        low, high = ends if self.bound.more else (-ends[1], -ends[0])
        value = found.value - known if self.bound.more else known - found.value
        apart = found.but(value=value, low=low, high=high)
        self.lines.append(f"{self.name}: better than in its evaluation by {_shown(apart)}")
        yield from _interval("mlspec_quality_difference", self._labels(versus=rival), apart)


def _interval(name: str, labels: dict[str, str], found: Found) -> Iterator[Series]:
    for suffix, value in (("", found.value), ("_low", found.low), ("_high", found.high)):
        if np.isfinite(value):
            yield Series(name=f"{name}{suffix}", labels=labels, value=float(value))


def _shown(found: Found) -> str:
    return f"{found.value:.4g} ({found.low:.4g} to {found.high:.4g})"


def there(values: Any) -> Any:
    """Which rows have a value."""
    if values.dtype == object:
        return np.fromiter((each is not None for each in values), dtype=bool, count=len(values))
    return np.abs(values) <= LARGEST  # also false for NaN


def _of_group(window: Window, group: dict[str, str]) -> Any:
    if not group["segment"]:
        return np.ones(window.rows, dtype=bool)
    codes, values = window.groups[group["segment"]]
    return codes == values.index(group["segment_value"]) if group["segment_value"] in values else codes < -1


def _probabilities(label: Any, *scores: Any) -> None:
    """Raise Unmeasured unless these are labels of two classes, and probabilities."""
    for one in scores:
        if one.dtype == object or (len(one) and not (one.min() >= 0 and one.max() <= 1)):
            raise Unmeasured("its output has to be a probability", len(one))
    if label.dtype == object or not ((label == 0) | (label == 1)).all():
        raise Unmeasured("its labels have to be 0 and 1", len(label))


def _means(joined: Complete, groups: list[tuple[str, str, Any]]) -> Iterator[Series]:
    for output in dict.fromkeys(bound.output for bound in joined.asked.bounds):
        values = joined.window.outputs[output]
        if values.dtype == object:
            continue
        for column, value, kept in groups:
            some = values[kept & there(values)]
            if len(some):
                labels = {"output": output, **group_labels(column, value)}
                yield Series(name="mlspec_prediction_mean", labels=labels, value=float(some.mean()))


def group_labels(column: str, value: str) -> dict[str, str]:
    return {"segment": column, "segment_value": value} if column else {}
