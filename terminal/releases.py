"""Release files, and platform files: written in one step, and never on top of a change that was not read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..compiler.errors import ReleaseError
from .disk import in_the_way, kind, locked, opened, replace, sweep
from .places import RELEASES

__all__ = ["alone", "store"]

_MOST = 2**20
"""The largest file, in bytes: as large as any that mlspec reads."""


@contextmanager
def alone(spec_folder: Path, out_folder: Path) -> Iterator[None]:
    """The lock on the release files of a spec and on its output, to hold from reading the first to writing the last.

    First, remove what a killed promotion left, so that it is never committed.
    """
    above = os.path.dirname(os.path.realpath(out_folder))
    os.makedirs(above, exist_ok=True)
    with locked(spec_folder, above):
        releases = spec_folder / RELEASES
        if kind(releases) == "a folder":
            with suppress(OSError):  # reading a release does not need a folder that can be changed
                sweep(releases)
        yield


def store(path: Path, text: str, before: str | None) -> None:
    """Replace a release file, or a platform file. `before` is what it contained when the change was computed; None if
    there was none.

    Raises ReleaseError if it has changed since, and UnmanagedFileError for a link or anything else in its place. Call
    it under the lock.
    """
    if (found := kind(path.parent)) not in ("a folder", None):
        raise in_the_way(path.parent, found, "folder")
    path.parent.mkdir(exist_ok=True)
    present = opened(path, _MOST)
    if (None if present is None else present[1].decode("utf-8-sig", "replace")) != before:
        raise ReleaseError(f"{path} has changed since it was read, so nothing was written: run the command again")
    replace(path, text.encode())
