"""Rows from files, batch by batch: Parquet, CSV, and JSON Lines, below a file or a folder.

Memory does not depend on the number of rows: a batch has at most `ROWS` rows, or a piece of `BLOCK` bytes of text. With
a window, only its folders `date=YYYY-MM-DD/` are read (UTC), and only rows whose `time` is in it. A row group of a
Parquet file whose statistics are outside the window is skipped.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from ..conditions import Unreadable, shown
from .places import Place, inside, place

__all__ = ["SUFFIXES", "TIME", "Window", "batches", "files_of", "times_of"]

TIME = "time"
"""The column of captured predictions with their time."""

ROWS = 1 << 16
BLOCK = 4 << 20

Window = tuple[float, float]
"""The start, inclusive, and the end, exclusive, in Unix time."""

SUFFIXES = (".parquet", ".csv", ".jsonl", ".ndjson")
_DATE = re.compile(r"date=(\d{4}-\d\d-\d\d)")


def batches(
    uris: Sequence[str],
    columns: Sequence[str] | None = None,
    window: Window | None = None,
    unwrapped: Collection[str] = (),
) -> Iterator[pa.RecordBatch]:
    """The rows of all files, in the order of their paths, with those of `columns` that a file has; all if None. Values
    of `unwrapped` columns that are in lists of one are taken out of them.

    Raises Unreadable, with the name of the file, if one is broken, incomplete, or of an unknown format.
    """
    for file in chain.from_iterable(files_of(place(uri), window) for uri in uris):
        try:
            for batch in _read(file, columns, window):
                kept = batch if window is None else _within(batch, window, file)
                if kept.num_rows:
                    yield _unwrapped(kept, unwrapped)
        except (pa.ArrowException, OSError, EOFError) as wrong:
            said = shown(str(wrong).partition("\n")[0])
            raise Unreadable(f"{file.uri} is broken, or still being written: {said}") from None


def files_of(where: Place, window: Window | None) -> list[Place]:
    """The files below a place, in order. Raises Unreadable if there is nothing, or an unknown kind of file. With a
    window, a folder holds captured predictions, and its other files are left out (docs/capture.md).
    """
    found = where.files.get_file_info(where.path)
    if found.is_file:
        return [_known(where)]
    paths = _walk(where, where.path, window)
    return [_known(where.below(path)) for path in paths if window is None or path.endswith(SUFFIXES)]


def _walk(where: Place, path: str, window: Window | None) -> Iterator[str]:
    for each, directory in inside(where.but(path=path)):
        if not directory:
            yield each
            continue
        date = _DATE.fullmatch(each.rpartition("/")[2])
        if date is None or window is None or _overlaps(date[1], window):
            yield from _walk(where, each, window)


def _overlaps(date: str, window: Window) -> bool:
    try:
        start = datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Unreadable(f"date={date} is not the name of a day") from None
    return start < window[1] and start + 86400 > window[0]


def _known(file: Place) -> Place:
    if not file.path.endswith(SUFFIXES):
        raise Unreadable(f"{file.uri} has none of the known formats: {', '.join(SUFFIXES)}")
    return file


def _read(file: Place, columns: Sequence[str] | None, window: Window | None) -> Iterator[pa.RecordBatch]:
    wanted = None if columns is None else {*columns, *([TIME] if window is not None else [])}
    if file.path.endswith(".parquet"):
        yield from _parquet(file, wanted, window)
        return
    for batch in _csv(file) if file.path.endswith(".csv") else _json(file):
        yield batch if wanted is None else batch.select([name for name in batch.schema.names if name in wanted])


def _parquet(file: Place, wanted: set[str] | None, window: Window | None) -> Iterator[pa.RecordBatch]:
    with file.files.open_input_file(file.path) as opened:
        schema = pq.ParquetFile(opened).schema_arrow
        names = [name for name in schema.names if wanted is None or name in wanted]
        texts = [name for name in names if _is_text(schema.field(name).type)]
        # unbuffered, one batch needs whole column chunks, and memory grows with the size of a row group
        table = pq.ParquetFile(opened, read_dictionary=texts, pre_buffer=False, buffer_size=1 << 18)
        groups = [i for i in range(table.num_row_groups) if window is None or _may_hold(table, i, window)]
        for group in groups:
            yield from table.iter_batches(ROWS, row_groups=[group], columns=names, use_threads=False)


def _is_text(given: pa.DataType) -> bool:
    return bool(pa.types.is_string(given) or pa.types.is_large_string(given))


def _may_hold(table: pq.ParquetFile, group: int, window: Window) -> bool:
    """Whether a row group can contain rows of the window, by its statistics."""
    described = table.metadata.row_group(group)
    for index in range(described.num_columns):
        column = described.column(index)
        if column.path_in_schema == TIME and column.statistics is not None and column.statistics.has_min_max:
            low, high = column.statistics.min, column.statistics.max
            if isinstance(low, datetime) and isinstance(high, datetime):
                return _unix(low) < window[1] and _unix(high) >= window[0]
    return True


def _unix(moment: datetime) -> float:
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _csv(file: Place) -> Iterator[pa.RecordBatch]:
    """Types are those of the first block, with whole numbers read as floats, because a fraction may follow."""
    reading = pyarrow.csv.ReadOptions(block_size=BLOCK, use_threads=False)
    with file.files.open_input_stream(file.path) as opened:
        schema = pyarrow.csv.open_csv(opened, reading).schema
    wider = {pa.int64(): pa.float64(), pa.null(): pa.string()}
    types = {field.name: wider.get(field.type, field.type) for field in schema}
    options = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
    with file.files.open_input_stream(file.path) as opened:
        yield from pyarrow.csv.open_csv(opened, reading, convert_options=options)


def _json(file: Place) -> Iterator[pa.RecordBatch]:
    """Whole lines in blocks, each with its own types: a column may be null in one and a number in the next."""
    with file.files.open_input_stream(file.path) as opened:
        rest = b""
        while block := opened.read(BLOCK):
            whole, line, rest = (rest + block).rpartition(b"\n")
            if line:
                yield from _json_block(whole + line)
            elif len(rest) > 16 * BLOCK:
                raise pa.ArrowInvalid(f"a line is longer than {16 * BLOCK // 2**20} MiB")
        if rest.strip():
            yield from _json_block(rest)


def _json_block(lines: bytes) -> Iterator[pa.RecordBatch]:
    if lines.strip():
        options = pyarrow.json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
        yield from pyarrow.json.read_json(io.BytesIO(lines), options).to_batches(ROWS)


def _within(batch: pa.RecordBatch, window: Window, file: Place) -> pa.RecordBatch:
    """The rows whose time is in the window."""
    moments = _microseconds(times_of(batch, file), file)
    keep = (moments >= round(window[0] * 1e6)) & (moments < round(window[1] * 1e6))
    return batch if keep.all() else batch.filter(pa.array(keep))


def times_of(batch: pa.RecordBatch, file: Place) -> pa.Array:
    """When each prediction was made. Raises Unreadable if the file does not say it."""
    index = batch.schema.get_field_index(TIME)
    if index < 0:
        raise Unreadable(f"{file.uri} has no column `{TIME}`, which says when each prediction was made")
    return batch.column(index)


def _unwrapped(batch: pa.RecordBatch, names: Collection[str]) -> pa.RecordBatch:
    """The batch without the lists around single values."""
    for index, name in enumerate(batch.schema.names):
        if name in names and _is_list(batch.column(index).type):
            batch = batch.set_column(index, name, _singles(batch.column(index)))
    return batch


def _is_list(given: pa.DataType) -> bool:
    return bool(pa.types.is_list(given) or pa.types.is_large_list(given) or pa.types.is_fixed_size_list(given))


def _singles(lists: pa.Array) -> pa.Array:
    """The values of lists with at most one; the lists themselves if any has more."""
    sizes = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    if sizes.max(initial=0) > 1:
        return lists
    places = np.cumsum(sizes) - 1
    return pc.list_flatten(lists).take(pa.array(places, mask=sizes == 0))


def _microseconds(given: pa.Array, file: Place) -> np.ndarray:
    if pa.types.is_dictionary(given.type):
        given = given.dictionary_decode()
    if _is_text(given.type):
        given = given.cast(pa.timestamp("us", "UTC"))  # RFC 3339; a text without an offset is an error
    if not pa.types.is_timestamp(given.type):
        raise Unreadable(f"{file.uri} has a column `{TIME}` of the type {given.type}, not a timestamp")
    if given.null_count:
        raise Unreadable(f"{file.uri} has {given.null_count:,} rows without a `{TIME}`")
    made: np.ndarray = pc.cast(given, pa.timestamp("us", given.type.tz), safe=False).cast(pa.int64()).to_numpy()
    return made
