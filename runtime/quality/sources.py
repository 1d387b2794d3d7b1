"""Reading captured predictions and labels in pieces, from a folder or an object store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq

from ..conditions import Unreadable, shown
from .config import LabelSource

__all__ = ["captured", "days", "instants", "label_tables", "located", "newest_time"]

ROWS = 65_536
"""The rows of a piece of a Parquet file, and of a JSON Lines file."""

LONGEST = 2**20
"""The longest line of a JSON Lines file, in bytes."""

ENDINGS = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}


def located(uri: str) -> tuple[pa_fs.FileSystem, str]:
    """The file system and the path of a URI. Raises Unreadable."""
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if scheme not in ("", "file", "s3", "gs"):
        raise Unreadable(f"{shown(uri)} has the scheme `{shown(scheme)}`: use a local path, `file`, `s3`, or `gs`")
    if "\0" in uri:
        raise Unreadable(f"{shown(uri)} is not a path")
    if not scheme:
        return pa_fs.LocalFileSystem(), uri
    try:
        found: tuple[pa_fs.FileSystem, str] = pa_fs.FileSystem.from_uri(uri)
    except (pa.ArrowException, OSError) as wrong:
        raise Unreadable(f"{shown(uri)} cannot be opened: {wrong}") from None
    return found


def _files(store: pa_fs.FileSystem, path: str) -> list[str]:
    """The data files at a path, in order. Files that start with `.` or `_` are not finished or not data."""
    info = store.get_file_info(path)
    if info.type == pa_fs.FileType.File:
        return [path]
    if info.type == pa_fs.FileType.NotFound:
        return []
    listed = store.get_file_info(pa_fs.FileSelector(path, recursive=True))
    files = (one.path for one in listed if one.type == pa_fs.FileType.File and one.base_name[0] not in "._")
    return sorted(files)


def days(start: float, end: float) -> list[str]:
    """The folders of the days that a stretch of time touches: `date=2026-11-28`."""
    try:
        first, last = (datetime.fromtimestamp(at, UTC).date() for at in (start, end))
    except (OverflowError, OSError, ValueError):
        raise Unreadable("the window is outside the years that a calendar has") from None
    return [f"date={first + timedelta(days=index)}" for index in range((last - first).days + 1)]


def captured(uri: str, columns: Sequence[str], start: float, end: float) -> Iterator[pa.Table]:
    """The predictions from `start`, inclusive, to `end`, exclusive, in pieces with these columns. A column that a file
    does not have is null. Raises Unreadable.
    """
    store, path = located(uri)
    if store.get_file_info(path).type != pa_fs.FileType.Directory:
        raise Unreadable(f"{shown(uri)} is not a folder of captured predictions")
    for day in days(start, end):
        for file in _files(store, f"{path.rstrip('/')}/{day}"):
            yield from _tables(store, file, columns)


def newest_time(uri: str, at: float) -> float | None:
    """The time of the newest prediction before `at`, from the newest folder that has one; None if there is none."""
    store, path = located(uri)
    listed = store.get_file_info(pa_fs.FileSelector(path))
    last = days(at, at)[0]
    folders = sorted(one.base_name for one in listed if one.type == pa_fs.FileType.Directory)
    for day in reversed([name for name in folders if name.startswith("date=") and name <= last]):
        times = [
            found[found < at]
            for file in _files(store, f"{path.rstrip('/')}/{day}")
            for table in _tables(store, file, ("time",))
            for found in [instants(table["time"].combine_chunks())]
        ]
        newest = [float(found.max()) for found in times if len(found)]
        if newest:
            return max(newest)
    return None


def label_tables(source: LabelSource) -> Iterator[pa.Table]:
    """The labels of a source, in pieces with the columns `id`, as text, and `label`. Raises Unreadable."""
    store, path = located(source.uri)
    files = _files(store, path)
    if not files:
        raise Unreadable(f"there are no labels at {shown(source.uri)}")
    for file in files:
        for table in _tables(store, file, (source.id, source.column), source.format, required=True):
            ids, label = table[source.id], table[source.column]
            yield pa.table({"id": _as_text(ids, file), "label": label})


def _as_text(ids: pa.ChunkedArray, file: str) -> pa.ChunkedArray:
    if not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type) or pa.types.is_integer(ids.type)):
        raise Unreadable(f"{file} has ids of the type {ids.type}, which do not match a text: write them as text")
    return ids.cast(pa.string())


def _tables(
    store: pa_fs.FileSystem, file: str, columns: Sequence[str], form: str = "", *, required: bool = False
) -> Iterator[pa.Table]:
    """Pieces of a file with these columns in this order."""
    form = form or ENDINGS.get(PurePosixPath(file).suffix, "")
    if form not in ("parquet", "csv", "jsonl"):
        raise Unreadable(f"{file} is neither Parquet, JSON Lines, nor CSV by its name")
    read = {"parquet": _parquet, "csv": _csv, "jsonl": _json_lines}[form]
    try:
        for table in read(store, file, columns):
            yield _with(table, columns, file, required=required)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as wrong:
        raise Unreadable(f"{file} cannot be read: {str(wrong).splitlines()[0] if str(wrong) else 'damaged'}") from None


def _with(table: pa.Table, columns: Sequence[str], file: str, *, required: bool) -> pa.Table:
    missing = [name for name in columns if name not in table.column_names]
    if missing and required:
        raise Unreadable(f"{file} has no column {shown(missing[0])}")
    for name in missing:
        table = table.append_column(name, pa.nulls(table.num_rows))
    return table.select(list(columns))


def _parquet(store: pa_fs.FileSystem, file: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    with store.open_input_file(file) as opened, pq.ParquetFile(opened) as parquet:
        there = [name for name in columns if name in parquet.schema_arrow.names]
        for batch in parquet.iter_batches(batch_size=ROWS, columns=there):
            yield pa.Table.from_batches([batch])


def _csv(store: pa_fs.FileSystem, file: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """All values are text: what a column of a CSV file is, no row says."""
    convert = pa_csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True)
    with store.open_input_stream(file) as opened, pa_csv.open_csv(opened, convert_options=convert) as batches:
        for batch in batches:
            table = pa.Table.from_batches([batch])
            yield table.select([name for name in columns if name in table.column_names])


def _json_lines(store: pa_fs.FileSystem, file: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    rows: list[dict[str, Any]] = []
    with store.open_input_stream(file) as opened:
        for number, line in enumerate(_lines(opened, file), 1):
            if line.strip():
                rows.append(_row(line, file, number))
            if len(rows) >= ROWS:
                yield _table(rows, columns, file)
                rows = []
    if rows:
        yield _table(rows, columns, file)


def _lines(opened: pa.NativeFile, file: str) -> Iterator[bytes]:
    rest = b""
    while piece := opened.read(LONGEST):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        if len(rest) > LONGEST:
            raise Unreadable(f"{file} has a line of more than {LONGEST // 2**20} MiB")
    yield rest


def _row(line: bytes, file: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as wrong:
        raise Unreadable(f"line {number:,} of {file} is not JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise Unreadable(f"line {number:,} of {file} is not a mapping")
    return found


def _table(rows: list[dict[str, Any]], columns: Sequence[str], file: str) -> pa.Table:
    there = [name for name in columns if any(name in row for row in rows)]
    made = {}
    for name in there:
        values = [row.get(name) for row in rows]
        try:
            made[name] = pa.array(values)
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            raise Unreadable(f"{file} has values of different types in {shown(name)}") from None
    return pa.table(made) if made else pa.table({"": pa.nulls(len(rows))})


# Times


def instants(times: pa.Array) -> Any:
    """Times as Unix time in seconds: timestamps, which are in UTC, or RFC 3339 text; NaN for a missing one."""
    if pa.types.is_null(times.type):
        return np.full(len(times), np.nan)
    if pa.types.is_string(times.type) or pa.types.is_large_string(times.type):
        return np.array([_instant(text) for text in times.to_pylist()])
    if not pa.types.is_timestamp(times.type):
        raise Unreadable(f"the column `time` of captured predictions has the type {times.type}, and not a timestamp")
    micros = times.cast(pa.timestamp("us", times.type.tz), safe=False).cast(pa.int64())
    found = micros.to_numpy(zero_copy_only=False).astype(np.float64) / 1e6
    found[~pc.is_valid(times).to_numpy(zero_copy_only=False)] = np.nan
    return found


def _instant(text: str | None) -> float:
    if text is None:
        return np.nan
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"a captured prediction has the time {shown(text)}, which is not RFC 3339") from None
    # a time without an offset is in UTC, as the record contract says
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
