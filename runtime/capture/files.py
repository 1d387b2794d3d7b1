"""Files of records: one open file for each day, finished by age and by size, and then moved to a folder for uploads.

A record is appended to a file with another name, which gets its final one when it is complete. A killed process leaves
that file behind. The next one cuts off a line that was only half written, and finishes it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..lines import say
from .config import Config

__all__ = ["LARGEST", "Files", "Full"]

LARGEST = 2**25
"""The bytes of JSON Lines after which a file is finished: a few megabytes of Parquet."""

MOST = 100_000
"""The most records of a file, which are in memory at once when it becomes Parquet."""


class Full(Exception):  # noqa: N818 - no error: it is counted
    """There is no room for another record."""


class _Open:
    """A file that records are appended to."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.since = time.monotonic()
        self.size = self.records = 0
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)

    def append(self, line: bytes) -> None:
        """Write a whole line, or nothing: a disk that is full takes a part of it, which is cut off again."""
        try:
            if os.write(self.descriptor, line) != len(line):
                raise OSError("the disk is full")
        except OSError:
            os.ftruncate(self.descriptor, self.size)
            os.lseek(self.descriptor, self.size, os.SEEK_SET)
            raise
        self.size += len(line)
        self.records += 1


class Files:
    """The files of one recorder."""

    def __init__(self, config: Config, name: str) -> None:
        self._config = config
        self._name = name
        """Different for each pod and each start."""
        self._number = 0
        self._open: dict[str, _Open] = {}
        self._parts = config.folder / "open"
        self.ready = config.folder / "ready"
        """Finished files, in the folders of their days."""

    def recover(self) -> None:
        """Finish what an earlier process left behind."""
        for path in sorted(self._parts.glob("*/*")):
            if path.suffix != ".jsonl":
                path.unlink()  # a conversion that was interrupted
                continue
            content = path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                os.truncate(path, whole)
            self._finish(path)
        for path in self.ready.glob("*/.*.part"):
            path.unlink()

    @property
    def spooled(self) -> int:
        """The bytes of all files."""
        return sum(path.stat().st_size for path in self.ready.glob("*/*")) + sum(
            one.size for one in self._open.values()
        )

    def add(self, record: dict[str, Any], room: int) -> int:
        """Append a record, and return its size. Raises Full if it needs more than `room` bytes, or OSError."""
        line = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        if len(data) > room:
            raise Full
        day = str(record["time"])[:10]
        one = self._open.get(day)
        if one is None:
            self._number += 1
            one = self._open[day] = _Open(self._parts / f"date={day}" / f"{self._name}-{self._number:06}.jsonl")
        one.append(data)
        if one.size >= LARGEST or one.records >= MOST:
            self._end(day)
        return len(data)

    def rotate(self, *, all_: bool = False) -> None:
        """Finish the files that are old enough."""
        now = time.monotonic()
        for day in [day for day, one in self._open.items() if all_ or now - one.since >= self._config.every]:
            self._end(day)

    def due(self) -> float:
        """Seconds until the next file is old enough, at most one."""
        now = time.monotonic()
        return max(0.01, min([1.0, *(self._config.every - (now - one.since) for one in self._open.values())]))

    def _end(self, day: str) -> None:
        one = self._open.pop(day)
        os.fsync(one.descriptor)
        os.close(one.descriptor)
        self._finish(one.path)

    def _finish(self, path: Path) -> None:
        """Move a complete file to where it is uploaded from."""
        folder = self.ready / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        if not path.stat().st_size:
            path.unlink()
        elif self._config.format == "jsonl":
            path.rename(folder / path.name)
        else:
            self._convert(path, folder)

    def _convert(self, path: Path, folder: Path) -> None:
        """Make Parquet of a file. One that cannot be converted stays as it is, which readers understand, too."""
        part = path.with_suffix(".parquet")
        try:
            from .parquet import convert

            convert(_lines(path), self._config, part)
        except Exception as wrong:  # noqa: BLE001 - whatever pyarrow raises, no record is lost
            say(sys.stderr, f"mlspec runtime capture: {path.name} stays JSON Lines: {wrong}")
            part.unlink(missing_ok=True)
            path.rename(folder / path.name)
            return
        part.rename(folder / part.name)
        path.unlink()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)
