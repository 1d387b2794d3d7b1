"""What all commands on specs share: what they are asked for, and the systems that it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...targets.registry import TARGETS
from ..diagnostics import Diagnostic
from ..pipeline import Compiled, compile_system
from ..record import Record
from ..rules.registry import RULES
from ..terminal import Terminal
from ..words import listing
from ..workspace import Input, Options, find, load

__all__ = ["Request", "Systems", "folder_of", "status"]


class Request(Record):
    """What a command is asked to work on, and how it answers."""

    specs: tuple[str, ...]
    options: Options
    environments: tuple[str, ...] = ()
    out: str | None = None
    today: str | None = None
    terminal: Terminal = Terminal()

    def compile(self, input_: Input, *only: str) -> Compiled:
        """One system with all targets and rules, and the environments that were asked for."""
        return compile_system(input_, TARGETS, RULES, self.today, only or self.environments)


class Systems:
    """The systems that a request names, one at a time, so that a thousand take no more memory than one.

    Findings are printed on the way; `status` is the exit status that they, and what was asked for, ask for so far.
    """

    def __init__(self, request: Request, *, warnings: bool = True) -> None:
        self.request = request
        self.warnings = warnings
        self.status = 0
        self.found: list[Diagnostic] = []
        self._claimed: dict[Path, str] = {}

    def __iter__(self) -> Iterator[Compiled]:
        paths, missing = find(self.request.specs)
        if missing:
            self._wrong()
            self.request.terminal.diagnostics(missing)
            return
        whole = self.request.terminal.format == "json"  # one document, whatever the number of systems
        for path in paths:
            system = self.request.compile(load(path, self.request.options))
            self.status = max(self.status, status(system))
            found = [one for one in system.found if self.warnings or one.severity == "error"]
            self.found += found
            if not whole:
                self.request.terminal.diagnostics(found)
            if self._has_environments(system):
                yield system
        if whole:
            self.request.terminal.diagnostics(self.found)

    def _wrong(self, what: str | None = None) -> None:
        self.status = 2
        if what is not None:
            self.request.terminal.complain(f"error: {what}")

    def _has_environments(self, system: Compiled) -> bool:
        unknown = [name for name in self.request.environments if system.declared and name not in system.declared]
        for name in unknown:
            self._wrong(f"{system.input.shown} has no environment `{name}`: choose {listing(system.declared)}")
        return not unknown

    def folder(self, system: Compiled) -> Path | None:
        """Where a system's environments go; None, with the reason said, when another one went there."""
        folder = folder_of(system, self.request.out)
        other = self._claimed.setdefault(folder, system.input.shown)
        if other != system.input.shown:
            self._wrong(f"{other} and {system.input.shown} both claim {folder}: give the systems names that differ")
            return None
        return folder


def status(system: Compiled) -> int:
    """The exit status that a system's findings ask for."""
    return 2 if system.input.sources is None else 1 if system.failed else 0


def folder_of(system: Compiled, out: str | None) -> Path:
    """The folder of a system: its name below the one that was asked for, else `out` beside its spec."""
    if out is not None:
        return Path(out) / (system.name or "unnamed")
    return (system.input.path.parent if system.input.path is not None else Path()) / "out"
