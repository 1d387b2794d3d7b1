"""Measure the quality of a model in production: join the labels, compute the metrics, and count what is missing.

Three stretches of time, with `at` the time of the measurement:

- The newest predictions whose labels are complete end at `at - delay`, and are as long as the window. Metrics are about
  these.
- The labels that arrive are watched three intervals further back, so that a source that stopped is seen as old, and not
  as absent.
- The predictions of the last interval are what estimates and the mix of requests are about.

A sample of the predictions has fewer observations, and the same metrics: it is drawn independently of the outcome. The
number of samples is that of the rows that were logged, and is not scaled up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...compiler.computed import rival_column
from ...compiler.record import Record
from ..conditions import Unreadable, shown
from ..measure.measured import Measured, Series
from . import metrics
from .config import Asked
from .judged import Complete, group_labels, groups_of, quality_series, there
from .labels import Joined, join
from .sources import captured, label_tables, newest_time
from .window import VERSION_COLUMN, Window, loaded

__all__ = ["Outcome", "capture_series", "label_series", "measure"]

WATCHED = 3
"""The intervals before the newest complete labels in which a label is looked for. The alert on late labels fires after
two.
"""


class Outcome(Record):
    """The measurements of the three monitors, and one line for each result."""

    quality: Measured
    labels: Measured
    capture: Measured
    lines: tuple[str, ...]


def measure(asked: Asked, at: float) -> Outcome:
    """Measure everything that the configuration asks for at a time, in Unix time. Raises Unreadable and OSError."""
    for bound in asked.bounds:
        metrics.checked(bound)
        if not bound.output:
            raise Unreadable(f"neither `prediction` nor the bound on {shown(bound.metric)} names an output to judge")
    ends = at - asked.labels.delay
    start = ends - max(asked.window, WATCHED * asked.interval)
    complete = _load(asked, start, ends)
    newest = complete.of(complete.time >= at - asked.interval) if not asked.labels.delay else _newest(asked, at)
    _check_outputs(asked, complete)
    found = join(complete.ids, asked.labels, label_tables(asked.labels))
    lines = [*_said(asked, complete, found)]
    judged = (found.known | asked.labels.negative) & ~found.conflict
    every = Complete(asked=asked, window=complete, label=found.label, known=found.known, judged=judged)
    rows, older = every.of(complete.time >= ends - asked.window), every.of(complete.time < at - asked.interval)
    span = (ends - asked.window, ends)
    with np.errstate(all="ignore"):  # a value that is not finite is no result, and is said to be none
        quality = tuple(quality_series(rows, older, newest, lines))
        labels = tuple(label_series(rows, complete.time[found.known], start))
    capture = tuple(capture_series(newest, at, asked.capture))
    return Outcome(
        quality=Measured(monitor="quality", time=at, window=span, series=quality),
        labels=Measured(monitor="labels", time=at, window=span, series=labels),
        capture=Measured(monitor="capture", time=at, window=(at - asked.interval, at), series=capture),
        lines=tuple(lines),
    )


def _check_outputs(asked: Asked, complete: Window) -> None:
    """A name that no prediction has is a mistake in the configuration, and no lack of data."""
    for bound in asked.bounds:
        if complete.rows and not there(complete.outputs[bound.output]).any():
            raise Unreadable(f"no captured prediction has a value of the output {shown(bound.output)}")


# Reading


def _load(asked: Asked, start: float, end: float) -> Window:
    outputs, unwrapped = dict[str, None](), {*asked.unwrapped}
    for bound in asked.bounds:
        rivals = (*asked.rivals, *((bound.versus,) if bound.versus else ()))
        each = (bound.output, *(rival_column(bound.output, rival) for rival in rivals))
        outputs |= dict.fromkeys(each)
        unwrapped |= {*each} if bound.output in asked.unwrapped else set()
    groups = dict.fromkeys((*asked.segments, VERSION_COLUMN))
    columns = tuple(dict.fromkeys((asked.id, "time", *outputs, *groups)))
    tables = captured(asked.capture, columns, start, end, unwrapped)
    return loaded(tables, asked.id, tuple(outputs), tuple(groups), start, end)


def _newest(asked: Asked, at: float) -> Window:
    return _load(asked, at - asked.interval, at)


def _said(asked: Asked, complete: Window, found: Joined) -> Iterator[str]:
    """What was found while joining, in words: nothing that is left out is silent."""
    sample = f", a sample of {asked.sample:.4g} of all" if asked.sample < 1 else ""
    yield f"predictions that are old enough for a label: {complete.rows:,}{sample}"
    with_label = int(found.known.sum())
    rest = "count as negative" if asked.labels.negative else "are left out"
    yield f"with a label: {with_label:,}; the {complete.rows - with_label:,} without one {rest}"
    counted = (
        (found.conflicting, "predictions have labels that contradict each other, and are left out"),
        (found.repeated, "labels repeat an earlier one"),
        (found.empty, "labels have no value"),
        (found.unmatched, "labels belong to no prediction of the window"),
        (complete.repeated, "predictions have the id of an earlier one, and are left out"),
        (complete.unusable, "rows have no id or no time, and are left out"),
        (_without(asked, complete), "predictions have no finite output, and are left out"),
    )
    for many, what in counted:
        if many:
            yield f"{many:,} {what}"
    for segment in asked.segments:
        if complete.rows and not complete.groups[segment][1]:
            yield f"captured predictions have no values of {shown(segment)}, so nothing is measured by it"


# Series


def _without(asked: Asked, complete: Window) -> int:
    outputs = dict.fromkeys(bound.output for bound in asked.bounds)
    return sum(int((~there(complete.outputs[name])).sum()) for name in outputs)


def label_series(rows: Complete, labeled: Any, start: float) -> Iterator[Series]:
    """`labeled` are the times of the predictions with a label, from `start` on."""
    if rows.window.rows or len(labeled):
        # without any label, the newest one is older than everything that was looked at
        at = float(labeled.max()) if len(labeled) else start
        yield Series(name="mlspec_label_newest_timestamp_seconds", labels={}, value=at)
    if rows.window.rows:
        yield Series(name="mlspec_label_coverage_ratio", labels={}, value=float(rows.known.mean()))
    for column, value, kept in groups_of(rows.window, rows.judged):
        labels = group_labels(column, value)
        yield Series(name="mlspec_label_rows", labels=labels, value=float(kept.sum()))
        if rows.label.dtype != object and kept.any():
            mean = float(rows.label[kept].mean())
            if np.isfinite(mean):
                yield Series(name="mlspec_label_mean", labels=labels, value=mean)


def capture_series(newest: Window, at: float, uri: str) -> Iterator[Series]:
    found = float(newest.time.max()) if newest.rows else newest_time(uri, at)
    if found is not None:
        yield Series(name="mlspec_capture_newest_timestamp_seconds", labels={}, value=found)
    for column, value, kept in groups_of(newest, np.ones(newest.rows, dtype=bool)):
        labels = group_labels(column, value)
        yield Series(name="mlspec_capture_rows", labels=labels, value=float(kept.sum()))
