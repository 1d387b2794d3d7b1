"""The results of the jobs: a folder of files. The newest one of each monitor is exported.

Files of before the last few windows are removed. A file that was cut off has another name until it is whole, so a
process that is killed leaves nothing that the next one misreads.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from ..conditions import Unreadable
from ..measure.measured import Measured, history_name, read, write

__all__ = ["History"]

KEPT = 15
"""The results of each monitor that are kept: two weeks of days, in which each weekday appears twice."""


class History:
    """The results in one folder. Several threads may read it."""

    def __init__(self, folder: Path, more: int = 0) -> None:
        """`more` results of each monitor are kept, because the labels of their rows have not arrived yet."""
        self._folder, self._kept = folder, KEPT + more
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._found: dict[str, Measured] = {}
        for path in sorted(folder.glob("*.json")):
            self._restore(path)

    def _restore(self, path: Path) -> None:
        """A file that cannot be read is measured again."""
        if path.name.startswith("."):
            return
        try:
            one = read(path)
        except (Unreadable, OSError, ValueError):
            path.unlink(missing_ok=True)
            return
        self._found[history_name(one)] = one

    def add(self, results: Iterable[Measured]) -> None:
        """Keep results, and remove the oldest ones."""
        for one in results:
            write(self._folder / history_name(one), one)
            with self._lock:
                self._found[history_name(one)] = one
        self._prune()

    def _prune(self) -> None:
        with self._lock:
            for monitor in {one.monitor for one in self._found.values()}:
                mine = sorted((one for one in self._found.values() if one.monitor == monitor), key=_time)
                for old in mine[: -self._kept]:
                    del self._found[history_name(old)]
                    (self._folder / history_name(old)).unlink(missing_ok=True)

    def all(self) -> tuple[Measured, ...]:
        """All results, the oldest first."""
        with self._lock:
            return tuple(sorted(self._found.values(), key=lambda one: (one.time, one.monitor)))

    def newest(self) -> tuple[Measured, ...]:
        """The newest result of each monitor."""
        return tuple({one.monitor: one for one in self.all()}.values())

    def has(self, monitors: Iterable[str], time: float) -> bool:
        """Whether every one of these monitors has a result of this time."""
        known = {(one.monitor, one.time) for one in self.all()}
        return all((monitor, time) in known for monitor in monitors)


def _time(one: Measured) -> float:
    return one.time
