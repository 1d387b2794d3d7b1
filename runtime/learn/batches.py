"""Batches: captured predictions whose labels are complete, with their labels, as one Parquet file.

The columns are those of the record (docs/capture.md) and the label. A prediction with two different labels is left
out, and so is one without a label, unless `labels.unlabeled` says that it is a negative.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..conditions import Unreadable
from ..quality.config import labels_of, part, text_of, texts
from ..quality.labels import join
from ..quality.sources import captured, label_tables

__all__ = ["MOST", "written"]

MOST = 2_000_000
"""The most rows of a batch."""


def written(config: Any, span: tuple[float, float], path: Path) -> int:
    """Write the batch of the predictions in a span of time, and return its rows. Raises Unreadable and OSError."""
    monitoring = part(config, "monitoring", "the configuration")
    capture = part(monitoring, "capture", "`monitoring`")
    source = labels_of(part(monitoring, "labels", "`monitoring`"), capture)
    key, uri = (text_of(capture, name, "`monitoring.capture`") for name in ("id", "uri"))
    table = _predictions(uri, _columns(config, key), texts(capture, "unwrapped"), span)
    if not table.num_rows:
        return 0
    table = _once(table, key)
    joined = join(table[key].combine_chunks(), source, label_tables(source))
    kept = (joined.known | source.negative) & ~joined.conflict
    table = table.append_column(source.column, _labels(joined.label)).filter(pa.array(kept))
    pq.write_table(table, path)
    return int(table.num_rows)


def _columns(config: Any, key: str) -> tuple[str, ...]:
    model = part(config, "model", "the configuration")
    listed = [*config.get("features", []), *model.get("outputs", [])]
    names = [text_of(one, "name", "a feature or an output of the configuration") for one in listed]
    return tuple(dict.fromkeys((key, "time", "model_version", *names)))


def _predictions(uri: str, columns: tuple[str, ...], unwrapped: tuple[str, ...], span: tuple[float, float]) -> pa.Table:
    tables, rows = [], 0
    for table in captured(uri, columns, *span, unwrapped):
        tables.append(table)
        rows += table.num_rows
        if rows > MOST:
            raise Unreadable(
                f"a batch has more than {MOST:,} predictions: capture a smaller sample, or write a shorter "
                "`retraining.online.checkpoint`"
            )
    return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})


def _once(table: pa.Table, key: str) -> pa.Table:
    """The first row of each ID."""
    ids = table[key].combine_chunks().cast(pa.string())
    first = {one: row for row, one in reversed([*enumerate(ids.to_pylist())]) if one is not None}
    rows = pa.array(sorted(first.values()), pa.int64())
    return table.set_column(table.column_names.index(key), key, ids).take(rows)


def _labels(values: Any) -> pa.Array:
    return pa.array(values.tolist()) if values.dtype == object else pa.array(values, from_pandas=True)
