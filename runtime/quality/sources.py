"""Captured predictions and labels, in pieces. Files are read as for drift, except that the values of CSV labels are all
text: no row says what a column of ids is, and `0042` is not 42.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ..conditions import Unreadable, shown
from ..measure.places import Place, inside, newest_first, place
from ..measure.tables import SUFFIXES, TIME, batches, files_of, times_of
from .config import LabelSource

__all__ = ["captured", "instants", "label_tables", "newest_time"]

_DAY = re.compile(r"date=\d{4}-\d\d-\d\d")

ENDINGS = {"parquet": (".parquet",), "csv": (".csv",), "jsonl": (".jsonl", ".ndjson")}


def captured(
    uri: str, columns: Sequence[str], start: float, end: float, unwrapped: Collection[str] = ()
) -> Iterator[pa.Table]:
    """The predictions from `start`, inclusive, to `end`, exclusive, in pieces with these columns. A column that a file
    does not have is null, and a value of an `unwrapped` column is taken out of its list. Raises Unreadable.
    """
    for batch in batches([uri], columns, (start, end), unwrapped):
        table = pa.Table.from_batches([batch])
        for name in columns:
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(table.num_rows))
        yield table.select(list(columns))


def newest_time(uri: str, at: float) -> float | None:
    """The time of the newest prediction before `at`, from the newest folder that has one; None if there is none."""
    last = f"date={datetime.fromtimestamp(at, UTC).date()}"
    folders = [path for path, directory in inside(place(uri)) if directory and _DAY.fullmatch(_name(path))]
    for folder in sorted((one for one in folders if _name(one) <= last), reverse=True):
        newest = _newest_in(place(f"{uri.rstrip('/')}/{_name(folder)}"), at)
        if newest is not None:
            return newest
    return None


def _newest_in(folder: Place, at: float) -> float | None:
    """The newest time in a folder. A file has no record from after it was written, so files that are older than the
    newest record are not read: a day can have thousands. Other files than those of records are left out.
    """
    newest: float | None = None
    records = [(file, written) for file, written in newest_first(folder) if file.path.endswith(SUFFIXES)]
    for file, written in records:
        if newest is not None and newest >= written:
            break
        for batch in batches([file.uri], [TIME]):
            moments = instants(times_of(batch, file))
            some = moments[moments < at]
            if len(some):
                newest = max(float(some.max()), newest if newest is not None else -math.inf)
    return newest


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def label_tables(source: LabelSource) -> Iterator[pa.Table]:
    """The labels of a source, in pieces with the columns `id`, as text, and `label`. Raises Unreadable."""
    files = files_of(place(source.uri), None)
    if not files:
        raise Unreadable(f"there are no labels at {shown(source.uri)}")
    for file in files:
        if source.format and not file.path.endswith(ENDINGS[source.format]):
            raise Unreadable(f"{file.uri} is not {source.format}, which `monitoring.labels.format` asks for")
        columns = (source.id, source.column)
        for batch in _csv(file) if file.path.endswith(".csv") else batches([file.uri], columns):
            for name in columns:
                if name not in batch.schema.names:
                    raise Unreadable(f"{file.uri} has no column {shown(name)}")
            ids, label = (batch.column(batch.schema.get_field_index(name)) for name in columns)
            yield pa.table({"id": _as_text(ids, file), "label": _plain(label)})


def _csv(file: Place) -> Iterator[pa.RecordBatch]:
    try:
        with file.files.open_input_stream(file.path) as opened:
            names = pa_csv.open_csv(opened).schema.names
        options = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
        with file.files.open_input_stream(file.path) as opened:
            yield from pa_csv.open_csv(opened, convert_options=options)
    except (pa.ArrowException, OSError, EOFError) as wrong:
        said = shown(str(wrong).partition("\n")[0])
        raise Unreadable(f"{file.uri} is broken, or still being written: {said}") from None


def _plain(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _as_text(ids: pa.Array, file: Place) -> pa.Array:
    ids = _plain(ids)
    kind = ids.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
        raise Unreadable(f"{file.uri} has ids of the type {kind}, which match no prediction: write them as text")
    return ids.cast(pa.string())


def instants(times: pa.Array) -> Any:
    """Times as Unix time in seconds: timestamps, which are in UTC, or RFC 3339 text; NaN for a missing one."""
    times = _plain(times)
    if pa.types.is_null(times.type):
        return np.full(len(times), np.nan)
    try:
        if pa.types.is_string(times.type) or pa.types.is_large_string(times.type):
            times = times.cast(pa.timestamp("us", "UTC"))
        micros = times.cast(pa.timestamp("us", times.type.tz), safe=False).cast(pa.int64())
    except (pa.ArrowException, AttributeError):
        raise Unreadable(f"the column `{TIME}` of captured predictions is not a time, but {times.type}") from None
    found = micros.to_numpy(zero_copy_only=False).astype(np.float64) / 1e6
    found[~pc.is_valid(times).to_numpy(zero_copy_only=False)] = np.nan
    return found
