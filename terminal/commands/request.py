"""What all commands on specs share: the request."""

from __future__ import annotations

from pathlib import Path

from ...compiler.check.rules.registry import RULES
from ...compiler.diagnostics import Diagnostic
from ...compiler.inputs import Input
from ...compiler.pipeline import Compiled, compile_system
from ...compiler.record import Record
from ...targets.registry import BACKENDS
from ..console import Console
from ..workspace import Options
from .outcome import Outcome

__all__ = ["Request", "folder_of"]


class Request(Record):
    """What a command works on, and how it prints its results."""

    specs: tuple[str, ...]
    options: Options
    environments: tuple[str, ...] = ()
    out: str | None = None
    today: str | None = None
    console: Console = Console()

    def wants(self, found: Diagnostic) -> bool:  # noqa: ARG002 - a command may select some
        """Whether the command reports a finding."""
        return True

    def compile(self, input_: Input, *only: str) -> Compiled:
        """Compile one system with all targets and rules, for the requested environments."""
        return compile_system(input_, BACKENDS, RULES, self.today, only or self.environments)


def folder_of(system: Outcome, out: str | None) -> Path:
    """The output folder of a system: its name inside the requested folder, or `out` next to its spec."""
    return Path(out) / (system.name or "unnamed") if out is not None else system.folder / "out"
