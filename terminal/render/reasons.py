"""Explanations as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from json import dumps
from typing import Any

from ...compiler.answer.explain import Effect, Given, Reason
from ...compiler.plan.choose import count
from ...compiler.record import Record

__all__ = ["effects", "given", "json", "reason"]

MOST_DEEP = 6
MOST_LINES = 40
MOST_PARTS = 40
"""A checksum depends on each value of a file. `--format json` has all of them."""


def reason(heading: str, why: Reason) -> str:
    """One line of output and the tree of its reasons. What several reasons rest on is explained where it is first."""
    return "\n".join([heading, *_tree(why, 1, set())])


def _tree(why: Reason, depth: int, explained: set[Reason]) -> Iterator[str]:
    indent = "  " * depth
    if why.where:
        place = f"{why.path} at {why.where}" if why.path else why.where
        yield f"{indent}{why.value}: {place}" + (f" ({why.layer})" if why.layer else "")
    elif why in explained:
        yield f"{indent}{_said(why)} (see above)"
    else:
        yield f"{indent}{_said(why)}"
        if depth < MOST_DEEP:
            explained |= {why} if why.parts else set()
            for part in why.parts[:MOST_PARTS]:
                yield from _tree(part, depth + 1, explained)
            if len(why.parts) > MOST_PARTS:
                yield f"{indent}  and {count(len(why.parts) - MOST_PARTS, 'more value')}"


def _said(why: Reason) -> str:
    """A value and its reason. What no line sets begins with the field that would."""
    return f"{why.path} = {why.value} ({why.kind}): {why.why}" if why.kind else f"{why.value}: {why.why}"


def given(environment: str, values: Sequence[Given]) -> str:
    """The layers that set a value, the winner first."""
    lines = [f"in {environment}:"]
    lines += [f"  {'=' if value.wins else ' '} {value.value}  {value.where} ({value.layer})" for value in values]
    return "\n".join(lines)


def effects(found: Sequence[Effect]) -> str:
    """The lines of output that depend on a value, by object."""
    if not found:
        return "  affects no line of output here"
    lines = []
    last = ""
    for effect in found[:MOST_LINES]:
        if effect.object != last:
            lines.append(f"  {effect.object} ({effect.file})")
            last = effect.object
        lines.append(f"    {effect.line}: {effect.text}")
    if len(found) > MOST_LINES:
        lines.append(f"  and {count(len(found) - MOST_LINES, 'more line')}")
    return "\n".join(lines)


def json(answer: Any) -> str:
    """Any explanation as one JSON document; `version` increases when its structure changes."""
    return dumps({"version": 1, "explanation": _plain(answer)}, indent=2) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return {name: _plain(getattr(value, name)) for name in value._fields}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
