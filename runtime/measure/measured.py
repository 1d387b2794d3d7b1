"""The result of one measurement: the series that a monitoring job found at the end of a window, and their file.

The series are those of the metric contract (`compiler/exported.py`), without the labels that every series has. The
exporter adds them. A history is a folder of such files, one for each monitor and end of a window.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, cast, get_args

from ...compiler.exported import EVERY, Exported, Monitor, named
from ...compiler.record import Record
from ..conditions import Unreadable, shown

__all__ = [
    "LARGEST",
    "VERSION",
    "Measured",
    "Series",
    "history_name",
    "json_of",
    "measured_of",
    "read",
    "read_json",
    "write",
    "write_json",
]

VERSION = 1

LARGEST = 64 * 2**20
"""The maximum size of a file in bytes: 300,000 series take less than 64 MiB."""


class Series(Record):
    """One value of a metric of the contract."""

    name: str
    labels: dict[str, str]
    value: float


class Measured(Record):
    """What one job measured. Times are in Unix time, in seconds."""

    monitor: Monitor
    time: float
    """The time that the values describe: the end of the window."""
    window: tuple[float, float]
    """The start, inclusive, and the end, exclusive."""
    series: tuple[Series, ...]

    def document(self) -> dict[str, Any]:
        """The content of the file."""
        start, end = self.window
        return {
            "version": VERSION,
            "monitor": self.monitor,
            "time": _plain(self.time),
            "window": {"start": _plain(start), "end": _plain(end)},
            "series": [{"name": each.name, "labels": each.labels, "value": _plain(each.value)} for each in self.series],
        }

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the only series with these labels; None if there is none."""
        found = [each.value for each in self.series if each.name == name and labels.items() <= each.labels.items()]
        return found[0] if len(found) == 1 else None


def history_name(measured: Measured) -> str:
    """The name of its file in a history: `MONITOR-UNIXTIME.json`."""
    return f"{measured.monitor}-{int(measured.time)}.json"


def write(path: Path, measured: Measured) -> None:
    """Write the file atomically: a reader finds the whole result, or none."""
    write_json(path, measured.document())


def write_json(path: Path, document: Any) -> None:
    """Write a document atomically. The same document is the same bytes. Raises ValueError for NaN and infinities."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="ascii") as file:
        json.dump(document, file, indent=1, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read(path: Path) -> Measured:
    """Read the file of a measurement. Raises Unreadable if it does not have this format, and OSError."""
    return measured_of(read_json(path), str(path))


def read_json(path: Path, most: int = LARGEST) -> Any:
    """The document in a file. Raises Unreadable if it is larger than `most` bytes or not JSON, and OSError."""
    with path.open("rb") as file:
        return json_of(file.read(most + 1), str(path), most)


def json_of(content: bytes, name: str, most: int = LARGEST) -> Any:
    """The document in the bytes of a file with this name. Raises Unreadable."""
    if len(content) > most:
        raise Unreadable(f"{name} is larger than {most // 2**20} MiB")
    try:
        return json.loads(content, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as wrong:
        raise Unreadable(f"{name} is not JSON: {wrong}") from None


def measured_of(document: Any, name: str) -> Measured:
    """The measurement in a document. Raises Unreadable, with the name of its file."""
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise Unreadable(f"{name} is not a measurement with `version: {VERSION}`")
    monitor, window, series = document.get("monitor"), document.get("window"), document.get("series")
    if not isinstance(monitor, str) or monitor not in get_args(Monitor):
        raise Unreadable(f"{name} has an unknown `monitor`: {shown(str(monitor))}")
    if not isinstance(window, dict) or not isinstance(series, list):
        raise Unreadable(f"{name} needs `window` and `series`")
    start, end, time = (
        _number(given, name) for given in (window.get("start"), window.get("end"), document.get("time"))
    )
    return Measured(
        monitor=cast(Monitor, monitor),
        time=time,
        window=(start, end),
        series=tuple(_series(each, monitor, name) for each in series),
    )


def _series(entry: Any, monitor: str, name: str) -> Series:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise Unreadable(f"{name} has a series without a `name`")
    labels = entry.get("labels", {})
    if not isinstance(labels, dict) or not all(isinstance(each, str) for each in labels.values()):
        raise Unreadable(f"{name} has a series whose `labels` are not texts: {shown(entry['name'])}")
    wrong = _misnamed(entry["name"], labels, monitor)
    if wrong is not None:
        raise Unreadable(f"{name}: {wrong}")
    return Series(name=entry["name"], labels=labels, value=_number(entry.get("value"), name))


def _misnamed(metric: str, labels: dict[str, str], monitor: str) -> str | None:
    """Why a series is not one that this monitor exports by the contract; None if it is."""
    try:
        found: Exported = named(metric)
    except KeyError:
        return f"{shown(metric)} is not in the metric contract"
    if found.monitor not in (monitor, None):
        return f"{metric} belongs to the monitor {found.monitor}, not {monitor}"
    extra = sorted(set(labels) - set(found.labels))
    if not extra:
        return None
    added = " (the exporter adds it)" if extra[0] in EVERY else ""
    return f"{metric} has no label {shown(extra[0])}{added}"


def _number(given: Any, name: str) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise Unreadable(f"{name} has a value that is not a number: {shown(str(given))}")
    return float(given)


def _plain(value: float) -> int | float:
    """A whole number without `.0`, so that times and counts are readable."""
    return int(value) if abs(value) < 2**53 and value == int(value) else value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping without duplicate keys: the reader would silently believe the last one."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {shown(next(key for key in made if keys.count(key) > 1))} appears twice")
    return made
