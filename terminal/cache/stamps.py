"""Stamps: what the file system says about each file of an output folder, which changes when the file does.

A stamp holds the device, the inode, the size, and both times of a file. Linux sets `ctime` with each change, and no
program can set it to another time. A change within one tick of the clock that Linux uses for it, of 1 to 10 ms, could
have the same stamp; so a file is compared with what it should contain once that clock has passed the file's `ctime`. A
file system that keeps no finer times than milliseconds gets no stamps.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ...compiler.errors import UnmanagedFileError
from ..exchange import is_settled
from ..owned import difference, environments

__all__ = ["stamped", "still"]

_CLOCK = getattr(time, "CLOCK_REALTIME_COARSE", time.CLOCK_REALTIME)
_TICK = 0.002
_COARSE = 1_000_000
_LONGEST = 0.05
"""How long to wait for the clock, in seconds. A file of another computer's clock can be ahead of it for longer."""


def stamped(folder: str, files: Mapping[str, bytes], kept: Iterable[str]) -> list[Any] | None:
    """The stamps of a folder that holds exactly these files, next to those of others; None if it does not."""
    before = _stamps(folder, files)
    if before is None or not _alone(folder, kept):
        return None
    changed = [one[5] for one in before]
    if any(moment % _COARSE == 0 for moment in changed) or not _past(max(changed, default=0)):
        return None
    try:
        if any(difference(os.path.join(folder, path), content) is not None for path, content in files.items()):
            return None
    except UnmanagedFileError:
        return None
    return before if before == _stamps(folder, files) else None


def still(folder: str, stamps: list[Any], kept: Iterable[str]) -> bool:
    """Whether the folder still holds exactly these files, next to those of others."""
    return _alone(folder, kept) and _stamps(folder, [one[0] for one in stamps]) == stamps


def _stamps(folder: str, paths: Iterable[str]) -> list[Any] | None:
    """The stamp of each file; None if one is missing, or is anything but a file in folders that are no links."""
    stamps: list[Any] = []
    parents: set[str] = set()
    lstat, is_file, is_folder = os.lstat, stat.S_ISREG, stat.S_ISDIR  # a thousand systems have 50,000 files
    try:
        for path in paths:
            at = lstat(f"{folder}/{path}")
            if not is_file(at.st_mode):
                return None
            stamps.append([path, at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns])
            parent = path.rpartition("/")[0]
            while parent and parent not in parents:
                if not is_folder(lstat(f"{folder}/{parent}").st_mode):
                    return None
                parents.add(parent)
                parent = parent.rpartition("/")[0]
    except (OSError, ValueError):
        return None
    return stamps


def _alone(folder: str, kept: Iterable[str]) -> bool:
    """Whether mlspec would remove nothing: no environment that is gone, and nothing that a killed run left."""
    try:
        return is_settled(os.path.realpath(folder)) and set(environments(folder)) <= set(kept)
    except UnmanagedFileError:
        return False


def _past(moment: int) -> bool:
    """Wait until the clock of the file system has passed a moment; False if that takes too long."""
    until = time.monotonic() + _LONGEST
    while time.clock_gettime_ns(_CLOCK) <= moment:
        if time.monotonic() > until:
            return False
        time.sleep(_TICK)
    return True
