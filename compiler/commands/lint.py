"""`mlspec lint`: say what is wrong with specs, or will be in production."""

from __future__ import annotations

from ..diagnostics import Diagnostic
from ..render.text import summary
from .request import Request, compiled, status

__all__ = ["lint"]


def lint(request: Request) -> int:
    """Print all findings and how many there are."""
    systems, terminal = compiled(request), request.terminal
    if systems is None:
        return 2
    found: list[Diagnostic] = [diagnostic for system in systems for diagnostic in system.found]
    terminal.say(summary(found))
    return status(systems)
