"""What each command does, between the command line and the compiler; each returns the exit status.

0 is fine, 1 means findings, 2 wrong usage or input that cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..targets.registry import TARGETS
from .diagnostics import Diagnostic
from .explain import Unknown, explain_line, explain_object, explain_output, explain_path
from .pipeline import Compiled, compile_system
from .record import Record
from .render import reasons
from .render.text import summary
from .rules.registry import RULES
from .terminal import Terminal
from .workspace import Options, find, load
from .write import Foreign, Written, changes, write

__all__ = ["Request", "check", "compile_", "explain", "lint"]


class Request(Record):
    """What a command is asked to work on, and how it answers."""

    specs: tuple[str, ...]
    options: Options
    environments: tuple[str, ...] = ()
    out: str | None = None
    today: str | None = None
    terminal: Terminal = Terminal()


def _compiled(request: Request) -> list[Compiled] | None:
    """All systems that were asked for, with their findings printed; None when nothing could be read."""
    paths, missing = find(request.specs)
    if missing:
        request.terminal.diagnostics(missing)
        return None
    systems = [compile_system(load(path, request.options), TARGETS, RULES, request.today) for path in paths]
    request.terminal.diagnostics([diagnostic for system in systems for diagnostic in system.found])
    return [system.only(request.environments) for system in systems]


def _status(systems: Sequence[Compiled]) -> int:
    if any(system.input.sources is None for system in systems):
        return 2
    return 1 if any(system.failed for system in systems) else 0


def compile_(request: Request, *, dry_run: bool = False, stdout: bool = False) -> int:
    """Write the bundles of all systems without errors."""
    systems, terminal = _compiled(request), request.terminal
    if systems is None:
        return 2
    _said_platforms(systems, terminal)
    folders = _folders(systems, request)
    if folders is None:
        return 2
    status = _status(systems)
    for system, folder in zip(systems, folders, strict=True):
        if system.failed or not system.environments:
            continue
        if stdout:
            terminal.result(_stream(system))
        else:
            status = max(status, _written(system, folder, terminal, dry_run=dry_run))
    return status


def _said_platforms(systems: Sequence[Compiled], terminal: Terminal) -> None:
    for platform in dict.fromkeys(system.input.platform for system in systems):
        terminal.say(
            f"platform: {platform or 'built-in defaults (no mlspec.platform.yaml beside the spec or above it)'}"
        )


def _folders(systems: Sequence[Compiled], request: Request) -> list[Path] | None:
    """Where each system's environments go; two systems cannot share a folder."""
    folders = [_folder(system, request.out) for system in systems]
    seen: dict[Path, Compiled] = {}
    for system, folder in zip(systems, folders, strict=True):
        other = seen.setdefault(folder, system)
        if other is not system and system.environments and other.environments:
            names = f"{other.input.shown} and {system.input.shown}"
            request.terminal.complain(f"error: {names} both claim {folder}: give the systems names that differ")
            return None
    return folders


def _folder(system: Compiled, out: str | None) -> Path:
    beside = system.input.path.parent if system.input.path is not None else Path()
    name = system.name or "unnamed"
    return Path(out) / name if out is not None else beside / "out"


def _stream(system: Compiled) -> str:
    """All objects as one multi-document stream, for `kubectl apply -f -`."""
    files = [file for e in system.environments for file in e.bundle.files() if "apiVersion" in file.artifact.body]
    return "".join(f"---\n{file.text}" for file in files if not file.path.endswith("kustomization.yaml"))


def _written(system: Compiled, folder: Path, terminal: Terminal, *, dry_run: bool) -> int:
    bundles = [environment.bundle for environment in system.environments]
    try:
        written = (changes if dry_run else write)(folder, bundles, system.declared)
    except Foreign as foreign:
        terminal.complain(f"error: {foreign.path} was not written by mlspec, and would be overwritten: move it away")
        return 1
    except OSError as error:
        terminal.complain(f"error: {error.filename or folder} cannot be written: {error.strerror}")
        return 2
    terminal.result(_report(folder, written, dry_run=dry_run))
    if not written.atomic:
        terminal.say(
            f"note: {folder} was written file by file, as its file system cannot exchange folders; "
            "`mlspec check` tells whether all arrived"
        )
    return 0


def _report(folder: Path, written: Written, *, dry_run: bool) -> str:
    if not written.changes:
        return f"{folder}: {written.unchanged} files, nothing to change"
    verb = "would change" if dry_run else "wrote"
    lines = [f"{folder}: {verb} {len(written.changes)} files, {written.unchanged} unchanged"]
    signs = {"added": "+", "changed": "~", "removed": "-"}
    lines += [f"  {signs[change.kind]} {change.path}" for change in written.changes]
    return "\n".join(lines)


def check(request: Request) -> int:
    """Say whether what is committed is what the specs compile to."""
    systems = _compiled(request)
    if systems is None:
        return 2
    folders = _folders(systems, request)
    if folders is None:
        return 2
    status = _status(systems)
    for system, folder in zip(systems, folders, strict=True):
        if not system.failed:
            status = max(status, _checked(system, folder, request.terminal))
    return status


_STATES = {"added": "missing", "changed": "differs", "removed": "stale"}


def _checked(system: Compiled, folder: Path, terminal: Terminal) -> int:
    try:
        found = changes(folder, [environment.bundle for environment in system.environments], system.declared)
    except Foreign as foreign:
        terminal.result(f"{foreign.path}: not written by mlspec")
        return 1
    for change in found.changes:
        terminal.result(f"{folder / change.path}: {_STATES[change.kind]}")
    if found.changes:
        terminal.say(f"{len(found.changes)} files are not what {system.input.name} compiles to: run mlspec compile")
        return 1
    terminal.say(f"{folder}: {found.unchanged} files are up to date")
    return 0


def lint(request: Request) -> int:
    """Print all findings and how many there are."""
    systems, terminal = _compiled(request), request.terminal
    if systems is None:
        return 2
    found: list[Diagnostic] = [diagnostic for system in systems for diagnostic in system.found]
    terminal.say(summary(found))
    return _status(systems)


def explain(request: Request, question: str | None, line: int | None) -> int:
    """Say why an output line is what it is, or what a value or a line of the spec comes to."""
    systems, terminal = _compiled(request), request.terminal
    if systems is None or len(systems) != 1 or systems[0].input.sources is None:
        if systems is not None and len(systems) != 1:
            terminal.complain("error: explain works on one spec at a time")
        return 2
    try:
        answer, text = _explained(systems[0], question, line)
    except Unknown as unknown:
        terminal.complain(f"error: {unknown}")
        return 2
    terminal.result(reasons.json(answer) if terminal.format == "json" else text)
    return 0


def _explained(system: Compiled, question: str | None, line: int | None) -> tuple[Any, str]:
    if line is not None:
        found = list(explain_line(system, line))
        return found, "\n".join(f"in {name}:\n{reasons.effects(effects)}" for name, effects in found)
    if question is None:
        raise Unknown("say what to explain: a path of the spec, Kind/name:path, FILE:LINE, or --line N")
    place = _place(question, system)
    if place is not None:
        heading, why = explain_output(system, *place)
        return why, reasons.reason(heading, why)
    if "/" in question:
        told = list(explain_object(system, question))
        return told, "\n".join(f"in {name}:\n{reasons.reason(f'  {heading}', why)}" for name, heading, why in told)
    answers = list(explain_path(system, question))
    return answers, "\n".join(f"{reasons.given(n, values)}\n{reasons.effects(found)}" for n, values, found in answers)


def _place(question: str, system: Compiled) -> tuple[str, str, int] | None:
    """`FILE:LINE`: the environment, the path below it and the line, wherever the output folder is."""
    path, colon, number = question.rpartition(":")
    if not colon or not number.isdecimal() or not path.endswith(".yaml"):
        return None
    steps = path.split("/")
    start = next((index for index, step in enumerate(steps) if step in system.declared), None)
    if start is None:
        raise Unknown(f"{path} lies in no environment of this spec: {', '.join(system.declared)}")
    return steps[start], "/".join(steps[start + 1 :]), int(number)
