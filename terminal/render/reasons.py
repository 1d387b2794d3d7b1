"""Explanations as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from json import dumps
from typing import Any

from ...compiler.answer.explain import Effect, Given, Reason
from ...compiler.record import Record

__all__ = ["effects", "given", "json", "reason"]

MOST_DEEP = 6
MOST_LINES = 40


def reason(heading: str, why: Reason) -> str:
    """One line of output and the chain of its reasons, each below what rests on it."""
    return "\n".join([heading, *_told(why, 1)])


def _told(why: Reason, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if why.where:
        place = f"{why.path} at {why.where}" if why.path else why.where
        yield f"{indent}{why.value}: {place}" + (f" ({why.layer})" if why.layer else "")
        return
    yield f"{indent}{why.value}: {why.why}"
    if depth >= MOST_DEEP:
        return
    for part in why.parts:
        yield from _told(part, depth + 1)


def given(environment: str, values: Sequence[Given]) -> str:
    """Who gives a value, the winner first."""
    lines = [f"in {environment}:"]
    lines += [f"  {'=' if value.wins else ' '} {value.value}  {value.where} ({value.layer})" for value in values]
    return "\n".join(lines)


def effects(found: Sequence[Effect]) -> str:
    """What rests on it, by object."""
    if not found:
        return "  changes no line of output here"
    lines = []
    last = ""
    for effect in found[:MOST_LINES]:
        if effect.object != last:
            lines.append(f"  {effect.object} ({effect.file})")
            last = effect.object
        lines.append(f"    {effect.line}: {effect.text}")
    if len(found) > MOST_LINES:
        lines.append(f"  and {len(found) - MOST_LINES} more lines")
    return "\n".join(lines)


def json(answer: Any) -> str:
    """Any explanation as one document; `version` grows when its shape changes."""
    return dumps({"version": 1, "explanation": _plain(answer)}, indent=2) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return {name: _plain(getattr(value, name)) for name in value._fields}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
