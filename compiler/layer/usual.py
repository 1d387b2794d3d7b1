"""Runtimes: choose one for each online service, and apply the service's changes to its entry.

A service that names none gets the default for its model's format: the platform's if it has one, else the catalog's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..catalog import load as catalog
from ..diagnostics import Diagnostic
from ..tree import Mapping, Node, Scalar, Sequence, lookup
from ..words import listing
from .merge import merge

__all__ = ["Usual", "chosen", "entries", "served", "undecided", "with_containers"]


class Usual(Scalar):
    """The name of a runtime chosen by default; its place is that of the format it was chosen for."""

    __slots__ = ()


Chosen = dict[str, Usual]
"""The default runtimes of services that name none, by service name."""


def entries(tree: Mapping) -> dict[str, Mapping]:
    """The services of a tree by name."""
    services = tree.entries.get("services")
    found = services.entries if isinstance(services, Mapping) else {}
    return {name: node for name, node in found.items() if isinstance(node, Mapping)}


def chosen(tree: Mapping) -> Chosen:
    """The default runtimes of the services that name none."""
    formats = {name: _format(tree, name, service) for name, service in _nameless(tree)}
    usual = {name: _usual(tree, node.text) for name, node in formats.items() if node is not None}
    return {
        name: Usual(node.place, runtime, plain=True)
        for name, node in formats.items()
        if node is not None and (runtime := usual[name]) is not None
    }


def undecided(tree: Mapping, usual: Chosen, environment: str) -> Iterator[tuple[str, Diagnostic]]:
    """The name of each online service whose runtime is neither set nor known by default, with a diagnostic."""
    for name, service in _nameless(tree):
        if name in usual:
            continue
        given = _format(tree, name, service)
        why = f"the format `{given.text}` has none" if given is not None else "the format of its model is unknown"
        able = [one for one in catalog.runtime_names() if given and _lists(catalog.runtime(one), "formats", given.text)]
        missing = Diagnostic(
            id="MLS009",
            severity="error",
            message=f"no runtime is set for the service `{name}`",
            span=service.span,
            label="needs `runtime`",
            note=f"mlspec chooses a default runtime by model format, and {why}",
            help=f"set `runtime` to {listing(able or catalog.runtime_names())}",
            environments=(environment,),
        )
        yield name, missing


def with_containers(tree: Mapping, usual: Chosen) -> Mapping:
    """Merge each service's `container` over the entry of its runtime."""
    runtimes, services = lookup(tree, ("platform", "runtimes")), tree.entries.get("services")
    if not isinstance(runtimes, Mapping) or not isinstance(services, Mapping):
        return tree
    changed: dict[str, Node] = dict(services.entries)
    for name, service in entries(tree).items():
        runtime = usual.get(name, service.entries.get("runtime"))
        entry = runtimes.entries.get(runtime.text) if isinstance(runtime, Scalar) else None
        if isinstance(entry, Mapping) and isinstance(runtime, Scalar):
            changed[name] = _with_container(service, runtime, entry)
    served = Mapping(services.place, services.keys, changed)
    return Mapping(tree.place, tree.keys, {**tree.entries, "services": served})


def _with_container(service: Mapping, runtime: Scalar, entry: Mapping) -> Mapping:
    own = service.entries.get("container")
    container = merge(entry, own, ("object", "Runtime")) if own is not None else entry
    keys = {**service.keys, "container": service.keys.get("container", runtime)}
    keys.setdefault("runtime", runtime)
    return Mapping(service.place, keys, {**service.entries, "runtime": runtime, "container": container or entry})


def _nameless(tree: Mapping) -> Iterator[tuple[str, Mapping]]:
    for name, service in entries(tree).items():
        mode = service.entries.get("mode")
        if "runtime" not in service.entries and isinstance(mode, Scalar) and mode.text == "online":
            yield name, service


def _format(tree: Mapping, name: str, service: Mapping) -> Scalar | None:
    """The format in which a service's model was released."""
    asked, models = service.entries.get("model"), tree.entries.get("models")
    known = models.entries if isinstance(models, Mapping) else {}
    model = served(name, asked.text if isinstance(asked, Scalar) else None, known)
    found = lookup(tree, ("releases", model, "artifact", "format")) if model is not None else None
    return found if isinstance(found, Scalar) else None


def served(service: str, asked: str | None, models: Iterable[str]) -> str | None:
    """The model that a service serves: the one it names, the one with its name, or the only one; else None."""
    known = tuple(models)
    if asked is not None:
        return asked
    if service in known:
        return service
    return known[0] if len(known) == 1 else None


def _usual(tree: Mapping, format_: str) -> str | None:
    own = lookup(tree, ("platform", "runtimes"))
    of_platform = own.entries if isinstance(own, Mapping) else {}
    for name, entry in of_platform.items():
        if _lists(entry, "usualFor", format_):
            return name
    return next((name for name in catalog.runtime_names() if _lists(catalog.runtime(name), "usualFor", format_)), None)


def _lists(entry: Node | None, key: str, wanted: str) -> bool:
    listed = entry.entries.get(key) if isinstance(entry, Mapping) else None
    items = listed.items if isinstance(listed, Sequence) else []
    return any(isinstance(item, Scalar) and item.text == wanted for item in items)
