"""The Python API: the commands as functions that return values. Nothing is printed, and nothing is kept."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .compiler.diagnostics import Diagnostic
from .compiler.link import Bundle
from .compiler.pipeline import Compiled, compile_system
from .compiler.record import Record
from .compiler.rules.registry import RULES
from .compiler.workspace import Input, Options
from .compiler.workspace import load as _load
from .targets.registry import TARGETS

__all__ = ["Result", "compile", "lint", "load"]


class Result(Record):
    """What a spec came to."""

    bundles: tuple[Bundle, ...]
    """One for each environment; empty when there are errors."""
    diagnostics: tuple[Diagnostic, ...]
    compiled: Compiled

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.compiled.failed


def load(path: str | os.PathLike[str], *, platform: str | None = None, settings: Iterable[str] = ()) -> Input:
    """Read a spec and everything that belongs to it: its platform file and its release files."""
    return _load(os.fspath(path), Options(platform=platform, settings=tuple(settings)))


def compile(  # noqa: A001 - the word of the command
    path: str | os.PathLike[str],
    *,
    platform: str | None = None,
    settings: Iterable[str] = (),
    environments: Iterable[str] = (),
    today: str | None = None,
) -> Result:
    """Compile a spec; nothing is written. `today` (`2026-11-23`) is what suppressions expire by."""
    input_ = load(path, platform=platform, settings=settings)
    compiled = compile_system(input_, TARGETS, RULES, today, frozenset(environments))
    bundles = () if compiled.failed else tuple(environment.bundle for environment in compiled.environments)
    return Result(bundles=bundles, diagnostics=compiled.found, compiled=compiled)


def lint(
    path: str | os.PathLike[str], *, platform: str | None = None, settings: Iterable[str] = (), today: str | None = None
) -> tuple[Diagnostic, ...]:
    """Everything that is to be said about a spec."""
    return compile(path, platform=platform, settings=settings, today=today).diagnostics
