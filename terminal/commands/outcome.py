"""What a command needs from a compiled system: plain data, which may come from another process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...compiler.check.claims import Claims
from ...compiler.check.outline import Outline
from ...compiler.diagnostics import Diagnostic
from ...compiler.link import Bundle
from ...compiler.pipeline import Compiled
from ...compiler.record import Record
from ..texts import Seen

if TYPE_CHECKING:
    from ..write import Rendered

__all__ = ["Outcome", "judged", "made", "whole"]


class Outcome(Record):
    """One system: its findings and, unless it was only judged, the files that it compiles to."""

    shown: str
    """The spec, as typed on the command line."""
    spec: str
    """The file name of the spec."""
    folder: Path
    """The folder of the spec."""
    platform: str | None
    """The platform file that was used, and those below it, as one would type them."""
    readable: bool
    name: str | None
    """The system's name, if it has a valid one."""
    declared: tuple[str, ...]
    """The names of all environments, including those that were not requested."""
    kept: tuple[str, ...]
    """The folders that stay unchanged unless they were compiled."""
    found: tuple[Diagnostic, ...]
    claims: tuple[Claims, ...] = ()
    """What it takes for itself in its clusters."""
    applied: tuple[tuple[str, str, str], ...] = ()
    """For each environment that a GitOps tool deploys: its name, the tool, and the folder that the tool applies."""
    files: tuple[Rendered, ...] = ()
    """The files of each compiled environment; none if there are errors."""
    seen: Seen = ()
    """The release files that it was compiled from, to notice when a command changes one."""
    outline: Outline | None = None
    """What of its claims decides whether it can collide with others; None if it has the claims themselves."""
    key: str | None = None
    """What decided it, if the cache has it under this key."""
    unchanged: int | None = None
    """The number of its files, if the output on the disk is known to be the same, so that it has no `files`."""
    compiled: Compiled | None = None
    """The whole result, for commands that inspect it. It cannot come from another process."""

    @property
    def failed(self) -> bool:
        """Whether there are errors, so that no file may be written."""
        return any(diagnostic.severity == "error" for diagnostic in self.found)

    @property
    def status(self) -> int:
        """The exit status for its findings."""
        return 1 if self.readable and self.failed else 0 if self.readable else 2


def whole(system: Compiled) -> Outcome:
    """The whole result."""
    return judged(system).but(compiled=system)


def judged(system: Compiled) -> Outcome:
    """The findings."""
    path = system.input.path
    return Outcome(
        shown=system.input.shown,
        spec=system.input.name,
        folder=path.parent if path is not None else Path(),
        platform=", ".join((system.input.platform, *system.input.nearer)) if system.input.platform else None,
        readable=system.input.sources is not None,
        name=system.name,
        declared=system.declared,
        kept=system.kept,
        found=system.found,
        claims=system.claims,
        applied=tuple((one.environment, its.tool, its.folder) for one in system.claims for its in one.deployed),
    )


def made(system: Compiled) -> Outcome:
    """The findings, and the files unless there are errors."""
    outcome = judged(system)
    if outcome.failed:
        return outcome
    from ..write import rendered  # what only judges a spec does not need it

    return outcome.but(files=tuple(rendered(bundle) for bundle in _bundles(system)))


def _bundles(system: Compiled) -> tuple[Bundle, ...]:
    """What is written. Without all environments, there is no document that describes them together."""
    if len(system.environments) < len(system.declared):
        return system.bundles
    from ...compiler.answer.design.bundle import bundles

    return bundles(system)
