"""Owned: which files of an output folder mlspec may replace or remove, and what is in the way of the others.

The index of an environment lists what mlspec wrote there. Anyone can commit an index, so it is not trusted: it may name
only files inside its own folder, and a file is only removed if it begins as all files of mlspec do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator

from ..compiler.conventions import HEADER, INDEX, JSON_HEADER, KUSTOMIZATION, MARKDOWN_HEADER
from .disk import in_the_way, kind, opened, unreadable

__all__ = ["difference", "environments", "is_ours", "listed", "make_way", "written_from"]

MOST = 4 * 2**20
"""The largest index that is read, in bytes; one of a thousand files has 50,000."""

_LONGEST_NAME, _LONGEST_PATH = 255, 1024
"""In bytes, and in characters: Linux has no longer names, and mlspec writes no longer paths."""

_AFTER = HEADER.partition("}")[2]
"""What follows the name of the spec in the first line."""

_OURS = HEADER.partition("{")[0].encode()
"""What every YAML file begins with that mlspec writes."""

_FORMS = (_OURS, MARKDOWN_HEADER.partition("{")[0].encode(), JSON_HEADER.encode())
"""The same for YAML, Markdown, and JSON other than an index."""


def environments(folder: str) -> Iterator[str]:
    """The environments that mlspec wrote, according to their indexes. A linked folder is not one of them."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(entry.name for entry in found if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise unreadable(folder, error) from None
    for name in entries:
        if kind(os.path.join(folder, name, INDEX)) == "a file":
            yield name


def listed(folder: str, environment: str) -> Iterator[str]:
    """The index of an environment, and what it lists, relative to the system's folder."""
    own = os.path.join(folder, environment)
    found = opened(os.path.join(own, INDEX), MOST) if kind(own) == "a folder" else None
    if found is None:
        return
    yield f"{environment}/{INDEX}"
    try:
        names = json.loads(found[1])["files"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    for name in names if isinstance(names, list) else []:
        if isinstance(name, str) and _inside(own, name):
            yield f"{environment}/{name}"


def _inside(folder: str, path: str) -> bool:
    """Whether a path from an index could be one that mlspec wrote below a folder, without following a link."""
    parts = path.split("/")
    if not path.isprintable() or len(path) > _LONGEST_PATH or parts[-1] == INDEX:
        return False
    if any(part in ("", ".", "..") or len(part.encode()) > _LONGEST_NAME for part in parts):
        return False
    return all(kind(os.path.join(folder, *parts[:depth])) in ("a folder", None) for depth in range(1, len(parts)))


def is_ours(path: str) -> bool:
    """Whether a file begins as all files do that mlspec writes, or is an index."""
    if kind(path) != "a file":
        return False
    if os.path.basename(path) == INDEX:
        return True
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(max(map(len, _FORMS))).startswith(_FORMS)
    except OSError as error:
        raise unreadable(path, error) from None


def written_from(folder: str, environment: str) -> str | None:
    """The name of the spec that the output of an environment was compiled from; None if there is none."""
    path = os.path.join(folder, environment, KUSTOMIZATION)
    if not is_ours(path):
        return None
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.readline()[len(_OURS) :].partition(_AFTER)[0]


def make_way(folder: str, paths: Iterable[str]) -> None:
    """Raise UnmanagedFileError if there is a file or a link where one of the paths needs a folder."""
    needed: dict[str, None] = {}
    for path in paths:
        parts = path.split("/")[:-1]
        needed.update(dict.fromkeys("/".join(parts[: depth + 1]) for depth in range(len(parts))))
    if os.path.exists(folder) and not os.path.isdir(folder):
        found = kind(folder)
        raise in_the_way(folder, "a link to no folder" if found == "a link" else found, "folder")
    for parent in needed:
        there = os.path.join(folder, parent)
        if (found := kind(there)) not in ("a folder", None):
            raise in_the_way(there, found, "folder")


def difference(path: str, content: bytes) -> str | None:
    """How a file differs from its content: `added`, `changed`, or not at all."""
    found = opened(path, len(content))
    if found is None:
        return "added"
    return None if found[1] == content and found[0] == len(content) else "changed"
