"""`mlspec check`: say whether what is committed is what the specs compile to."""

from __future__ import annotations

from pathlib import Path

from ...compiler.errors import UnmanagedFileError
from ..console import Console
from ..write import changes
from .outcome import Outcome, made
from .request import Request, Systems

__all__ = ["check"]


def check(request: Request) -> int:
    """Say whether what is committed is what the specs compile to."""
    systems, worst = Systems(request, made, warnings=False), 0  # what may be better is said by lint
    for system in systems:
        folder = systems.folder(system) if system.name is not None else None
        if folder is not None and not system.failed:
            worst = max(worst, _checked(system, folder, request.console))
    return max(worst, systems.status)


_STATES = {"added": "missing", "changed": "differs", "removed": "stale"}


def _checked(system: Outcome, folder: Path, console: Console) -> int:
    try:
        found = changes(folder, system.files, system.kept)
    except UnmanagedFileError as error:
        console.result(f"{error.path}: not written by mlspec")
        return 1
    for change in found.changes:
        console.result(f"{folder / change.path}: {_STATES[change.kind]}")
    if found.changes:
        files = "file is" if len(found.changes) == 1 else "files are"
        console.say(f"{len(found.changes)} {files} not what {system.spec} compiles to: run mlspec compile")
        return 1
    console.say(f"{folder}: {found.unchanged} files are up to date")
    return 0
