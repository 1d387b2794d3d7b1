"""The tables of views: Parquet files, each with the values of a range of time, named after its end.

A file is written under another name and renamed, or is one object of a store, which appears as a whole. So a killed run
leaves either the whole range or nothing of it, and the next run repeats it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

__all__ = ["BrokenError", "Place", "compact", "newest_of_table", "read", "span", "write", "write_text"]

MICROSECONDS = pa.timestamp("us", tz="UTC")
PREFIX = "until-"
DAY = 86_400_000_000


class BrokenError(Exception):
    """Data or code that a retry would find the same."""


class Place(NamedTuple):
    """A file or a folder of a store."""

    files: Any
    path: str

    @classmethod
    def of(cls, uri: str) -> Place:
        """A local path, or the URI of an object store."""
        if uri.startswith("s3://"):
            given = {"region": os.environ.get("AWS_REGION"), "endpoint_override": os.environ.get("AWS_ENDPOINT_URL")}
            return cls(fs.S3FileSystem(**{key: value for key, value in given.items() if value}), uri[5:].rstrip("/"))
        files, path = fs.FileSystem.from_uri(uri if "://" in uri else f"file://{os.path.abspath(uri)}")
        return cls(files, path.rstrip("/"))

    def inside(self, name: str) -> Place:
        """A file in this folder."""
        return Place(self.files, f"{self.path}/{name}")


def _dataset(place: Place) -> Any:
    return ds.dataset(place.path, filesystem=place.files, format="parquet", exclude_invalid_files=False)


def _check(found: Any, columns: list[str], place: Place) -> None:
    missing = [name for name in columns if name not in found.schema.names]
    if missing:
        raise BrokenError(f"{place.path} has no column {', '.join(missing)}; it has {', '.join(found.schema.names)}")


def _time(found: Any, name: str, place: Place) -> Any:
    kind = found.schema.field(name).type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise BrokenError(f"the column {name} of {place.path} is {kind}, not a timestamp or a date")
    return kind


def span(place: Place, column: str, limit: int) -> tuple[int | None, int | None]:
    """The oldest and the newest time up to a limit, in microseconds of Unix time; None without rows. Times without a
    zone are UTC.

    A time in the future is a mistake at its source. It must not hide all that arrives until then.
    """
    found = _dataset(place)
    _check(found, [column], place)
    kind = _time(found, column, place)
    seen: list[int] = []
    for batch in found.to_batches(columns=[column], filter=pc.field(column) <= _scalar(limit, kind)):
        ends = pc.min_max(_microseconds(batch.column(0))).as_py()
        seen += [ends["min"], ends["max"]] if ends["min"] is not None else []
    return min(seen, default=None), max(seen, default=None)


def read(place: Place, columns: list[str], time: str, after: int, until: int) -> Any:
    """The rows with a time in (after, until], with that time in microseconds in place of its own."""
    found = _dataset(place)
    _check(found, columns, place)
    kind = _time(found, time, place)
    wanted = (pc.field(time) <= _scalar(until, kind)) & (pc.field(time) > _scalar(after, kind))
    table = found.to_table(columns=columns, filter=wanted)
    return table.set_column(columns.index(time), time, _microseconds(table.column(time)))


def _microseconds(column: Any) -> Any:
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    zone = column.type.tz
    return column.cast(pa.timestamp("us", tz=zone), safe=False).cast(pa.int64())


def _scalar(moment: int, kind: Any) -> Any:
    if pa.types.is_date(kind):
        return pa.scalar(moment // 86_400_000_000, pa.int32()).cast(pa.date32())
    return pa.scalar(moment, pa.int64()).cast(pa.timestamp("us", tz=kind.tz)).cast(kind, safe=False)


def newest_of_table(place: Place) -> int | None:
    """Until when a table has the values, from the names of its files; None if it has none."""
    return max((int(name[len(PREFIX) : -len(".parquet")]) for name in _names(place)), default=None)


def _names(place: Place) -> Iterator[str]:
    for one in place.files.get_file_info(fs.FileSelector(place.path, allow_not_found=True)):
        if one.base_name.startswith(PREFIX) and one.base_name.endswith(".parquet"):
            yield one.base_name


def write(place: Place, table: Any, until: int) -> None:
    """Add the values of a range of time that ends at `until`."""
    place.files.create_dir(place.path, recursive=True)
    _whole(place, f"{PREFIX}{until}.parquet", lambda target: pq.write_table(table, target))


def compact(place: Place) -> None:
    """Merge the files of each day but the last one: a run every few minutes would leave a hundred thousand in a year.

    The merged file replaces the last of its day, and then the others are deleted. If the job is killed between the two,
    rows are there twice, which changes no lookup and no join.
    """
    days: dict[int, list[int]] = {}
    for until in sorted(int(name[len(PREFIX) : -len(".parquet")]) for name in _names(place)):
        days.setdefault(until // DAY, []).append(until)
    for day in sorted(days)[:-1]:
        *others, last = days[day]
        if others:
            names = [place.inside(f"{PREFIX}{until}.parquet").path for until in days[day]]
            write(place, ds.dataset(names, filesystem=place.files, format="parquet").to_table(), last)
            for name in names[:-1]:
                place.files.delete_file(name)


def write_text(place: Place, name: str, text: str) -> None:
    """Write a small file."""
    place.files.create_dir(place.path, recursive=True)
    _whole(place, name, lambda target: target.write(text.encode()))


def _whole(place: Place, name: str, fill: Any) -> None:
    local = isinstance(place.files, fs.LocalFileSystem)
    part = place.inside(f".{name}.part" if local else name)  # Arrow and Feast skip names that start with a dot
    with place.files.open_output_stream(part.path) as target:
        fill(target)
    if local:
        with open(part.path, "rb") as written:
            os.fsync(written.fileno())
        os.replace(part.path, place.inside(name).path)
