"""The labels that are new: those that were completed since the live version was trained.

A label is complete `delay` after its prediction, so new labels belong to the predictions since `trainedAt - delay`.
They are counted until there are as many as training needs. That takes one look at the labels for each two million
predictions, and no more memory than two million IDs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..conditions import Unreadable, number
from ..measure.measured import Series
from .config import LabelSource, labels_of, part, text_of
from .labels import join
from .sources import captured, instants, label_tables

__all__ = ["NAME", "PIECE", "new_labels"]

NAME = "mlspec_label_new_rows"

PIECE = 2_000_000
"""The predictions that are looked up at once."""


def new_labels(
    config: Any, at: float, piece: int = PIECE, *, capture: str | None = None, labels: str | None = None
) -> tuple[Series, ...]:
    """The count at a time, in Unix time; nothing if the configuration does not say when the live version was trained.
    The two URIs replace those of the configuration. Raises Unreadable and OSError.
    """
    monitoring = part(config, "monitoring", "the configuration")
    retraining = monitoring.get("retraining", {})
    if not isinstance(retraining, dict) or "trainedAt" not in retraining:
        return ()
    trained, least = (number(retraining.get(key, 0)) for key in ("trainedAt", "minNewLabels"))
    if trained is None or least is None:
        raise Unreadable("`trainedAt` or `minNewLabels` in `monitoring.retraining` is not a number")
    written = part(monitoring, "capture", "`monitoring`")
    key = text_of(written, "id", "`monitoring.capture`")
    uri = capture or text_of(written, "uri", "`monitoring.capture`")
    source = labels_of(part(monitoring, "labels", "`monitoring`"), written, labels)
    found = 0
    for ids in _pieces(uri, key, (float(trained) - source.delay, at - source.delay), piece):
        found += _labeled(ids, source)
        if least and found >= least:
            break
    return (Series(name=NAME, labels={}, value=float(found)),)


def _labeled(ids: pa.Array, source: LabelSource) -> int:
    """How many predictions have a label. An ID that two pieces have counts twice."""
    if source.negative:
        return len(ids)
    joined = join(ids, source, label_tables(source))
    return int((joined.known & ~joined.conflict).sum())


def _pieces(uri: str, key: str, span: tuple[float, float], piece: int) -> Iterator[pa.Array]:
    """The IDs of the predictions in a span of time, each once in a piece."""
    start, end = span
    waiting: list[pa.Array] = []
    rows = 0
    for table in captured(uri, (key, "time"), start, end) if start < end else ():
        ids, times = table[key].combine_chunks(), instants(table["time"].combine_chunks())
        with np.errstate(invalid="ignore"):
            kept = pc.is_valid(ids).to_numpy(zero_copy_only=False) & (times >= start) & (times < end)
        waiting.append(ids.filter(pa.array(kept)).cast(pa.string()))
        rows += int(kept.sum())
        if rows >= piece:
            yield pc.unique(pa.concat_arrays(waiting))
            waiting, rows = [], 0
    if rows:
        yield pc.unique(pa.concat_arrays(waiting))
