"""What a command needs of a system that was compiled: plain data, which may come from another process."""

from __future__ import annotations

from pathlib import Path

from ...compiler.diagnostics import Diagnostic
from ...compiler.pipeline import Compiled
from ...compiler.record import Record
from ..write import Rendered, rendered

__all__ = ["Outcome", "judged", "made", "whole"]


class Outcome(Record):
    """One system: what was found, and unless it was only judged, the files that it comes to."""

    shown: str
    """The spec as people typed it."""
    spec: str
    """The name of the spec's file."""
    beside: Path
    """The folder that the spec lies in."""
    platform: str | None
    """The platform file that was used, as people would type it."""
    readable: bool
    name: str | None
    """The system's name, if it has a valid one."""
    declared: tuple[str, ...]
    """The names of all environments, also of those that were not asked for."""
    kept: tuple[str, ...]
    """The folders that stay as they are unless they were compiled."""
    found: tuple[Diagnostic, ...]
    files: tuple[Rendered, ...] = ()
    """The files of each environment that was compiled; none where something is wrong."""
    compiled: Compiled | None = None
    """All that it came to, for what looks into it; it cannot come from another process."""

    @property
    def failed(self) -> bool:
        """Whether nothing of it may be written."""
        return any(diagnostic.severity == "error" for diagnostic in self.found)

    @property
    def status(self) -> int:
        """The exit status that its findings ask for."""
        return 1 if self.readable and self.failed else 0 if self.readable else 2


def whole(system: Compiled) -> Outcome:
    """Everything."""
    return judged(system).but(compiled=system)


def judged(system: Compiled) -> Outcome:
    """What was found."""
    path = system.input.path
    return Outcome(
        shown=system.input.shown,
        spec=system.input.name,
        beside=path.parent if path is not None else Path(),
        platform=system.input.platform,
        readable=system.input.sources is not None,
        name=system.name,
        declared=system.declared,
        kept=system.kept,
        found=system.found,
    )


def made(system: Compiled) -> Outcome:
    """What was found, and the files unless something is wrong."""
    outcome = judged(system)
    if outcome.failed:
        return outcome
    return outcome.but(files=tuple(rendered(bundle) for bundle in system.bundles))
