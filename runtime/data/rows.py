"""The rows of a source, batch by batch, as its files hold them.

Unlike the reader of captured predictions (`measure/tables.py`), this one guesses nothing: text files are read as text,
so that a column whose type changed is found and not converted. It distinguishes a broken file from a store that cannot
be reached, which is worth a retry. The format is that of the spec, whatever the files are called.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
from pyarrow import fs

from ...compiler.record import Record
from ..measure.places import Place, inside, place
from .contract import Source

__all__ = ["Broken", "File", "files_of"]

ROWS = 1 << 16
BLOCK = 4 << 20
LONGEST = 64 << 20
"""The longest line of JSON Lines in bytes."""


class Broken(Exception):  # noqa: N818 - a property of the data, not a fault of the program
    """The content of a file is not what its format says. A retry would read the same content."""


class File(Record):
    """One file of a source."""

    where: Place
    format: str

    def names(self) -> list[str]:
        """The names of its columns, in order. Raises Broken, and OSError if the store cannot be read."""
        if self.format == "jsonl":
            return []  # each line has its own
        try:
            if self.format == "parquet":
                with self.where.files.open_input_file(self.where.path) as opened:
                    return list(pq.ParquetFile(opened).schema_arrow.names)
            with self.where.files.open_input_stream(self.where.path) as opened:
                return list(pa.csv.open_csv(opened, _reading()).schema.names)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, EOFError) as wrong:
            raise Broken(_first_line(wrong)) from None

    def batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        """The rows with some of its columns. Raises like `names`."""
        try:
            if self.format == "parquet":
                yield from self._parquet(names)
            elif self.format == "csv":
                yield from self._csv(names)
            else:
                yield from self._lines()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, EOFError, UnicodeDecodeError) as wrong:
            raise Broken(_first_line(wrong)) from None

    def _parquet(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        with self.where.files.open_input_file(self.where.path) as opened:
            # unbuffered, one batch needs whole column chunks, and memory grows with the size of a row group
            table = pq.ParquetFile(opened, pre_buffer=False, buffer_size=1 << 18)
            yield from table.iter_batches(ROWS, columns=names, use_threads=False)

    def _csv(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        with self.where.files.open_input_stream(self.where.path) as opened:
            every = pa.csv.open_csv(opened, _reading()).schema.names
        converting = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(every, pa.string()), strings_can_be_null=False, include_columns=names
        )
        with self.where.files.open_input_stream(self.where.path) as opened:
            yield from pa.csv.open_csv(opened, _reading(), convert_options=converting)

    def _lines(self) -> Iterator[pa.RecordBatch]:
        with self.where.files.open_input_stream(self.where.path) as opened:
            rest = b""
            while block := opened.read(BLOCK):
                whole, line, rest = (rest + block).rpartition(b"\n")
                yield from _objects(whole + line)
                if len(rest) > LONGEST:
                    raise Broken(f"a line is longer than {LONGEST // 2**20} MiB")
            yield from _objects(rest)


def files_of(source: Source) -> list[File]:
    """The files of a source, in the order of their paths. Raises OSError if there are none, or none can be listed."""
    assert source.uri is not None
    assert source.format is not None
    where = place(source.uri)
    about = where.files.get_file_info(where.path)
    if about.type == fs.FileType.NotFound:
        raise FileNotFoundError(f"{source.uri} does not exist")
    found = [where] if about.is_file else [where.below(path) for path in _walk(where)]
    if not found:
        raise FileNotFoundError(f"{source.uri} holds no files")
    return [File(where=each, format=source.format) for each in found]


def _walk(folder: Place) -> Iterator[str]:
    for path, directory in inside(folder):
        if directory:
            yield from _walk(folder.but(path=path))
        else:
            yield path


def _reading() -> pa.csv.ReadOptions:
    return pa.csv.ReadOptions(block_size=BLOCK, use_threads=False)


def _objects(lines: bytes) -> Iterator[pa.RecordBatch]:
    if lines.strip():
        options = pa.json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
        yield from pa.json.read_json(io.BytesIO(lines), options).to_batches(ROWS)


def _first_line(wrong: Exception) -> str:
    return str(wrong).partition("\n")[0][:300]
