"""What all commands on specs share: what they are asked for, and the systems that it names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...targets.registry import TARGETS
from ..pipeline import Compiled, compile_system
from ..record import Record
from ..rules.registry import RULES
from ..terminal import Terminal
from ..words import listing
from ..workspace import Input, Options, find, load

__all__ = ["Request", "compiled", "folders", "status"]


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

    def load(self) -> list[Input] | None:
        """All systems that were asked for; None, with the reason said, when one is not there."""
        paths, missing = find(self.specs)
        if missing:
            self.terminal.diagnostics(missing)
            return None
        return [load(path, self.options) for path in paths]


def compiled(request: Request, *, warnings: bool = True) -> list[Compiled] | None:
    """All systems that were asked for, with their findings printed; None when the request itself is wrong."""
    inputs = request.load()
    if inputs is None:
        return None
    systems = [request.compile(input_) for input_ in inputs]
    found = [diagnostic for system in systems for diagnostic in system.found]
    request.terminal.diagnostics([one for one in found if warnings or one.severity == "error"])
    if not all(_has(system, request) for system in systems):
        return None
    return systems


def _has(system: Compiled, request: Request) -> bool:
    """Whether a system has the environments that were asked for."""
    unknown = [name for name in request.environments if system.declared and name not in system.declared]
    for name in unknown:
        request.terminal.complain(
            f"error: {system.input.shown} has no environment `{name}`: choose {listing(system.declared)}"
        )
    return not unknown


def status(systems: Sequence[Compiled]) -> int:
    """The exit status that the findings ask for."""
    if any(system.input.sources is None for system in systems):
        return 2
    return 1 if any(system.failed for system in systems) else 0


def folders(systems: Sequence[Compiled], request: Request) -> list[Path] | None:
    """Where each system's environments go; None, with the reason said, when two would share a folder."""
    chosen = [_folder(system, request.out) for system in systems]
    seen: dict[Path, Compiled] = {}
    for system, folder in zip(systems, chosen, strict=True):
        other = seen.setdefault(folder, system)
        if other is not system and system.environments and other.environments:
            names = f"{other.input.shown} and {system.input.shown}"
            request.terminal.complain(f"error: {names} both claim {folder}: give the systems names that differ")
            return None
    return chosen


def _folder(system: Compiled, out: str | None) -> Path:
    beside = system.input.path.parent if system.input.path is not None else Path()
    name = system.name or "unnamed"
    return Path(out) / name if out is not None else beside / "out"
