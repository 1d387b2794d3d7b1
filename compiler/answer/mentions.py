"""Where a word occurs: in the spec, in what the plan decides, and in objects. Each place is a question to explain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..because import Unavailable
from ..emit.dump import plain
from ..language import SINGULAR
from ..link import File
from ..pipeline import Compiled, Environment
from ..tree import Mapping, Node, Sequence
from .memo import decided

__all__ = ["mentions"]

Steps = tuple[str, ...]


def mentions(compiled: Compiled, words: Steps) -> tuple[str, ...]:
    """The paths of the spec, of decisions, and of objects that end with some words. If there are none, the lines of
    output whose value is the last word, such as the name of an alert.
    """
    asked = tuple(word.casefold() for word in words)
    fields: dict[str, None] = {}
    objects: dict[str, None] = {}
    lines: dict[str, None] = {}
    for environment in compiled.environments:
        fields |= dict.fromkeys(_fields(environment, asked))
        for file in environment.bundle.files():
            objects |= dict.fromkeys(_in(file, asked))
            lines |= dict.fromkeys(_lines(file, asked[-1], environment.name))
    return (*fields, *objects) or tuple(lines)


def _ends(steps: Steps, asked: Steps) -> bool:
    return tuple(step.casefold() for step in steps[-len(asked) :]) == asked


def _fields(environment: Environment, asked: Steps) -> Iterator[str]:
    """What a file of the user sets, and what the plan decides."""
    for layer in environment.layered.layers:
        if layer.owner != "catalog":
            yield from (".".join(_short(environment, steps)) for steps in _ending(layer.tree, asked, ()))
    for area in decided(environment.plan):
        for line in area.lines:
            steps = tuple(line.field.split("."))
            above = next((steps[:end] for end in range(1, len(steps) + 1) if _ends(steps[:end], asked)), None)
            if above is not None:
                yield ".".join(_short(environment, above))


def _short(environment: Environment, steps: Steps) -> Steps:
    """The path as the spec of one model and one service has it."""
    singular = next((one for one, plural in SINGULAR["MLSystem"].items() if plural == steps[0]), None)
    try:
        alone = steps[1:2] == (environment.system.metadata.name.value,)
    except Unavailable:
        return steps
    return (singular, *steps[2:]) if alone and singular is not None else steps


def _ending(node: Node, asked: Steps, steps: Steps) -> Iterator[Steps]:
    """The paths that end with the words."""
    if steps and _ends(steps, asked):
        yield steps
    elif isinstance(node, Mapping):
        for key, inner in node.entries.items():
            yield from _ending(inner, asked, (*steps, key))
    elif isinstance(node, Sequence):
        for number, inner in enumerate(node.items):
            yield from _ending(inner, asked, (*steps, str(number)))


def _in(file: File, asked: Steps) -> Iterator[str]:
    """The object, if it is of this kind, and its values whose path ends with the words."""
    body = plain(file.artifact.object) if file.artifact.object is not None else {}
    kind, name = body.get("kind", ""), body.get("metadata", {}).get("name", "")
    if not kind or not name:
        return
    if asked == (kind.casefold(),):
        yield f"{kind}/{name}"
    yield from (f"{kind}/{name}:{'.'.join(steps)}" for steps in _keys(body, asked, ()))


def _keys(body: Any, asked: Steps, steps: Steps) -> Iterator[Steps]:
    if steps and _ends(steps, asked):
        yield steps
        return
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        yield from _keys(value, asked, (*steps, str(key)))


def _lines(file: File, word: str, environment: str) -> Iterator[str]:
    """The first line of an object whose value is a word."""
    value = re.compile(rf"(?:.*: |\s*- )[\"']?{re.escape(word)}[\"']?")
    if file.artifact.object is not None:
        numbered = enumerate(file.text.split("\n"), 1)
        first = next((number for number, line in numbered if value.fullmatch(line.casefold())), None)
        yield from () if first is None else (f"{environment}/{file.path}:{first}",)
