"""Checkpoints: folders of files in a store, each with a list of its files that is written last.

`TO/VERSION/END/` is what was learned up to END, in Unix time, on top of the live version VERSION. A folder without
`checkpoint.json`, or with a file that differs from it, is no checkpoint: a process that is killed while it writes one
leaves the one before as the newest. The next checkpoint with the same end replaces what is left.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from ...compiler.record import Record
from ..conditions import Unreadable, shown
from ..measure.places import Place, place

__all__ = ["KEPT", "Checkpoint", "Store"]

KEPT = 24
"""The newest checkpoints that are kept: a day of hours."""

LIST = "checkpoint.json"
PIECE = 1 << 20


class Checkpoint(Record):
    """One checkpoint."""

    end: int
    """The time up to which it has learned, in Unix time: that of the last prediction, exclusive."""
    files: dict[str, str]
    """The digest of each file, by its path below the folder."""


class Store:
    """The checkpoints on top of one version. All methods raise Unreadable, and OSError if the store is away."""

    def __init__(self, uri: str, version: str) -> None:
        if not version or version.startswith((".", "_")) or "/" in version:
            raise Unreadable(f"the version {shown(version)} cannot be the name of a folder")
        self._place: Place = place(uri)
        self._folder = posixpath.join(self._place.path, version)

    def newest(self) -> Checkpoint | None:
        """The newest complete checkpoint; None without one."""
        for end in self._ends():
            found = self._read(end)
            if found is not None:
                return found
        return None

    def fetch(self, one: Checkpoint, folder: Path) -> None:
        """Copy its files into a folder, and verify them."""
        for name, digest in one.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if self._copied(posixpath.join(self._at(one.end), name), path) != digest:
                raise Unreadable(f"the file {shown(name)} of the checkpoint {one.end} differs from its digest")

    def publish(self, folder: Path, end: int) -> Checkpoint:
        """Write the files of a folder as the checkpoint of a time, and remove old ones."""
        names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if _plain(path, folder)]
        if not names or LIST in names:
            raise Unreadable(f"the command left {f'a file {LIST}' if names else 'no file'} in its output folder")
        at, files = self._at(end), self._place.files
        files.create_dir(at, recursive=True)
        files.delete_dir_contents(at, missing_dir_ok=True)
        digests = {name: self._written(folder / name, posixpath.join(at, name)) for name in names}
        document = json.dumps({"version": 1, "end": end, "files": digests}, indent=1)
        self._put(posixpath.join(at, f"_{LIST}"), document.encode())
        files.move(posixpath.join(at, f"_{LIST}"), posixpath.join(at, LIST))
        for old in self._ends()[KEPT:]:
            files.delete_dir(self._at(old))
        return Checkpoint(end=end, files=digests)

    def _ends(self) -> list[int]:
        """The times of all folders, the newest first."""
        found = self._place.files.get_file_info(fs.FileSelector(self._folder, allow_not_found=True))
        return sorted((int(one.base_name) for one in found if one.base_name.isdecimal()), reverse=True)

    def _at(self, end: int) -> str:
        return posixpath.join(self._folder, str(end))

    def _read(self, end: int) -> Checkpoint | None:
        """A checkpoint; None if it is not complete. The list is written last, so a folder with it has all files."""
        path = posixpath.join(self._at(end), LIST)
        if self._place.files.get_file_info(path).type != fs.FileType.File:
            return None
        try:
            with self._place.files.open_input_stream(path) as opened:
                found: Any = json.loads(opened.read())
            return Checkpoint(end=end, files={str(name): str(digest) for name, digest in found["files"].items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def _copied(self, source: str, target: Path) -> str:
        digest = hashlib.sha256()
        with self._place.files.open_input_stream(source) as opened, target.open("wb") as written:
            while piece := opened.read(PIECE):
                digest.update(piece)
                written.write(piece)
        return f"sha256:{digest.hexdigest()}"

    def _written(self, source: Path, target: str) -> str:
        self._place.files.create_dir(posixpath.dirname(target), recursive=True)
        digest = hashlib.sha256()
        with source.open("rb") as opened, self._place.files.open_output_stream(target) as written:
            for piece in _pieces(opened):
                digest.update(piece)
                written.write(piece)
        return f"sha256:{digest.hexdigest()}"

    def _put(self, target: str, content: bytes) -> None:
        with self._place.files.open_output_stream(target) as written:
            written.write(pa.py_buffer(content))


def _plain(path: Path, folder: Path) -> bool:
    """Whether to keep a path. Links could point outside of the folder."""
    if path.is_symlink():
        raise Unreadable(f"{shown(path.relative_to(folder).as_posix())} is a link, which no checkpoint may contain")
    return path.is_file()


def _pieces(opened: Any) -> Iterator[bytes]:
    while piece := opened.read(PIECE):
        yield piece
