"""Where data is: files behind a URI, on this machine or in a store of objects. Other schemes are refused."""

from __future__ import annotations

import math
import posixpath
from pathlib import Path

from pyarrow import fs

from ...compiler.record import Record
from ..conditions import Unreadable, shown

__all__ = ["Place", "inside", "newest_first", "place"]

SCHEMES = ("file", "s3", "gs")


class Place(Record):
    """A file or a folder."""

    files: fs.FileSystem
    path: str
    uri: str
    """As configured, for messages."""

    def below(self, path: str) -> Place:
        """A file below the folder, by its full path."""
        return self.but(path=path, uri=posixpath.join(self.uri, posixpath.relpath(path, self.path)))


def place(uri: str) -> Place:
    """The place behind a local path or a URI. Raises Unreadable for schemes that are not supported."""
    scheme, colon, _ = uri.partition("://")
    if not colon:
        return Place(files=fs.LocalFileSystem(), path=str(Path(uri).absolute()), uri=uri)
    if scheme not in SCHEMES:
        raise Unreadable(f"{shown(uri)}: data is read from local paths, file://, s3://, and gs://, not {scheme}://")
    try:
        files, path = fs.FileSystem.from_uri(uri)
    except (ValueError, OSError) as wrong:
        raise Unreadable(f"{shown(uri)} is not a valid URI: {_first_line(wrong)}") from None
    return Place(files=files, path=path, uri=uri)


def inside(folder: Place) -> list[tuple[str, bool]]:
    """The paths in a folder, in order, with whether each is a folder. Names that start with `.` or `_` are skipped, by
    the convention that these are files of programs that are still writing. Raises Unreadable if there is no folder.
    """
    try:
        found = folder.files.get_file_info(fs.FileSelector(folder.path, allow_not_found=False))
    except OSError as wrong:
        raise Unreadable(f"{folder.uri} cannot be listed: {_first_line(wrong)}") from None
    named = [(each.path, each.type == fs.FileType.Directory, each.base_name) for each in found]
    return sorted((path, directory) for path, directory, name in named if name and name[0] not in "._")


def newest_first(folder: Place) -> list[tuple[Place, float]]:
    """The files below a folder with when each was written, in Unix time, the newest first; infinite if the store does
    not say it. Names that start with `.` or `_` are skipped. Raises Unreadable if there is no folder.
    """
    try:
        found = folder.files.get_file_info(fs.FileSelector(folder.path, allow_not_found=False, recursive=True))
    except OSError as wrong:
        raise Unreadable(f"{folder.uri} cannot be listed: {_first_line(wrong)}") from None
    written = [
        (folder.below(each.path), each.mtime_ns / 1e9 if each.mtime_ns is not None else math.inf)
        for each in found
        if each.type != fs.FileType.Directory and not _hidden(posixpath.relpath(each.path, folder.path))
    ]
    return sorted(written, key=lambda one: -one[1])


def _hidden(path: str) -> bool:
    return any(name[0] in "._" for name in path.split("/") if name)


def _first_line(wrong: Exception) -> str:
    return shown(str(wrong).partition("\n")[0])
