"""`mlspec explain`: explain an output line, or what a value or a line of the spec affects."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from ...compiler.answer.derived import explain_unset
from ...compiler.answer.explain import Effect, explain_line, explain_object, explain_output, explain_path, is_output
from ...compiler.diagnostics import SourceFile
from ...compiler.emit.artifact import SYSTEM
from ...compiler.errors import NotFoundError
from ...compiler.pipeline import Compiled
from ..outputs import Output
from ..render import reasons
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["explain"]

MAX_LINE = 999_999
"""More lines than any output file has. Python does not read numbers of thousands of digits."""


def explain(request: Request, question: str | None, line: int | None) -> int:
    """Explain an output line, or what a value or a line of the spec affects."""
    console = request.console
    [output] = console.outputs
    plain = console.but(outputs=(Output(),)) if output.result else console  # the answer is the only document
    systems = Systems(request.but(console=plain), whole, warnings=False)  # only errors make the answer incomplete
    compiled = [system.compiled for system in systems if system.compiled is not None]
    if systems.status == 2:
        return 2
    if len(compiled) != 1:
        console.complain("error: explain works on one spec at a time")
        return 2
    try:
        answer, text = _explained(compiled[0], question, line)
    except NotFoundError as error:
        console.complain(f"error: {error}")
        return 2
    console.result(reasons.json(answer) if output.result else text)
    return 0


def _explained(system: Compiled, question: str | None, line: int | None) -> tuple[Any, str]:
    if line is not None:
        return _affected(explain_line(system, line))
    if question is None:
        raise NotFoundError("say what to explain: a path of the spec, Kind/name:path, FILE:LINE, or --line N")
    place = _place(question)
    if place is not None:
        return _at(system, *place)
    head, colon, _ = question.partition(":")
    if "/" in question or (colon and "." not in head):
        objects = list(explain_object(system, question))
        return objects, "\n".join(
            f"in {name}:\n{reasons.reason(f'  {heading}', why)}" for name, heading, why in objects
        )
    try:
        answers = list(explain_path(system, question))
    except NotFoundError:
        decisions = list(explain_unset(system, question))
        return decisions, "\n".join(f"in {name}:\n{reasons.reason(f'  {said}', why)}" for name, said, why in decisions)
    return answers, "\n".join(f"{reasons.given(n, values)}\n{reasons.effects(found)}" for n, values, found in answers)


def _affected(found: Iterable[tuple[str, list[Effect]]]) -> tuple[Any, str]:
    effects = list(found)
    return effects, "\n".join(f"in {name}:\n{reasons.effects(each)}" for name, each in effects)


def _at(system: Compiled, path: str, line: int) -> tuple[Any, str]:
    """A line of an output file, wherever the output folder is, or of a file that the system is compiled from."""
    steps = path.split("/")
    starts = [at for at, step in enumerate(steps) if step in (*system.declared, SYSTEM)]
    places = [(steps[at], "/".join(steps[at + 1 :])) for at in starts]
    place = next((one for one in places if is_output(system, *one)), next(iter(places), None))
    source = _source(system, path)
    if source is not None and (place is None or not is_output(system, *place)):
        return _affected(explain_line(system, line, source))
    if place is None:
        raise NotFoundError(f"{path} is not in an environment of this spec: {', '.join(system.declared)}")
    heading, why = explain_output(system, *place, line)
    return why, reasons.reason(heading, why)


def _source(system: Compiled, path: str) -> SourceFile | None:
    """The spec, a platform file, or a release file at a path, or as messages write it."""
    sources = system.input.sources
    assert sources is not None
    trees = [sources.spec, sources.platform, *sources.nearer, *sources.releases.values()]
    files = [tree.file for tree in trees if tree is not None]
    known = [{file.name, os.path.basename(file.name), os.path.realpath(file.name)} for file in files]
    return next(
        (file for file, names in zip(files, known, strict=True) if {path, os.path.realpath(path)} & names), None
    )


def _place(question: str) -> tuple[str, int] | None:
    """The file and the line of `FILE:LINE`."""
    path, colon, number = question.rpartition(":")
    if not colon or not number.isdecimal() or not ("/" in path or path.endswith((".yaml", ".md"))):
        return None
    if len(number) > len(str(MAX_LINE)):
        raise NotFoundError(f"{path} has fewer than {MAX_LINE:,} lines")
    return path, int(number)
