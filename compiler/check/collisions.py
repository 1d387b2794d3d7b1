"""Collisions: what two environments, or two systems of one run, both claim.

Rules of routes (Gateway API, apis/v1/httproute_types.go): of two routes that match equally well, the older one gets all
requests, then the first by namespace and name. Both are accepted. An HTTPRoute and a GRPCRoute may not share a host
on a listener: only one of them is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from ..diagnostics import Diagnostic, Severity, Span
from ..inputs import Input
from ..system import MLSystem
from .claims import Claims, DeploymentClaim, FolderClaim, ObjectClaim, RouteClaim, requests
from .clashes import (
    DEPLOYED,
    FOLDER,
    OBJECT,
    ROUTE,
    Clash,
    KnownObject,
    KnownRoute,
    Owner,
    Place,
    kept_place,
    place_of,
    same_object,
    same_requests,
)
from .deployments import Deployed
from .folders import Writers
from .lint import severities

__all__ = ["Ledger", "between_environments", "graded", "shared_host"]

AnyClaim = TypeVar("AnyClaim", ObjectClaim, RouteClaim, FolderClaim, DeploymentClaim)


def between_environments(all_: Iterable[Claims]) -> Iterator[Diagnostic]:
    """The collisions within one system: between its services and between its environments."""
    book = _Book(apart=False)
    for claims in all_:
        yield from book.objects(claims)
        for route in claims.routes:
            alone = claims.but(objects=(), routes=(route,))
            yield from book.routes(alone)
            book.keep(alone)
        book.keep(claims.but(routes=()))


def graded(all_: Iterable[Claims], system: MLSystem, input_: Input, today: str | None) -> tuple[Claims, ...]:
    """The claims with the severity that a collision with another system has at each."""

    def of(id_: str, spans: Iterable[Span]) -> Iterator[Severity | None]:
        would_be = (Diagnostic(id=id_, severity="error", message="", span=span) for span in spans)
        return severities(would_be, system, input_, today)

    return tuple(
        claims.but(
            objects=_with(claims.objects, of(OBJECT, (one.named for one in claims.objects))),
            routes=_with(claims.routes, of(ROUTE, (one.places[0] for one in claims.routes))),
            folders=_with(claims.folders, of(FOLDER, (one.at for one in claims.folders))),
            deployed=_with(claims.deployed, of(DEPLOYED, (one.at for one in claims.deployed))),
        )
        for claims in all_
    )


def _with(claims: tuple[AnyClaim, ...], given: Iterable[Severity | None]) -> tuple[AnyClaim, ...]:
    """The claims with these severities; most have the default one."""
    pairs = zip(claims, given, strict=True)
    return tuple(one if severity == one.severity else one.but(severity=severity) for one, severity in pairs)


class Ledger:
    """The claims of all systems of a run so far, without the texts of their files."""

    def __init__(self) -> None:
        self._book = _Book(apart=True)
        self._writers = Writers()
        self._deployed = Deployed()

    def add(self, all_: Iterable[Claims]) -> list[Diagnostic]:
        """Add a system; returns its collisions with the systems before it."""
        known = tuple(all_)
        found: list[Diagnostic] = []
        for claims in known:
            found += [*self._book.objects(claims), *self._book.routes(claims)]
            found += [*self._writers.among(claims), *self._deployed.among(claims)]
        for claims in known:
            self._book.keep(claims)
            self._writers.keep(claims)
            self._deployed.keep(claims)
        return found


class _Book:
    """Claims by what they claim: those of one system, or of systems `apart`, kept without the texts of their files."""

    def __init__(self, *, apart: bool) -> None:
        self.apart = apart
        self._objects: dict[str, KnownObject] = {}
        self._paths: dict[tuple[object, ...], list[KnownRoute]] = {}
        self._kinds: dict[tuple[object, ...], list[KnownRoute]] = {}

    def keep(self, claims: Claims) -> None:
        """Keep what an environment claims, for those after it."""
        owner = Owner(claims.system, claims.environment)
        for one in claims.objects:
            place = self._kept(place_of(one, apart=self.apart))
            self._objects.setdefault(one.key, KnownObject(owner, one.content, one.severity, place))
        for route in claims.routes:
            places = tuple(map(self._kept, route.places))
            kept = KnownRoute(owner, route.but(places=()), places)
            for key in requests(route):
                self._paths.setdefault(key, []).append(kept)
            self._kinds.setdefault((route.gateway, route.kind), []).append(kept)

    def _kept(self, span: Span) -> Span | Place:
        if not self.apart:
            return span  # of the file that the finding is in, so that both places are shown together
        return kept_place(span)

    def objects(self, claims: Claims) -> Iterator[Diagnostic]:
        """One finding for each owner that writes the same objects."""
        shared: dict[Owner, list[tuple[ObjectClaim, KnownObject]]] = {}
        for one in claims.objects:
            other = self._objects.get(one.key)
            if other is not None and not (one.content and one.content == other.content):
                shared.setdefault(other.owner, []).append((one, other))
        for pairs in shared.values():
            severity = self._severity(pairs[0][0].severity, pairs[0][1].severity)
            if severity is not None:
                mine = Owner(claims.system, claims.environment)
                yield same_object(mine, pairs, apart=self.apart).but(severity=severity)

    def routes(self, claims: Claims) -> Iterator[Diagnostic]:
        """One finding for each route that another one shadows."""
        mine = Owner(claims.system, claims.environment)
        for route in claims.routes:
            clash = self._equal(route) or self._of_another_kind(route)
            severity = self._severity(route.severity, clash.other.claim.severity) if clash is not None else None
            if clash is not None and severity is not None:
                yield same_requests(mine, route, clash, apart=self.apart).but(severity=severity)

    def _severity(self, mine: Severity | None, other: Severity | None) -> Severity | None:
        """What the platforms and the comments of both say; within one system, they are asked later."""
        if not self.apart:
            return "error"
        return mine if other is not None else None

    def _equal(self, route: RouteClaim) -> Clash | None:
        for key in requests(route):
            for other in self._paths.get(key, ()):
                if _of_one_listener(route, other.claim) and not _is_same(route, other.claim):
                    return Clash(other, host=str(key[2]), match=str(key[3]))
        return None

    def _of_another_kind(self, route: RouteClaim) -> Clash | None:
        kind = "GRPCRoute" if route.kind == "HTTPRoute" else "HTTPRoute"
        for other in self._kinds.get((route.gateway, kind), ()):
            host = shared_host(route.hosts, other.claim.hosts) if _of_one_listener(route, other.claim) else None
            if host is not None:
                return Clash(other, host=host, match="")
        return None


def _of_one_listener(one: RouteClaim, other: RouteClaim) -> bool:
    return not one.listener or not other.listener or one.listener == other.listener


def _is_same(one: RouteClaim, other: RouteClaim) -> bool:
    """Whether both are one object, which is a collision of objects."""
    return (one.kind, one.namespace, one.name) == (other.kind, other.namespace, other.name)


def shared_host(one: tuple[str, ...], other: tuple[str, ...]) -> str | None:
    """A host name that both match: the empty one for all, None if there is none."""
    if not one or not other:
        return (one or other or ("",))[0]
    return next((a for a in one for b in other if _within(a, b) or _within(b, a)), None)


def _within(host: str, pattern: str) -> bool:
    """Whether a pattern matches a host. `*` stands for one or more labels (Gateway API, `Hostname`)."""
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]) and host != pattern[1:])
