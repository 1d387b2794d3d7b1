"""The digest of a model: the SHA-256 of a file, or, for a folder, the SHA-256 of its sorted lines `path NUL sha256`.

It has the same format as in a release, and covers the same bytes as the check after the download (only regular files).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["digest_of", "inside", "size_of"]


def digest_of(model: Path) -> str:
    """`sha256:` and 64 hex digits. Raises OSError if something cannot be read."""
    if not model.is_dir():
        return f"sha256:{_sha256(model)}"
    lines = sorted(os.fsencode(file.relative_to(model)) + f"\0{_sha256(file)}\n".encode() for file in _files(model))
    return f"sha256:{hashlib.sha256(b''.join(lines)).hexdigest()}"


def size_of(model: Path) -> int:
    """The size in bytes."""
    return sum(file.stat().st_size for file in (_files(model) if model.is_dir() else [model]))


def _files(folder: Path) -> list[Path]:
    return [path for path in inside(folder) if path.is_file() and not path.is_symlink()]


def inside(folder: Path) -> Iterator[Path]:
    """Everything below a folder except folders. `rglob` would skip a folder that cannot be read."""

    def stop(error: OSError) -> None:
        raise error

    for parent, folders, files in os.walk(folder, onerror=stop):
        yield from (Path(parent, name) for name in files)
        yield from (path for name in folders if (path := Path(parent, name)).is_symlink())


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
