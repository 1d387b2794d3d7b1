"""Explain a field that no layer sets: the decision that takes its place, or else its default."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import NotFoundError
from ..language import OBJECTS, SINGULAR, UNIONS, Entry, Kind
from ..pipeline import Compiled, Environment
from .explain import long_path
from .memo import decided
from .reasons import Explainer, Reason

__all__ = ["explain_unset"]


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
        raise NotFoundError(f"no layer sets `{path}`; see the language reference for its default", path)
    _, mode, _, default, why = entry
    value = f"`{default}`, the default" if mode == "default" else "derived"
    for environment in compiled.environments:
        yield environment.name, f"{path}: nothing here decides it", Reason(value=value, why=why)


def _decisions(environment: Environment, steps: tuple[str, ...]) -> Iterator[tuple[str, Reason]]:
    asked = long_path(environment, steps)
    explainer = Explainer((environment.layered,))
    for area in decided(environment.plan):
        for line in area.lines:
            if line.field and long_path(environment, tuple(line.field.split("."))) == asked:
                yield f"{'.'.join(steps)}: {line.title}: {line.text}", explainer.reason(line.value)


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
