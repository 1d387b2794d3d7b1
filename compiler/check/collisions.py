"""Collisions: what two environments, or two systems of one run, both claim in a cluster.

Rules of routes (Gateway API, apis/v1/httproute_types.go): of two routes that match equally well, the older one gets all
requests, then the first by namespace and name. Both are accepted. An HTTPRoute and a GRPCRoute may not share a host
on a listener: only one of them is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from ..diagnostics import Diagnostic, Label, Severity, SourceFile, Span
from ..inputs import Input
from ..plan.choose import count
from ..system import MLSystem
from .claims import Claims, ObjectClaim, RouteClaim
from .lint import severities

__all__ = ["Ledger", "between_environments", "graded", "shared_host"]

ROUTE, OBJECT = "MLS610", "MLS611"

AnyClaim = TypeVar("AnyClaim", ObjectClaim, RouteClaim)


class _Owner(NamedTuple):
    system: str
    environment: str


class _Place(NamedTuple):
    """A span without its file: with the only line of it that a finding shows."""

    file: str
    text: str
    line: int
    column: int
    end_line: int
    end_column: int

    def span(self) -> Span:
        """The span, in a file that has no other line."""
        file = SourceFile(self.file, "\n" * self.line + self.text)
        return Span(file, self.line, self.column, self.end_line, self.end_column)


class _Object(NamedTuple):
    """Who writes an object, and what the owner of another one must know of it."""

    owner: _Owner
    content: str
    severity: Severity | None
    place: Span | _Place


class _Route(NamedTuple):
    owner: _Owner
    claim: RouteClaim
    places: tuple[Span | _Place, ...]


class _Clash(NamedTuple):
    """The route that another one collides with, and where: a host, or none for every host, and a match."""

    other: _Route
    host: str
    match: str


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

    def add(self, all_: Iterable[Claims]) -> list[Diagnostic]:
        """Add a system; returns its collisions with the systems before it."""
        known = tuple(all_)
        found = [one for claims in known for one in (*self._book.objects(claims), *self._book.routes(claims))]
        for claims in known:
            self._book.keep(claims)
        return found


class _Book:
    """Claims by what they claim: those of one system, or of systems `apart`, kept without the texts of their files."""

    def __init__(self, *, apart: bool) -> None:
        self.apart = apart
        self._objects: dict[str, _Object] = {}
        self._paths: dict[tuple[object, ...], list[_Route]] = {}
        self._kinds: dict[tuple[object, ...], list[_Route]] = {}

    def keep(self, claims: Claims) -> None:
        """Keep what an environment claims, for those after it."""
        owner = _Owner(claims.system, claims.environment)
        for one in claims.objects:
            place = self._kept(_at(one, apart=self.apart))
            self._objects.setdefault(one.key, _Object(owner, one.content, one.severity, place))
        for route in claims.routes:
            places = tuple(map(self._kept, route.places))
            kept = _Route(owner, route.but(places=()), places)
            for key in _keys(route):
                self._paths.setdefault(key, []).append(kept)
            self._kinds.setdefault((route.gateway, route.kind), []).append(kept)

    def _kept(self, span: Span) -> Span | _Place:
        if not self.apart:
            return span  # of the file that the finding is in, so that both places are shown together
        text = span.file.lines[span.line]
        return _Place(span.file.name, text, span.line, span.column, span.end_line, span.end_column)

    def objects(self, claims: Claims) -> Iterator[Diagnostic]:
        """One finding for each owner that writes the same objects."""
        shared: dict[_Owner, list[tuple[ObjectClaim, _Object]]] = {}
        for one in claims.objects:
            other = self._objects.get(one.key)
            if other is not None and not (one.content and one.content == other.content):
                shared.setdefault(other.owner, []).append((one, other))
        for pairs in shared.values():
            severity = self._severity(pairs[0][0].severity, pairs[0][1].severity)
            if severity is not None:
                mine = _Owner(claims.system, claims.environment)
                yield _same_object(mine, pairs, apart=self.apart).but(severity=severity)

    def routes(self, claims: Claims) -> Iterator[Diagnostic]:
        """One finding for each route that another one shadows."""
        mine = _Owner(claims.system, claims.environment)
        for route in claims.routes:
            clash = self._equal(route) or self._of_another_kind(route)
            severity = self._severity(route.severity, clash.other.claim.severity) if clash is not None else None
            if clash is not None and severity is not None:
                yield _same_requests(mine, route, clash, apart=self.apart).but(severity=severity)

    def _severity(self, mine: Severity | None, other: Severity | None) -> Severity | None:
        """What the platforms and the comments of both say; within one system, they are asked later."""
        if not self.apart:
            return "error"
        return mine if other is not None else None

    def _equal(self, route: RouteClaim) -> _Clash | None:
        for key in _keys(route):
            for other in self._paths.get(key, ()):
                if _of_one_listener(route, other.claim) and not _is_same(route, other.claim):
                    return _Clash(other, host=str(key[2]), match=str(key[3]))
        return None

    def _of_another_kind(self, route: RouteClaim) -> _Clash | None:
        kind = "GRPCRoute" if route.kind == "HTTPRoute" else "HTTPRoute"
        for other in self._kinds.get((route.gateway, kind), ()):
            host = shared_host(route.hosts, other.claim.hosts) if _of_one_listener(route, other.claim) else None
            if host is not None:
                return _Clash(other, host=host, match="")
        return None


def _keys(route: RouteClaim) -> Iterator[tuple[object, ...]]:
    for host in route.hosts or ("",):
        for match in route.matches:
            yield route.gateway, route.kind, host, match


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


# What the findings say


def _at(claim: ObjectClaim, *, apart: bool) -> Span:
    """Where a collision shows: between systems, where the name is from, and within one, where the namespace is from."""
    return claim.named if apart else claim.placed


def _told(mine: _Owner, other: _Owner, *, apart: bool) -> tuple[str, str]:
    """How a message names the two."""
    if not apart:
        return f"`{mine.environment}`", f"`{other.environment}`"
    return f"`{mine.system}` in `{mine.environment}`", f"`{other.system}` in `{other.environment}`"


def _same_object(mine: _Owner, pairs: list[tuple[ObjectClaim, _Object]], *, apart: bool) -> Diagnostic:
    one, known = min(pairs, key=lambda pair: (pair[0].kind != "Service", len(pair[0].name)))  # the best known one
    us, them = _told(mine, known.owner, apart=apart)
    more = f", and {count(len(pairs) - 1, 'more object')}" if len(pairs) > 1 else ""
    names = "give the systems different names or namespaces" if apart else "give each environment its own `namespace`"
    if one.content:
        names = "write the same `identity` in both, or use another `serviceAccount`"
    return _finding(
        OBJECT,
        f"{us} and {them} both write the {one.kind} `{one.name}` in the namespace `{one.namespace}`{more}",
        _at(one, apart=apart),
        (known.place, f"{them} writes it as well"),
        "the version that is applied last replaces the other, so one of the two runs with the other's settings",
        f"{names}, or name their clusters with `cluster` if they differ",
        (mine,) if apart else (known.owner, mine),
    )


def _same_requests(mine: _Owner, route: RouteClaim, clash: _Clash, *, apart: bool) -> Diagnostic:
    other, hosts = clash.other, f"the host `{clash.host}`" if clash.host else "every host"
    together = not apart and mine.environment == other.owner.environment
    us, them = (f"`{route.name}`", f"`{other.claim.name}`") if together else _told(mine, other.owner, apart=apart)
    if other.claim.kind == route.kind:
        said = f"the routes of {us} and {them} match {hosts} and {_in_words(route.kind, clash.match)}"
        note = "gets all of these requests; the other one is accepted, too, and silently gets none"
        note = f"the older route, or else the first by name, {note}"
    else:
        said = f"{us} has {_A[route.kind]} and {them} {_A[other.claim.kind]} for {hosts}"
        note = "it refuses the younger route, whose service gets no requests"
        note = f"a gateway accepts only one of the two kinds for a host: {note}"
    ways = ["give each its own host under `endpoint.hosts`"]
    ways += [] if route.hosts else ["set `platform.gateway.domain`"]
    if route.kind == other.claim.kind and {*route.matches} != {*other.claim.matches}:
        ways.append("list only what the other one lacks under `container.routes`")
    ways += [] if together else ["name their clusters with `cluster` if they differ"]
    return _finding(
        ROUTE,
        f"{said} of the gateway `{'/'.join(route.gateway[1:])}`",
        route.places[_index(route, clash.host)],
        (other.places[_index(other.claim, clash.host)], f"the route of {them}"),
        note,
        ", or ".join(ways),
        (mine,) if apart else (other.owner, mine),
    )


_A = {"HTTPRoute": "an HTTPRoute", "GRPCRoute": "a GRPCRoute"}


def _in_words(kind: str, match: str) -> str:
    if kind == "HTTPRoute":
        return f"the path `{match}`"
    return f"the method `{match}`" if match else "every method"


def _index(route: RouteClaim, host: str) -> int:
    """The place of a host, or of the first one, if a pattern matches it."""
    return route.hosts.index(host) if host in route.hosts else 0


def _finding(
    id_: str,
    message: str,
    at: Span,
    other: tuple[Span | _Place, str],
    note: str,
    help_: str,
    owners: tuple[_Owner, ...],
) -> Diagnostic:
    place, label = other
    known = place if isinstance(place, Span) else place.span()
    return Diagnostic(
        id=id_,
        severity="error",
        message=message,
        span=at,
        others=(Label(span=known, text=label),) if known != at else (),
        note=note,
        help=help_,
        environments=tuple(dict.fromkeys(owner.environment for owner in owners)),
    )
