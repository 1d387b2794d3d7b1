"""Outline: the least that tells that systems cannot collide, so that a run compares claims only if two of them may.

Claims hold the place of every name, for messages that most runs never print. An outline holds the names alone, as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..diagnostics import Diagnostic
from ..record import Record
from .claims import ROUTES, Claims, RouteClaim, requests
from .collisions import Ledger

__all__ = ["Neighbors", "Outline", "outline"]


class Outline(Record):
    """What a system claims, in all its environments."""

    objects: dict[str, str]
    """The key of each object, and what all its writers must agree on; empty if it has one owner, as each folder that a
    GitOps tool applies."""
    requests: tuple[str, ...]
    """What each route matches."""
    listeners: tuple[str, ...]
    """The gateways of its routes, with the kind of route."""
    rivals: tuple[str, ...]
    """The same with the other kind, which may not share a host with it."""
    folders: tuple[str, ...]
    """The folders that it writes."""
    above: tuple[str, ...]
    """These folders, and all that they are in."""


def outline(all_: Iterable[Claims]) -> Outline:
    """The outline of a system's claims."""
    known = tuple(all_)
    routes = [route for claims in known for route in claims.routes]
    folders = [folder for claims in known for folder in claims.folders]
    objects: dict[str, str] = {}
    for one in (one for claims in known for one in claims.objects):
        agreed = objects.setdefault(one.key, one.content)
        objects[one.key] = one.content if agreed == one.content else ""  # two of its own environments disagree
    objects |= {one.key: "" for claims in known for one in claims.deployed}
    return Outline(
        objects=objects,
        requests=tuple(repr(key) for route in routes for key in requests(route)),
        listeners=tuple(dict.fromkeys(repr((route.gateway, route.kind)) for route in routes)),
        rivals=tuple(dict.fromkeys(repr((route.gateway, _other(route))) for route in routes)),
        folders=tuple(dict.fromkeys(one.folder for one in folders)),
        above=tuple(dict.fromkeys(folder for one in folders for folder in one.above)),
    )


def _other(route: RouteClaim) -> str:
    return next(kind for kind in ROUTES if kind != route.kind)


class _Outlines:
    """The outlines of all systems of a run so far."""

    def __init__(self) -> None:
        self._objects: dict[str, str] = {}
        self._requests: set[str] = set()
        self._listeners: set[str] = set()
        self._folders: set[str] = set()
        self._above: set[str] = set()

    def add(self, one: Outline) -> bool:
        """Add a system; returns whether it may collide with one before it."""
        may = self._may(one)
        self._objects.update(one.objects)
        self._requests.update(one.requests)
        self._listeners.update(one.listeners)
        self._folders.update(one.folders)
        self._above.update(one.above)
        return may

    def _may(self, one: Outline) -> bool:
        if not self._requests.isdisjoint(one.requests) or not self._listeners.isdisjoint(one.rivals):
            return True
        if not self._folders.isdisjoint(one.above) or not self._above.isdisjoint(one.folders):
            return True
        shared = self._objects.keys() & one.objects.keys()
        return any(not one.objects[key] or one.objects[key] != self._objects[key] for key in shared)


class Neighbors:
    """The systems of a run so far. Their claims are read only once two of them may collide."""

    def __init__(self) -> None:
        self._outlines = _Outlines()
        self._ledger = Ledger()
        self._unread: list[Callable[[], Iterable[Claims]]] | None = []
        """How to get the claims of each system; None once they were read."""

    def add(self, one: Outline | None, claims: Callable[[], Iterable[Claims]]) -> list[Diagnostic]:
        """Add a system; returns its collisions with those before it. Without its outline, its claims are read."""
        if self._unread is not None and one is not None and not self._outlines.add(one):
            self._unread.append(claims)
            return []
        for earlier in self._unread or ():
            self._ledger.add(earlier())
        self._unread = None
        return self._ledger.add(claims())
