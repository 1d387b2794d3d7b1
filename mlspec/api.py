"""The Python API: the commands as functions that return values. Nothing is printed, and nothing is kept.

What is wrong with a spec is returned as diagnostics; an error is raised for what cannot be done, and is an MlspecError.
Only `write` changes a disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from .compiler.answer import explain as _explain
from .compiler.answer.explain import Effect, Given, Reason
from .compiler.answer.memo import Area, Assumption, Decision, Memo, memo
from .compiler.answer.promotion import Entry, Move, promoted, rolled_back
from .compiler.check.rules.registry import RULES
from .compiler.diagnostics import Diagnostic, Label, Severity, SourceFile, Span
from .compiler.errors import (
    CompileError,
    MlspecError,
    NotFoundError,
    ReleaseError,
    TooEarlyError,
    UnmanagedFileError,
)
from .compiler.inputs import Input
from .compiler.pipeline import compile_system, missing_environments
from .results import Bundle, Release, Result, Spec
from .schema.published import text as _schema
from .targets.registry import BACKENDS
from .terminal.workspace import Options, load_file, load_text, read_version, with_settings
from .terminal.write import Change, Rendered, Written, changes, rendered, replace
from .terminal.write import write as _write

__all__ = [
    "Area",
    "Assumption",
    "Bundle",
    "Change",
    "CompileError",
    "Decision",
    "Diagnostic",
    "Effect",
    "Given",
    "Label",
    "Memo",
    "MlspecError",
    "NotFoundError",
    "Reason",
    "Release",
    "ReleaseError",
    "Result",
    "Severity",
    "SourceFile",
    "Span",
    "Spec",
    "StrPath",
    "TooEarlyError",
    "UnmanagedFileError",
    "Written",
    "check",
    "compile",
    "effects",
    "explain",
    "json_schema",
    "lint",
    "load",
    "plan",
    "promote",
    "rollback",
    "write",
]

StrPath: TypeAlias = str | os.PathLike[str]
"""A path, as `open` takes it."""


def load(
    path: StrPath | None = None,
    *,
    text: str | None = None,
    platform: StrPath | None = None,
    settings: Iterable[str] = (),
) -> Spec:
    """Read a spec and everything that belongs to it: its platform file and its release files.

    A `text` is taken for what the file at `path` holds, such as the buffer of an editor; the file need not be there.
    Without a path it stands alone: nothing is looked for on the disk. `platform` names another platform file than the
    one beside the spec or above it; `settings` such as `constraints.throughput.peak=2000/s` are above all files.
    """
    return Spec(_loaded(path, text, platform, settings))


def compile(  # noqa: A001 - the word of the command
    spec: StrPath | Spec | None = None,
    *,
    text: str | None = None,
    platform: StrPath | None = None,
    settings: Iterable[str] = (),
    environments: Iterable[str] = (),
    today: str | None = None,
) -> Result:
    """Compile a spec: a path, a text or what `load` gave, all as `load` takes them; nothing is written.

    `environments` are those to compile, all without any; raises NotFoundError for one that the spec does not have.
    `today` (`2026-11-23`) is what suppressions expire by.
    """
    return _compiled(_loaded(spec, text, platform, settings), _names("environments", environments), today)


def lint(
    spec: StrPath | Spec | None = None,
    *,
    text: str | None = None,
    platform: StrPath | None = None,
    settings: Iterable[str] = (),
    environments: Iterable[str] = (),
    today: str | None = None,
) -> tuple[Diagnostic, ...]:
    """Everything that is to be said about a spec, in the order of the source; it takes what `compile` takes."""
    return _compiled(_loaded(spec, text, platform, settings), _names("environments", environments), today).diagnostics


def _loaded(
    spec: StrPath | Spec | None,
    text: str | None,
    platform: StrPath | None,
    settings: Iterable[str],
) -> Input:
    given = _names("settings", settings)
    if isinstance(spec, Spec):
        if text is not None or platform is not None:
            raise TypeError("a loaded spec has its text and its platform file: give these to load()")
        return with_settings(spec._input, given)
    options = Options(platform=os.fspath(platform) if platform is not None else None, settings=given)
    path = os.fspath(spec) if spec is not None else None
    if text is not None:
        return load_text(text, path, options)
    if path is None or "\n" in path:
        raise TypeError("name the file of a spec, or pass its text as text=")
    return load_file(path, options)


def _names(parameter: str, given: Iterable[str]) -> tuple[str, ...]:
    """A text is a row of letters, and would be taken for as many names."""
    if isinstance(given, str):
        raise TypeError(f"{parameter} takes a list, such as [{given!r}]")
    return tuple(given)


def _compiled(input_: Input, environments: tuple[str, ...] = (), today: str | None = None) -> Result:
    compiled = compile_system(input_, BACKENDS, RULES, today, environments)
    for error in missing_environments(input_.shown, compiled.declared, environments):
        raise error
    return Result(compiled)


def write(made: Result | Release, folder: StrPath) -> Written:
    """Make a system's folder hold what was compiled; of a release, its file first.

    Raises CompileError when there are errors, and UnmanagedFileError when a file that is not mlspec's would be
    overwritten.
    """
    result = made.result if isinstance(made, Release) else made
    files = _rendered(result)
    if isinstance(made, Release):
        replace(str(made.path), made.text)
    return _write(Path(folder), files, result._compiled.kept)


def check(result: Result, folder: StrPath) -> tuple[Change, ...]:
    """What `write` would change; nothing when the folder is what the spec compiles to. Raises what `write` raises."""
    return changes(Path(folder), _rendered(result), result._compiled.kept).changes


def _rendered(result: Result) -> list[Rendered]:
    return [rendered(bundle) for bundle in result.raise_for_errors()._compiled.bundles]


def explain(result: Result, question: str) -> dict[str, Reason]:
    """Why a value of an object is what it is, by environment; `question` is `Kind/name:path`.

    Raises NotFoundError when there is no such object or value.
    """
    return {environment: reason for environment, _, reason in _explain.explain_object(result._compiled, question)}


def effects(result: Result, path: str) -> dict[str, tuple[list[Given], list[Effect]]]:
    """Who gives a value of the spec, such as `constraints.latency.p99`, and what it comes to, by environment.

    Raises NotFoundError when nothing gives it.
    """
    return {name: (given, found) for name, given, found in _explain.explain_path(result._compiled, path)}


def plan(result: Result) -> dict[str, Memo]:
    """What was decided, why, and what was assumed, by environment; of a spec with errors, what could be decided."""
    return {environment.name: memo(environment) for environment in result._compiled.environments}


def promote(
    spec: StrPath | Spec,
    *,
    to: str,
    now: str,
    source: str | None = None,
    release: StrPath | None = None,
    model: str | None = None,
    skip_shadow: bool = False,
    platform: StrPath | None = None,
) -> Release:
    """Let a version enter its next stage in an environment: that of `source`, of a file, or the one in the shadow.

    `now` is the moment in UTC, such as `2026-11-02T04:12:00Z`. Nothing is written: see `write`. Raises ReleaseError
    when it cannot be done, TooEarlyError when it cannot be done yet, NotFoundError for a name that does not exist, and
    CompileError for a spec or a version that cannot be understood.
    """
    input_ = _for_release(spec, platform)
    version = None
    if release is not None:
        version, wrong = read_version(os.fspath(release))
        if wrong:
            message = f"{os.fspath(release)} does not describe a version: {wrong[0].message}"
            raise CompileError(message, tuple(wrong))
    entry = Entry(now=now, source=source, version=version, skip_shadow=skip_shadow)
    return _released(promoted(compile_system(input_, BACKENDS, RULES), to, model, entry))


def rollback(
    spec: StrPath | Spec,
    *,
    environment: str,
    to: str,
    model: str | None = None,
    platform: StrPath | None = None,
) -> Release:
    """Put an earlier version into service again. Nothing is written, and the same is raised as by `promote`."""
    input_ = _for_release(spec, platform)
    return _released(rolled_back(compile_system(input_, BACKENDS, RULES), environment, model, to))


def _for_release(spec: StrPath | Spec, platform: StrPath | None) -> Input:
    input_ = _loaded(spec, None, platform, ())
    if input_.sources is not None and input_.sources.settings:
        raise ReleaseError("settings hold for one run, and a release for all that follow: load the spec without them")
    return input_


def _released(move: Move) -> Release:
    result = _compiled(move.input, (move.environment,))
    return Release(environment=move.environment, change=move.said, path=Path(move.path), text=move.text, result=result)


def json_schema() -> str:
    """The JSON Schema of all three kinds of files, as text."""
    return _schema()
