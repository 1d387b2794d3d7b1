"""What all commands on specs share: what they are asked for, and the systems that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...compiler.check.rules.registry import RULES
from ...compiler.diagnostics import Diagnostic
from ...compiler.inputs import Input
from ...compiler.pipeline import Compiled, compile_system, missing_environments
from ...compiler.record import Record
from ...targets.registry import BACKENDS
from ..console import Console
from ..workspace import STDIN, Options, find, load
from .outcome import Outcome, whole
from .spread import spread

__all__ = ["Request", "Systems", "folder_of"]


class Request(Record):
    """What a command is asked to work on, and how it answers."""

    specs: tuple[str, ...]
    options: Options
    environments: tuple[str, ...] = ()
    out: str | None = None
    today: str | None = None
    console: Console = Console()

    def compile(self, input_: Input, *only: str) -> Compiled:
        """One system with all targets and rules, and the environments that were asked for."""
        return compile_system(input_, BACKENDS, RULES, self.today, only or self.environments)


class Systems:
    """The systems that a request names, a few at a time, so that a thousand take little more memory than one.

    Findings are printed on the way; `status` is the exit status that they, and what was asked for, ask for so far.
    `take` is what the command needs of each.
    """

    def __init__(self, request: Request, take: Callable[[Compiled], Outcome], *, warnings: bool = True) -> None:
        self.request = request
        self.take = take
        self.warnings = warnings
        self.status = 0
        self.found: list[Diagnostic] = []
        self._claimed: dict[Path, str] = {}

    def __iter__(self) -> Iterator[Outcome]:
        paths, missing = find(self.request.specs)
        if missing:
            self._wrong()
            self.request.console.diagnostics(missing)
            return
        one = self.request.console.format == "json"  # one document, whatever the number of systems
        for system in map(self._one, paths) if STDIN in paths or self.take is whole else spread(self._one, paths):
            self.status = max(self.status, system.status)
            found = [d for d in system.found if self.warnings or d.severity == "error"]
            self.found += found
            if not one:
                self.request.console.diagnostics(found)
            if self._has_environments(system):
                yield system
        if one:
            self.request.console.diagnostics(self.found)

    def _one(self, path: str) -> Outcome:
        return self.take(self.request.compile(load(path, self.request.options)))

    def _wrong(self, what: str | None = None) -> None:
        self.status = 2
        if what is not None:
            self.request.console.complain(f"error: {what}")

    def _has_environments(self, system: Outcome) -> bool:
        missing = missing_environments(system.shown, system.declared, self.request.environments)
        for error in missing:
            self._wrong(str(error))
        return not missing

    def folder(self, system: Outcome) -> Path | None:
        """Where a system's environments go; None, with the reason said, when another one went there."""
        folder = folder_of(system, self.request.out)
        other = self._claimed.setdefault(folder, system.shown)
        if other != system.shown:
            self._wrong(f"{other} and {system.shown} both claim {folder}: give the systems names that differ")
            return None
        return folder


def folder_of(system: Outcome, out: str | None) -> Path:
    """The folder of a system: its name below the one that was asked for, else `out` beside its spec."""
    return Path(out) / (system.name or "unnamed") if out is not None else system.beside / "out"
