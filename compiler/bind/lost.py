"""Lost: what a spec leaves unset because of a mistake that binding its tree does not show.

Layers are merged before they are bound. A misspelled `platform` in a platform file is then no key of the merged tree:
it looks like a system without a platform, and rules would report what it lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..language import OBJECTS
from ..layer import Layered
from ..record import Record
from ..tree import Mapping, Place, Scalar, lookup
from ..words import closest

__all__ = ["Lost", "hidden"]

_ANY = frozenset(OBJECTS["MLSystem"]) - {"apiVersion", "kind", "metadata", "environments"}
_PLATFORM = frozenset(("platform",))
_SETS = {
    "cluster": _PLATFORM,
    "clusters": _PLATFORM,
    "platform": _PLATFORM,
    "releases": frozenset(("releases",)),
    "release": frozenset(("releases",)),
    "spec": _ANY,
}
"""The sections of a spec that other mappings set, by their keys; a key that is not listed sets none."""


class Lost(Record):
    """What has no value although nothing in its place says so."""

    names: frozenset[Place] = frozenset()
    """The places of names that are not declared."""
    sections: frozenset[str] = frozenset()
    """The sections that a layer may set; a mistake hides what it sets there."""


def hidden(written: Iterable[tuple[str, Mapping]], layered: Layered) -> frozenset[str]:
    """The sections that layers of one environment would set if their files had no mistakes."""
    own = lookup(layered.tree, ("environments", layered.environment))
    holders = [(type_name, tree) for type_name, tree in written if type_name in ("PlatformFile", "ReleaseFile")]
    if isinstance(own, Mapping):
        holders.append(("Environment", own))
    lost = {section for type_name, tree in holders for section in _unread(type_name, tree)}
    return frozenset(lost | _PLATFORM) if _elsewhere(own, layered) else frozenset(lost)


def _unread(type_name: str, tree: Mapping) -> Iterator[str]:
    """The sections that the unknown keys of a mapping were meant to set."""
    table = OBJECTS[type_name]
    for key in tree.entries:
        if key not in table:
            meant = closest(key, (*table, *_SETS))
            yield from _ANY if meant is None else _SETS.get(meant, ())


def _elsewhere(own: object, layered: Layered) -> bool:
    """Whether an environment names a cluster that no platform file has."""
    cluster = own.entries.get("cluster") if isinstance(own, Mapping) else None
    return isinstance(cluster, Scalar) and cluster.text not in layered.clusters
