"""`mlspec check`: report committed output that differs from what its spec compiles to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...compiler.diagnostics import Diagnostic, SourceFile, Span
from ...compiler.errors import UnmanagedFileError
from ..disk import opened
from ..write import Written, changes
from .applied import say_where_applied
from .outcome import Outcome, made
from .request import Request
from .systems import Systems

__all__ = ["check"]


def check(request: Request) -> int:
    """Report committed output that differs from what its spec compiles to."""
    systems = Systems(request, made, warnings=False)  # `mlspec lint` reports warnings
    for system in systems:
        folder = systems.folder(system) if system.name is not None else None
        if folder is not None and not system.failed:
            wrong = tuple(_checked(system, folder, request))
            say_where_applied(system, folder, request.console)
            systems.add(wrong)
            if not wrong and system.unchanged is None:
                systems.wrote(system, folder)
    return systems.status


_STATES = {
    "added": ("missing", "is missing from the output of `{spec}`"),
    "changed": ("differs", "differs from what `{spec}` compiles to"),
    "removed": ("stale", "is stale: `{spec}` no longer compiles to it"),
}
"""The word on the terminal and the message of the finding, for each kind of change."""


def _checked(system: Outcome, folder: Path, request: Request) -> Iterator[Diagnostic]:
    console = request.console
    again = f"mlspec compile {system.shown}" + (f" -o {request.out}" if request.out is not None else "")
    try:
        found = _changes(system, folder)
    except UnmanagedFileError as error:
        console.line(f"{error.path}: {error.why.removeprefix('was ')}")
        message = f"{error.why}; it is in the way of the output of `{system.spec}`"
        yield _outdated(error.path, message, "move or delete it")
        return
    for change in found.changes:
        state, message = _STATES[change.kind]
        help_ = f"run `{again}`"
        if change.kind == "changed" and _only_line_ends(folder / change.path, _expected(system, change.path)):
            state, message = "differs only in its line ends", "has other line ends than what `{spec}` compiles to"
            help_ = "add `* -text` for the output folder to .gitattributes, and check the files out again"
        console.line(f"{folder / change.path}: {state}")
        yield _outdated(folder / change.path, message.format(spec=system.spec), help_)
    if found.changes:
        files = "file differs" if len(found.changes) == 1 else "files differ"
        console.say(f"{len(found.changes)} {files} from what {system.spec} compiles to: run `{again}`")
    else:
        console.say(f"{folder}: {found.unchanged} files are up to date")


def _changes(system: Outcome, folder: Path) -> Written:
    if system.unchanged is not None:
        return Written(changes=(), unchanged=system.unchanged)
    return changes(folder, system.files, system.kept)


def _expected(system: Outcome, path: str) -> bytes:
    """What a file of the output contains."""
    return next((one.files[path] for one in system.files if path in one.files), b"")


def _only_line_ends(path: Path, expected: bytes) -> bool:
    """Whether a checkout replaced the line ends of a file, as Git does with `core.autocrlf`."""
    present = opened(path, len(expected) * 2)
    return present is not None and present[0] > len(expected) and present[1].replace(b"\r\n", b"\n") == expected


def _outdated(path: Path, message: str, help_: str) -> Diagnostic:
    """A finding about a whole file, for formats that other programs read."""
    return Diagnostic(
        id="MLS020",
        severity="error",
        message=f"`{path.name}` {message}",
        span=Span(SourceFile(str(path), ""), 0, 0, 0, 0),
        note="the cluster runs the committed output, not the spec",
        help=help_,
    )
