"""`mlspec explain`: explain an output line, or what a value or a line of the spec affects."""

from __future__ import annotations

from typing import Any

from ...compiler.answer.derived import explain_unset
from ...compiler.answer.explain import explain_line, explain_object, explain_output, explain_path
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
        found = list(explain_line(system, line))
        return found, "\n".join(f"in {name}:\n{reasons.effects(effects)}" for name, effects in found)
    if question is None:
        raise NotFoundError("say what to explain: a path of the spec, Kind/name:path, FILE:LINE, or --line N")
    place = _place(question, system)
    if place is not None:
        heading, why = explain_output(system, *place)
        return why, reasons.reason(heading, why)
    if "/" in question:
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


def _place(question: str, system: Compiled) -> tuple[str, str, int] | None:
    """`FILE:LINE`: the environment, the path inside it, and the line, wherever the output folder is."""
    path, colon, number = question.rpartition(":")
    if not colon or not number.isdecimal():
        return None
    steps = path.split("/")
    start = next((index for index, step in enumerate(steps) if step in (*system.declared, SYSTEM)), None)
    if start is None and not path.endswith((".yaml", ".md")):
        return None
    if start is None:
        raise NotFoundError(f"{path} is not in an environment of this spec: {', '.join(system.declared)}")
    if len(number) > len(str(MAX_LINE)):
        raise NotFoundError(f"{path} has fewer than {MAX_LINE:,} lines")
    return steps[start], "/".join(steps[start + 1 :]), int(number)
