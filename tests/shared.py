"""Values that several tests of a run share, even if the tests run in different workers."""

from __future__ import annotations

import fcntl
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

__all__ = ["Shared"]

T = TypeVar("T")


class Shared:
    """Values that one test computes and the others read.

    A worker that needs a value while another one computes it waits for a lock. The kernel holds the lock, so it is free
    again if that worker dies. Each caller gets a copy of its own: tests cannot see changes that other tests make.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def once(self, name: str, make: Callable[[], T]) -> T:
        """The value with this name. The first caller computes it."""
        path = self.folder / f"{name}.pickle"
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                partial = path.with_suffix(".partial")
                partial.write_bytes(pickle.dumps(make()))
                partial.rename(path)
        made: T = pickle.loads(path.read_bytes())
        return made
