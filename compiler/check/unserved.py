"""Models that nothing uses: no service serves them, and nothing trains, combines, or compares them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..because import Unavailable
from ..bind import Reference
from ..diagnostics import Diagnostic
from ..finding import finding
from ..layer.usual import served
from ..part import Part
from ..system import MLSystem
from ..tree import Place

__all__ = ["unserved", "used_models"]


def used_models(
    system: MLSystem, references: Iterable[Reference], lost: Collection[Place] = ()
) -> frozenset[str] | None:
    """The names of the models that something in an environment uses; None if a mistake hides what does. At the places
    in `lost` are names that nothing declares.
    """
    if any(reference.to == "models" and reference.node.place in lost for reference in references):
        return None
    named = {reference.node.text for reference in references if reference.to == "models"}
    try:
        _declared(system)  # a section with a mistake raises here, too
        chosen = {served(name, None, system.models) for name in system.services}
        trained = _trained(system) if system.training is not None else set()
    except Unavailable:
        return None
    return frozenset({*named, *trained, *(name for name in chosen if name is not None)})


def _trained(system: MLSystem) -> set[str]:
    """The model that training produces: the only one, or the one with the name of the system."""
    only = set(system.models) if len(system.models) == 1 else set()
    return {*only, system.metadata.name.value}


def unserved(environments: Iterable[tuple[MLSystem, frozenset[str] | None]]) -> dict[str, Diagnostic]:
    """An error for each model that is used in none of the environments, by its name."""
    known = list(environments)
    used = [names for _, names in known if names is not None]
    if len(used) < len(known):
        return {}
    everywhere = frozenset[str]().union(*used)
    found: dict[str, Diagnostic] = {}
    for system, _ in known:
        for name, entry in _declared(system).items():
            if name in everywhere or name in found:
                continue
            try:
                found[name] = _unserved(name, entry, system)
            except Unavailable:
                continue  # the name is invalid, which has been reported
    return found


def _declared(system: MLSystem) -> dict[str, Part]:
    """The models of a system, and its releases of models that `models` does not list."""
    return {**system.releases, **system.models}


def _unserved(name: str, entry: Part, system: MLSystem) -> Diagnostic:
    first = next(iter(system.services), None)
    return finding(
        "MLS012",
        f"no service serves the model `{name}`",
        entry.own_name,
        note="it would run nowhere, and no rule looks at its release",
        help=f"add `model: {name}` to a service such as `{first}`, or remove the model and its release"
        if first is not None
        else "add a service that serves it, or remove it",
    )
