"""Texts: every file that belongs to one system, found and read, before anything in it is understood.

All that mlspec reads for a system is read here, at once, and nothing later asks the file system again. So these texts,
with the options, decide the result.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ..compiler.diagnostics import Diagnostic, SourceFile, Span
from ..compiler.limits import FILE
from ..compiler.record import Record
from ..compiler.words import visible
from .places import RELEASES, as_text, platforms, refused

__all__ = [
    "SPEC",
    "STDIN",
    "Seen",
    "Text",
    "Texts",
    "gathered",
    "given",
    "makes_wait",
    "piped",
    "seen",
    "text_of",
    "unreadable",
]

SPEC = "mlspec.yaml"
STDIN = "-"


Seen = tuple[tuple[str, int, int, int], ...]


class Text(Record):
    """One file."""

    shown: str
    """Its path as users see it."""
    text: str | Diagnostic
    """What is in it, or why it cannot be read."""


class Texts(Record):
    """The files of one system."""

    path: Path | None
    """The file of the spec; None for standard input, and for a text without a path."""
    name: str
    """The name of that file."""
    spec: Text
    platforms: tuple[Text, ...] = ()
    """The platform files that count, outermost first."""
    releases: tuple[tuple[str, Text], ...] = ()
    """The release file of each environment."""
    found: tuple[Diagnostic, ...] = ()
    """Why its folders cannot be read."""

    @property
    def all(self) -> tuple[Text, ...]:
        """Every file."""
        return (self.spec, *self.platforms, *(text for _, text in self.releases))


def seen(spec_folder: Path) -> Seen:
    """The names of the release files, and what changes when one is replaced or edited: inode, time, and size."""
    try:
        with os.scandir(spec_folder / RELEASES) as found:
            there = [(entry.name, entry.stat(follow_symlinks=False)) for entry in found]
    except OSError:
        return ()
    return tuple(sorted((name, status.st_ino, status.st_mtime_ns, status.st_size) for name, status in there))


def gathered(path: str, platform: str | None) -> Texts:
    """The files of the spec at a path, whatever its name. `platform` names the only platform file."""
    return _around(Path(path), text_of(path, as_text(path)), platform)


def piped(path: str | None, platform: str | None) -> Texts:
    """The spec on standard input, at the path that it belongs to; without one, it stands alone."""
    data = sys.stdin.buffer.read(FILE.most + 1)
    spec = Text(shown=as_text(path or SPEC), text=_decoded(path or "standard input", data))
    return _around(Path(path) if path is not None else None, spec, platform)


def given(text: str, path: str | None, platform: str | None) -> Texts:
    """The same for a spec that is given as text. Without a path, no platform file and no releases are looked for."""
    shown = path if path is not None else SPEC
    data = text.encode("utf-8", "surrogatepass")  # decoding then rejects half a surrogate pair
    spec = Text(shown=as_text(shown), text=_decoded(shown, data))
    return _around(Path(path) if path is not None else None, spec, platform)


def text_of(path: str, shown: str | None = None) -> Text:
    """One file that someone named."""
    return Text(shown=path if shown is None else shown, text=_read(path))


def _around(path: Path | None, spec: Text, platform: str | None) -> Texts:
    found: list[Diagnostic] = []
    paths = platforms(path.parent) if path is not None and platform is None else []
    return Texts(
        path=path,
        name=as_text(path.name) if path is not None else SPEC,
        spec=spec,
        platforms=(text_of(platform),) if platform is not None else tuple(map(_found, paths)),
        releases=tuple(_releases(path.parent, found)) if path is not None else (),
        found=tuple(found),
    )


def _releases(folder: Path, found: list[Diagnostic]) -> Iterator[tuple[str, Text]]:
    releases = folder / RELEASES
    if not releases.is_dir():
        return
    try:
        names = sorted(os.listdir(releases))
    except OSError as error:
        help_ = "check its permissions"
        found.append(unreadable(str(releases), f"the folder cannot be read: {error.strerror}", help_))
        return
    for name in names:
        if name.endswith(".yaml"):
            yield name.removesuffix(".yaml"), _found(str(releases / name))


def _found(path: str) -> Text:
    """A file that mlspec found by itself."""
    if makes_wait(path):
        why = unreadable(path, "this is not a file, but a folder, a pipe, or a device", "move it away")
        return Text(shown=path, text=why)
    return text_of(path)


def makes_wait(path: str) -> bool:
    """Whether a path that no one named is a pipe or a device, which could make mlspec wait forever."""
    return os.path.exists(path) and not os.path.isfile(path)


def _read(path: str) -> str | Diagnostic:
    why = refused(path)
    if why is not None:
        return unreadable(path, *why)
    try:
        with open(path, "rb") as file:
            return _decoded(path, file.read(FILE.most + 1))
    except OSError as error:
        return unreadable(path, f"the file cannot be read: {error.strerror}", "check its name and its permissions")


def _decoded(shown: str, data: bytes) -> str | Diagnostic:
    if len(data) > FILE.most:
        return unreadable(shown, f"the file is larger than {FILE.most // 2**20} MiB", "split it into several systems")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start)
        return unreadable(
            shown, f"the file is not UTF-8: byte {data[error.start]:#04x} in line {line + 1}", "save it as UTF-8"
        )


def unreadable(path: str, message: str, help_: str) -> Diagnostic:
    """The finding for a file that cannot be read."""
    file = SourceFile(visible(path), "")
    return Diagnostic(id="MLS002", severity="error", message=message, span=Span(file, 0, 0, 0, 0), help=help_)
