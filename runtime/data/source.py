"""One source, read once: its columns against the contract, what arrived, and how its schema differs."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pyarrow as pa

from ...compiler.record import Record
from .arrivals import Arrivals
from .checks import ColumnChecks, Violation
from .contract import Source, shown
from .rows import Broken, File, files_of
from .types import converted, matches

__all__ = ["Checked", "check"]


class Checked(Record):
    """What one source was found to be."""

    source: str
    rows: int
    files: int
    violations: tuple[Violation, ...]
    notes: tuple[str, ...]
    measured: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """The source in `validation.json`."""
        return {
            "rows": self.rows,
            "files": self.files,
            **self.measured,
            "violations": [violation.document() for violation in self.violations],
            "notes": list(self.notes),
        }


def check(source: Source, run: float) -> Checked:
    """Read a source once, and check all that the contract says of it. `run` is the time of the run in Unix time.

    Raises OSError if the store cannot be read: a retry may succeed.
    """
    with ExitStack() as stack:
        found = _Reading(source, run, stack)
        files = files_of(source)
        for file in files:
            found.read(file)
        return found.checked(len(files))


class _Reading:
    def __init__(self, source: Source, run: float, stack: ExitStack) -> None:
        self.source = source
        self.columns = {column.name: ColumnChecks(column, stack) for column in source.columns}
        self.arrivals = Arrivals(source, run) if source.time is not None and not source.pinned else None
        self.rows = 0
        self.absent: dict[str, list[str]] = {}
        """The files that lack a column of the contract."""
        self.extra: set[str] = set()
        self.broken: list[Violation] = []

    def read(self, file: File) -> None:
        try:
            names = file.names()
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise Broken(f"the column {shown(twice)} appears twice")
            if file.format == "jsonl":
                self._lines(file)
                return
            self._schema(file, names)
            here = [name for name in self.columns if name in names]
            for batch in file.batches(here):
                self._batch(batch, here, file.format)
        except Broken as wrong:
            words = f"{shown(file.where.uri)} is broken: {shown(str(wrong))}"
            self.broken.append(Violation(column=None, expectation="format", words=words))

    def _lines(self, file: File) -> None:
        """In JSON Lines, each line has its own keys; a column is missing if no line of the file has it."""
        seen: set[str] = set()
        empty = True
        for batch in file.batches([]):
            empty = False
            seen.update(batch.schema.names)
            blank = pa.nulls(batch.num_rows)
            named = {n: batch.column(n) if n in batch.schema.names else blank for n in self.columns}
            self._batch(pa.RecordBatch.from_arrays(list(named.values()), list(named)), list(named), file.format)
        if not empty:
            self._schema(file, sorted(seen))

    def _schema(self, file: File, names: list[str]) -> None:
        for name in self.columns:
            if name not in names:
                self.absent.setdefault(name, []).append(file.where.uri)
        self.extra.update(name for name in names if name not in self.columns)

    def _batch(self, batch: pa.RecordBatch, names: list[str], form: str) -> None:
        self.rows += batch.num_rows
        for name in names:
            self.columns[name].add(batch.column(name), form)
        time = self.source.time
        if self.arrivals is not None and time in names:
            times, column = batch.column(time), self.columns[time].column
            if form != "parquet" and not pa.types.is_null(times.type):
                times, _ = converted(times, column, json=form == "jsonl")
            if matches(times.type, column.dtype):
                self.arrivals.add(times)

    def checked(self, files: int) -> Checked:
        violations = [*self.broken, *self._missing()]
        for column in self.columns.values():
            violations += column.violations()
        if not self.rows and not self.broken:
            violations.append(Violation(column=None, expectation="rows", words="the source holds no rows"))
        elif self.arrivals is not None:
            violations += self.arrivals.violations()
        return Checked(
            source=self.source.name,
            rows=self.rows,
            files=files,
            violations=tuple(violations),
            notes=tuple(self._notes()),
            measured=self.arrivals.document() if self.arrivals is not None else {},
        )

    def _missing(self) -> list[Violation]:
        made = []
        for name, files in self.absent.items():
            words = (
                f"the column is missing in {len(files):,} {'file' if len(files) == 1 else 'files'}, such as {files[0]}"
            )
            made.append(Violation(column=name, expectation="name", words=words))
        return made

    def _notes(self) -> list[str]:
        made = list(self.arrivals.notes()) if self.arrivals is not None else []
        if self.extra:
            names = ", ".join(shown(name) for name in sorted(self.extra)[:10])
            more = f", and {len(self.extra) - 10} more" if len(self.extra) > 10 else ""
            made.append(f"columns that are not in the contract: {names}{more}")
        asked = [name for name, value in _promised(self.source).items() if value is not None]
        if asked and self.source.pinned:
            made.append(f"{' and '.join(asked)} not checked: the version is pinned, so nothing arrives")
        elif asked and self.source.time is None:
            made.append(f"{' and '.join(asked)} not checked: the source has no `timestamp` or `date` column")
        return made


def _promised(source: Source) -> dict[str, float | None]:
    return {"freshness": source.freshness, "volume.daily": source.daily}
