"""The expectations of one column, checked batch by batch.

Each check counts the rows that break it and keeps a few of their values as examples, unless the column is personal
data. Memory does not depend on the number of rows. A NaN is a missing value, as in pandas. `pattern` must match the
whole value, as Python's `re` understands it. Expectations other than `nullable` and `nullShare` apply to the values
that are there.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from math import isnan
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ...compiler.record import Record
from ..written import as_written, number
from .contract import Expected, shown
from .distinct import Duplicates, words_of
from .types import converted, matches

__all__ = ["ColumnChecks", "Violation"]

EXAMPLES = 3


class Violation(Record):
    """An expectation that some rows of a source do not meet."""

    column: str | None
    """None for an expectation of the source as a whole."""
    expectation: str
    """The field of the spec, such as `min`."""
    words: str
    count: int | None = None
    """How many rows; None if it does not concern single rows."""
    examples: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """One line for the log."""
        about = f"column {shown(self.column)}: " if self.column is not None else ""
        such = f", such as {', '.join(self.examples)}" if self.examples else ""
        return f"{about}{self.expectation}: {self.words}{such}"

    def document(self) -> dict[str, Any]:
        """The violation in `validation.json`."""
        named = {"column": self.column, "expectation": self.expectation, "rows": self.count, "words": self.words}
        return {**{key: value for key, value in named.items() if value is not None}, "examples": list(self.examples)}


class _Tally:
    """The rows that break one expectation."""

    def __init__(self, expectation: str, words: str, *, secret: bool) -> None:
        self.expectation, self.words, self.secret = expectation, words, secret
        self.count = 0
        self.examples: list[str] = []

    def add(self, values: pa.Array, wrong: pa.Array) -> None:
        wrong = pc.fill_null(wrong, False)
        found = pc.sum(wrong).as_py() or 0
        self.count += found
        if found and not self.secret and len(self.examples) < EXAMPLES:
            for value in values.filter(wrong).slice(0, 100).to_pylist():
                text = shown(value if isinstance(value, bytes) else str(value))
                if text not in self.examples and len(self.examples) < EXAMPLES:
                    self.examples.append(text)

    def violation(self, column: str, rows: int) -> Violation:
        words = f"{self.count:,} of {rows:,} rows {self.words}"
        return Violation(
            column=column, expectation=self.expectation, words=words, count=self.count, examples=tuple(self.examples)
        )


class ColumnChecks:
    """All expectations of one column. Closes its temporary files with `stack`."""

    def __init__(self, column: Expected, stack: ExitStack) -> None:
        self.column = column
        self.rows = self.nulls = 0
        self._types: set[str] = set()
        """The types of files that are not the declared one."""
        self._tallies: dict[str, _Tally] = {}
        self._seen: set[bytes] = set()
        self._words: dict[str, bool] = {}
        self._distinct = stack.enter_context(Duplicates()) if column.unique else None

    def add(self, values: pa.Array, form: str) -> None:
        """The values of some more rows, from a file of this format. Only Parquet says what type they have."""
        column = self.column
        self.rows += len(values)
        if form != "parquet" and not pa.types.is_null(values.type):
            given = values
            values, wrong = converted(values, column, json=form == "jsonl")
            self._count("dtype", f"are not `{column.dtype}`", given, wrong)
            missing = pc.and_(pc.is_null(values, nan_is_null=True), pc.invert(wrong))
        elif pa.types.is_null(values.type):  # a column without any value has no other type
            self.nulls += len(values)
            return self._missing(pa.array([True] * len(values), pa.bool_()), values)
        elif not matches(values.type, column.dtype):
            self._types.add(str(values.type))
            return None
        else:
            missing = pc.is_null(values, nan_is_null=True)
        self.nulls += pc.sum(missing).as_py() or 0
        self._missing(missing, values)
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        self._bounds(values)
        self._texts(values)
        if self._distinct is not None:
            self._distinct.add(values)
        return None

    def violations(self) -> list[Violation]:
        """What the rows so far violate, in the order of the spec's fields."""
        column, name = self.column, self.column.name
        made: list[Violation] = []
        if self._types:
            words = f"the file has {' and '.join(sorted(self._types))}, and the contract `{column.dtype}`"
            made.append(Violation(column=name, expectation="dtype", words=words))
        made += [tally.violation(name, self.rows) for tally in self._tallies.values() if tally.count]
        if column.null_share is not None and self.rows and self.nulls > column.null_share * self.rows:
            words = f"{self.nulls:,} of {self.rows:,} values are missing ({_share(self.nulls, self.rows)}), "
            words += f"and at most {_percent(column.null_share)} may be"
            made.append(Violation(column=name, expectation="nullShare", words=words, count=self.nulls))
        if column.distinct is not None and len(self._seen) > column.distinct:
            words = f"more than {column.distinct:,} distinct values"
            made.append(Violation(column=name, expectation="values.max", words=words))
        repeated = self._distinct.count() if self._distinct is not None else 0
        if repeated:
            words = f"{repeated:,} of {self.rows:,} rows share their value with another row"
            made.append(Violation(column=name, expectation="unique", words=words, count=repeated))
        return sorted(made, key=lambda violation: _ORDER.index(violation.expectation))

    def _count(self, expectation: str, words: str, values: pa.Array, wrong: pa.Array) -> None:
        tally = self._tallies.get(expectation)
        if tally is None:
            tally = self._tallies[expectation] = _Tally(expectation, words, secret=self.column.personal)
        tally.add(values, wrong)

    def _missing(self, missing: pa.Array, values: pa.Array) -> None:
        if not self.column.nullable:
            tally = self._tallies.setdefault("nullable", _Tally("nullable", "have no value", secret=True))
            tally.add(values, missing)

    def _bounds(self, values: pa.Array) -> None:
        low, high = self.column.low, self.column.high
        if low is None and high is None:
            return
        numbers = _comparable(values)
        if low is not None:
            self._count("min", f"are below {low:g}", values, pc.less(numbers, low))
        if high is not None:
            self._count("max", f"are above {high:g}", values, pc.greater(numbers, high))

    def _texts(self, values: pa.Array) -> None:
        column = self.column
        if column.pattern is None and not column.one_of and column.distinct is None:
            return
        encoded = values.dictionary_encode()
        each, at = encoded.dictionary, encoded.indices
        texts = [text_of(value) for value in each.to_pylist()]
        if column.pattern is not None:
            wrong = pa.array([text is not None and not self._fits(column.pattern, text) for text in texts], pa.bool_())
            self._count("pattern", f"do not match {column.pattern.pattern}", values, wrong.take(at))
        if column.one_of:
            allowed = frozenset(as_written(word, _FLOATS.get(str(each.type))) for word in column.one_of)
            wrong = pa.array([text is not None and text not in allowed for text in texts], pa.bool_())
            self._count("values.oneOf", "have a value that is not listed", values, wrong.take(at))
        if column.distinct is not None:
            for word in words_of(each):
                if word is not None and len(self._seen) <= column.distinct:
                    self._seen.add(word)

    def _fits(self, pattern: re.Pattern[str], text: str) -> bool:
        """Whether the whole text matches. Remembers the answers for a few texts, because categories repeat."""
        known = self._words.get(text)
        if known is None:
            known = pattern.fullmatch(text) is not None
            if len(self._words) < 10_000:
                self._words[text] = known
        return known


_FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""Arrow's names of the types of the language."""

_ORDER = ("dtype", "nullable", "nullShare", "unique", "min", "max", "pattern", "values.oneOf", "values.max")


def text_of(value: Any) -> str | None:
    """A value as `values.oneOf` writes it: `true` for a boolean, `3` for the number 3.0, None if it is missing."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return number(value) if isinstance(value, float) else str(value)


def _comparable(values: pa.Array) -> pa.Array:
    """Numbers as double. Whole numbers above 2^53 are rounded, and so is the bound in the spec."""
    if pa.types.is_float16(values.type):
        values = values.cast(pa.float32())
    return values.cast(pa.float64(), safe=False)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g}%"


def _percent(share: float) -> str:
    return f"{100 * share:.10g}%"
