"""The Python API: the commands as functions that return values. Nothing is printed, and nothing is kept.

Only `write` changes a disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .compiler.answer import explain as _explain
from .compiler.answer.explain import Effect, Given, Reason, Unknown
from .compiler.answer.promotion import Entry, Impossible, Move, promoted, rolled_back
from .compiler.check.rules.registry import RULES
from .compiler.diagnostics import Diagnostic
from .compiler.inputs import Input
from .compiler.link import Bundle
from .compiler.pipeline import Compiled, compile_system
from .compiler.record import Record
from .schema.published import text as _schema
from .targets.registry import BACKENDS
from .terminal.workspace import Options, read_version
from .terminal.workspace import load as _load
from .terminal.write import Change, Foreign, Written, changes, rendered, replace
from .terminal.write import write as _write

__all__ = [
    "Foreign",
    "Impossible",
    "Release",
    "Result",
    "Unknown",
    "check",
    "compile",
    "effects",
    "explain",
    "json_schema",
    "lint",
    "load",
    "promote",
    "rollback",
    "write",
]

PathLike = str | os.PathLike[str]


class Result(Record):
    """What a spec came to."""

    bundles: tuple[Bundle, ...]
    """One for each environment that was asked for; empty when there are errors."""
    diagnostics: tuple[Diagnostic, ...]
    compiled: Compiled

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.compiled.failed


class Release(Record):
    """What a release came to: the file that says so, and what its environment compiles to with it."""

    move: Move
    result: Result


def load(path: PathLike, *, platform: str | None = None, settings: Iterable[str] = ()) -> Input:
    """Read a spec and everything that belongs to it: its platform file and its release files."""
    return _load(os.fspath(path), Options(platform=platform, settings=tuple(settings)))


def compile(  # noqa: A001 - the word of the command
    path: PathLike,
    *,
    platform: str | None = None,
    settings: Iterable[str] = (),
    environments: Iterable[str] = (),
    today: str | None = None,
) -> Result:
    """Compile a spec; nothing is written. `today` (`2026-11-23`) is what suppressions expire by."""
    return _compiled(load(path, platform=platform, settings=settings), environments, today)


def _compiled(input_: Input, environments: Iterable[str] = (), today: str | None = None) -> Result:
    compiled = compile_system(input_, BACKENDS, RULES, today, frozenset(environments))
    bundles = () if compiled.failed else compiled.bundles
    return Result(bundles=bundles, diagnostics=compiled.found, compiled=compiled)


def lint(
    path: PathLike, *, platform: str | None = None, settings: Iterable[str] = (), today: str | None = None
) -> tuple[Diagnostic, ...]:
    """Everything that is to be said about a spec."""
    return compile(path, platform=platform, settings=settings, today=today).diagnostics


def write(made: Result | Release, folder: PathLike) -> Written:
    """Make a system's folder hold what was compiled; of a release, its file first.

    Raises `Foreign` when a file that is not mlspec's would be overwritten, and ValueError when there are errors.
    """
    result = made.result if isinstance(made, Release) else made
    if not result.ok:
        raise ValueError("there are errors: nothing can be written")
    if isinstance(made, Release):
        replace(made.move.path, made.move.text)
    return _write(Path(folder), [rendered(bundle) for bundle in result.bundles], result.compiled.kept)


def check(result: Result, folder: PathLike) -> tuple[Change, ...]:
    """What `write` would change; nothing when the folder is what the spec compiles to."""
    return changes(Path(folder), [rendered(bundle) for bundle in result.bundles], result.compiled.kept).changes


def explain(result: Result, question: str) -> dict[str, Reason]:
    """Why a value of an object is what it is, by environment; `question` is `Kind/name:path`.

    Raises `Unknown` when there is no such object or value.
    """
    return {environment: reason for environment, _, reason in _explain.explain_object(result.compiled, question)}


def effects(result: Result, path: str) -> dict[str, tuple[list[Given], list[Effect]]]:
    """Who gives a value of the spec, such as `constraints.latency.p99`, and what it comes to, by environment.

    Raises `Unknown` when nothing gives it.
    """
    return {name: (given, found) for name, given, found in _explain.explain_path(result.compiled, path)}


def promote(
    path: PathLike,
    *,
    to: str,
    now: str,
    source: str | None = None,
    release: PathLike | None = None,
    model: str | None = None,
    skip_shadow: bool = False,
    platform: str | None = None,
) -> Release:
    """Let a version enter its next stage in an environment: that of `source`, of a file, or the one in the shadow.

    `now` is the moment in UTC, such as `2026-11-02T04:12:00Z`. Raises `Impossible`, and writes nothing: see `write`.
    """
    version = None
    if release is not None:
        version, wrong = read_version(os.fspath(release))
        if wrong:
            raise Impossible(f"{os.fspath(release)} does not describe a version: {wrong[0].message}")
    system = compile_system(load(path, platform=platform), BACKENDS, RULES)
    entry = Entry(now=now, source=source, version=version, skip_shadow=skip_shadow)
    return _released(promoted(system, to, model, entry))


def rollback(
    path: PathLike, *, environment: str, to: str, model: str | None = None, platform: str | None = None
) -> Release:
    """Put an earlier version into service again. Raises `Impossible`, and writes nothing: see `write`."""
    system = compile_system(load(path, platform=platform), BACKENDS, RULES)
    return _released(rolled_back(system, environment, model, to))


def _released(move: Move) -> Release:
    return Release(move=move, result=_compiled(move.input, (move.environment,)))


def json_schema() -> str:
    """The JSON Schema of all three kinds of files, as text."""
    return _schema()
