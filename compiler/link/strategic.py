"""Lists whose items have names, which a strategic patch merges item by item, as Kubernetes merges those of pods.

Kubernetes publishes a merge key for each list of its own kinds, and none for custom resources such as Rollouts, whose
lists it replaces. Here, a list has the same name and the same key wherever pods are described.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..because import Because
from ..emit.dump import plain
from ..record import Record
from ..tree import Mapping, Scalar, Sequence

__all__ = ["DIRECTIVE", "NamedList", "bare", "deletes", "has_names", "named", "name_in", "pairs"]

DIRECTIVE = "$patch"
"""The key of an item that says what to do with it; its only value is `delete`."""


class NamedList(Record):
    """A list whose items have names."""

    key: str = "name"
    """The key of an item that identifies it."""
    whole: tuple[str, ...] = ()
    """The keys of an item that stands for itself, so that it can be added."""
    one_of: tuple[str, ...] = ()
    """Keys that such an item has one of."""
    source: bool = False
    """Whether an item has only one key besides its name, so that another key replaces it."""


_CONTAINERS = NamedList(whole=("image", "securityContext"))

_LISTS = {
    "containers": _CONTAINERS,
    "initContainers": _CONTAINERS,
    "env": NamedList(one_of=("value", "valueFrom"), source=True),
    "volumes": NamedList(source=True),
    "volumeMounts": NamedList(key="mountPath", whole=("name",)),
    "ports": NamedList(one_of=("containerPort", "port")),
    "imagePullSecrets": NamedList(),
    "topologySpreadConstraints": NamedList(key="topologyKey", whole=("maxSkew", "whenUnsatisfiable")),
}
"""By the key of the list (kubernetes/api core/v1/types.go, `patchMergeKey`; for ports, their unique names)."""


def bare(value: Any) -> Any:
    """A piece of a body without the reasons around it."""
    while isinstance(value, Because):
        value = value.value
    return value


def named(step: str, old: Any) -> NamedList | None:
    """What is known about a list, if it is one with names; the ports of a network policy have none."""
    known = _LISTS.get(step)
    items = bare(old) or ()
    return known if known is not None and all(known.key in (bare(item) or ()) for item in items) else None


def has_names(step: str) -> bool:
    """Whether the items of a list with this key have names."""
    return step in _LISTS


def name_in(known: NamedList, item: Any) -> str | None:
    """The name of an item of a patch, or of an object."""
    if isinstance(item, Mapping):
        node = item.entries.get(known.key)
        return node.text if isinstance(node, Scalar) else None
    found = bare(item)
    return str(plain(found[known.key])) if isinstance(found, dict) and known.key in found else None


def deletes(item: Mapping) -> bool:
    """Whether an item of a patch removes the item of that name."""
    said = item.entries.get(DIRECTIVE)
    return isinstance(said, Scalar) and said.text == "delete"


def pairs(known: NamedList, old: Any, patch: Sequence) -> Iterator[tuple[Any, Mapping | None]]:
    """The items of a list in their order, each with what the patch says about it; then those that the patch adds."""
    items = list(bare(old) or ())
    wanted = {name_in(known, item): item for item in patch.items if isinstance(item, Mapping)}
    yield from ((item, wanted.pop(name_in(known, item), None)) for item in items)
    yield from ((None, item) for item in wanted.values())
