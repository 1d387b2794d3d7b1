"""The rule on data that a run cannot use as the spec says."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import Column, DataSource, MLSystem, PinnedVersion, TemporalSplit
from ..folders import TABLES
from ..lint import rule

__all__ = ["data_of_another_kind"]

TIMELESS = ("string", "category", "bool")
"""Types of columns that have no place on a line of time. Numbers have one, such as the seconds since 1970."""


@rule(
    "MLS117",
    "error",
    "data.split",
    "data.columns.*.name",
    "data.columns.*.dtype",
    "data.sources.*.format",
    "data.sources.*.version",
)
def data_of_another_kind(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Data that a run cannot use as the spec says: a split by time without times, or a version of another table format.

    Why: texts have no order in time, so the split fails, or its test rows are those of the last names in the alphabet.
    An Iceberg snapshot and a Delta version are different numbers, so a run that looks one up in the other table finds
    nothing.

    Bad:
        data:
          columns: [{name: country, dtype: category}]
          split: {strategy: temporal, column: country}
    Good:
        data:
          columns: [{name: event_time, dtype: timestamp}]
          split: {strategy: temporal, column: event_time}
    """
    if system.training is None:
        return
    if isinstance(system.data.split, TemporalSplit):
        yield from _no_time(system.data.split, system.data.columns)
    for source in system.data.sources:
        if isinstance(source.version, PinnedVersion):
            yield from _other_version(source, source.version)


def _no_time(split: TemporalSplit, columns: tuple[Column, ...]) -> Iterator[Diagnostic]:
    named = next((one for one in columns if one.name.value == split.column.value), None)
    if named is None or named.dtype.value not in TIMELESS:
        return
    times = [one.name.value for one in columns if one.dtype.value in ("timestamp", "date")]
    instead = f"write `column: {times[0]}`" if times else "name a column with the time of a row"
    yield finding(
        "MLS117",
        f"a split by time needs times, and `{named.name.value}` is a `{named.dtype.value}`",
        split.column,
        others=((named.dtype, "its type"),),
        note="the split fails, or the rows that evaluate the model are not the newest ones",
        help=f"{instead}, or write `dtype: timestamp` if it is one",
    )


def _other_version(source: DataSource, version: PinnedVersion) -> Iterator[Diagnostic]:
    """An error, if both are of tables. Files of a table may have the format of files, such as Parquet."""
    kind, format_ = version.kind, source.format
    if kind.value in TABLES and format_ is not None and format_.value in TABLES and format_.value != kind.value:
        yield finding(
            "MLS117",
            f"`{source.name.value}` is `{format_.value}`, and its version is one of `{kind.value}`",
            kind,
            others=((format_, "the format of the source"),),
            note="a training run that looks the version up in the source finds nothing, or other data",
            help=f"write `kind: {format_.value}`, with the `id` of a version of that table, or write "
            "`version: {kind: as-of-run}`",
        )
