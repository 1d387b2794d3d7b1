"""Explain a field that no layer sets: the decision that takes its place, or else its default."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import NotFoundError
from ..language import OBJECTS, SINGULAR, UNIONS, Entry, Kind
from ..pipeline import Compiled, Environment
from ..words import closest, listing
from .explain import long_path
from .memo import decided
from .memo.line import Line
from .mentions import mentions
from .reasons import Explainer, Reason

__all__ = ["explain_unset"]

MOST = 8
"""The number of questions that an error lists."""


def explain_unset(compiled: Compiled, path: str) -> Iterator[tuple[str, str, Reason]]:
    """The environment, the decision in words, and its reasons; what the language says where nothing is decided."""
    steps = tuple(step for step in path.split(".") if step)
    answered = False
    for environment in compiled.environments:
        for heading, reason in _decisions(environment, steps):
            answered = True
            yield environment.name, heading, reason
    entry = None if answered else _entry(("object", "MLSystem"), _short(steps))
    if answered:
        return
    if entry is None or entry[1] not in ("derived", "default"):
        raise _unanswered(compiled, path, steps)
    _, mode, _, default, why = entry
    value = f"`{default}`, the default" if mode == "default" else "derived"
    for environment in compiled.environments:
        yield environment.name, f"{path}: nothing here decides it", Reason(value=value, why=why)


def _unanswered(compiled: Compiled, path: str, steps: tuple[str, ...]) -> NotFoundError:
    """Why there is nothing to explain: the field has no default, or the language has no such field. A word that is
    somewhere else gets the questions that it stands for.
    """
    at, known = _unknown(steps)
    if at is None:
        below = _below(compiled, steps)
        message = f"no layer sets `{path}`, and it has no default"
        return NotFoundError(f"{message}; explain {listing(below, MOST)}" if below else message, path, below)
    near = closest(steps[at], known)
    above = f"`{'.'.join(steps[:at])}`" if at else "a spec"
    elsewhere = mentions(compiled, steps[at:])
    if elsewhere:
        hint = f"explain {listing(elsewhere, MOST)}"
    elif near:
        hint = f"the nearest name is `{'.'.join((*steps[:at], near))}`"
    else:
        hint = "`mlspec plan` shows all decisions, with their fields"
    return NotFoundError(f"{above} has no field `{steps[at]}`; {hint}", path, elsewhere or known)


def _unknown(steps: tuple[str, ...]) -> tuple[int | None, tuple[str, ...]]:
    """The position of the first step that the language does not have, and the names that may be there."""
    kinds: list[Kind] = [("object", "MLSystem")]
    for at, step in enumerate(steps):
        fields: dict[str, list[Kind]] = {}
        inner: list[Kind] = []
        for kind in [one for among in kinds for one in _variants(among)]:
            if kind[0] in ("overlay", "any"):
                return None, ()
            if kind[0] in ("list", "map"):
                inner.append(kind[1])
            for key, entry in OBJECTS[kind[1]].items() if kind[0] == "object" else ():
                fields.setdefault(key, []).append(entry[2])
        if at == 0:
            short = SINGULAR["MLSystem"].items()
            fields |= {singular: [kind[1] for kind in fields[plural]] for singular, plural in short}
        kinds = [*inner, *fields.get(step, ())]
        if not kinds:
            return at, tuple(fields)
    return None, ()


def _variants(kind: Kind) -> list[Kind]:
    return [("object", one) for one in UNIONS[kind[1]][1].values()] if kind[0] == "union" else [kind]


def _decisions(environment: Environment, steps: tuple[str, ...]) -> Iterator[tuple[str, Reason]]:
    """What the plan decides about a field, or else about the few fields below it."""
    asked = long_path(environment, steps)
    explainer = Explainer((environment.layered,))
    lines = [(line, long_path(environment, tuple(line.field.split(".")))) for line in _lines(environment)]
    exact = [(line, field) for line, field in lines if field == asked]
    below = [(line, field) for line, field in lines if field[: len(asked)] == asked]
    for line, field in exact or (below if len(below) <= MOST else ()):
        said = ".".join((*steps, *field[len(asked) :]))
        yield f"{said}: {line.title}: {line.text}", explainer.reason(line.value)


def _lines(environment: Environment) -> Iterator[Line]:
    return (line for area in decided(environment.plan) for line in area.lines if line.field)


def _below(compiled: Compiled, steps: tuple[str, ...]) -> tuple[str, ...]:
    """The fields below one that the plan decides about."""
    found: dict[str, None] = {}
    for environment in compiled.environments:
        asked = long_path(environment, steps)
        for line in _lines(environment):
            field = long_path(environment, tuple(line.field.split(".")))
            if field[: len(asked)] == asked:
                found[".".join((*steps, *field[len(asked) :]))] = None
    return tuple(found)


def _short(steps: tuple[str, ...]) -> tuple[str, ...]:
    """The path with the plural of a short form, and any name for its only entry."""
    plural = SINGULAR["MLSystem"].get(steps[0]) if steps else None
    return (plural, "", *steps[1:]) if plural is not None else steps


def _entry(kind: Kind, steps: tuple[str, ...]) -> Entry | None:
    """The field at a path, where any name and any index stands for an item."""
    match kind[0]:
        case "list" | "map" if len(steps) > 1:
            return _entry(kind[1], steps[1:])
        case "union":
            found = [_entry(("object", variant), steps) for variant in UNIONS[kind[1]][1].values()]
            known = [entry for entry in found if entry is not None]
            return next((entry for entry in known if entry[1] in ("derived", "default")), next(iter(known), None))
        case "object" if steps and steps[0] in OBJECTS[kind[1]]:
            entry = OBJECTS[kind[1]][steps[0]]
            return entry if len(steps) == 1 else _entry(entry[2], steps[1:])
    return None
