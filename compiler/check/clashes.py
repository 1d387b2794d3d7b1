"""Clashes: two owners of one thing, and the findings that say so."""

from __future__ import annotations

from ..diagnostics import Diagnostic, Label, Severity, SourceFile, Span
from ..plan.choose import count
from ..row import Row
from .claims import SHARED, ObjectClaim, RouteClaim

__all__ = [
    "DEPLOYED",
    "FOLDER",
    "OBJECT",
    "ROUTE",
    "Clash",
    "KnownObject",
    "KnownRoute",
    "Owner",
    "Place",
    "kept_place",
    "of_both",
    "place_of",
    "same_object",
    "same_requests",
    "told",
]

ROUTE, OBJECT, FOLDER, DEPLOYED = "MLS610", "MLS611", "MLS754", "MLS630"


class Owner(Row):
    """One system in one environment."""

    system: str
    environment: str


class Place(Row):
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


def kept_place(span: Span) -> Place:
    """A span as a run keeps it, without the text of its file."""
    return Place(span.file.name, span.file.lines[span.line], span.line, span.column, span.end_line, span.end_column)


class KnownObject(Row):
    """Who writes an object, and what the owner of another one must know of it."""

    owner: Owner
    content: str
    severity: Severity | None
    place: Span | Place


class KnownRoute(Row):
    """Who writes a route, and where its hosts are from."""

    owner: Owner
    claim: RouteClaim
    places: tuple[Span | Place, ...]


class Clash(Row):
    """The route that another one collides with, and where: a host, or none for every host, and a match."""

    other: KnownRoute
    host: str
    match: str


def place_of(claim: ObjectClaim, *, apart: bool) -> Span:
    """Where a collision shows: between systems, where the name is from, and within one, where the namespace is from."""
    return claim.named if apart else claim.placed


def told(mine: Owner, other: Owner, *, apart: bool) -> tuple[str, str]:
    """How a message names the two."""
    if not apart:
        return f"`{mine.environment}`", f"`{other.environment}`"
    return f"`{mine.system}` in `{mine.environment}`", f"`{other.system}` in `{other.environment}`"


APPLYING = ("Application", "Kustomization")
"""The kinds of objects that tell a GitOps tool what to apply."""

_REPLACED = "the version that is applied last replaces the other, so one of the two runs with the other's settings"
_OWNED = (
    "a GitOps tool owns what it applies: the two apply it again and again, each with its own labels, and the first "
    "that no longer has it deletes it for both, after which no pod of the other starts"
)
_DELETED = "the one that is applied last replaces the other, and what the other one deployed is deleted"


def same_object(mine: Owner, pairs: list[tuple[ObjectClaim, KnownObject]], *, apart: bool) -> Diagnostic:
    one, known = min(pairs, key=lambda pair: (pair[0].kind != "Service", len(pair[0].name)))  # the best known one
    us, them = told(mine, known.owner, apart=apart)
    more = f", and {count(len(pairs) - 1, 'more object')}" if len(pairs) > 1 else ""
    return of_both(
        OBJECT,
        f"{us} and {them} both write the {one.kind} `{one.name}` in the namespace `{one.namespace}`{more}",
        place_of(one, apart=apart),
        (known.place, f"{them} writes it as well"),
        _why(one, known),
        _other_names(one, known, apart=apart),
        (mine,) if apart else (known.owner, mine),
    )


def _why(one: ObjectClaim, known: KnownObject) -> str:
    if one.kind in APPLYING:
        return _DELETED
    return _OWNED if _owned(one, known) else _REPLACED


def _owned(one: ObjectClaim, known: KnownObject) -> bool:
    """Whether it is an object that both could share if no GitOps tool applied it."""
    return one.kind == SHARED and not (one.content and known.content)


def _other_names(one: ObjectClaim, known: KnownObject, *, apart: bool) -> str:
    if one.kind in APPLYING:
        return "rename one of the systems or one of the environments"
    if _owned(one, known):
        what = "system" if apart else "environment"
        return (
            f"write another `serviceAccount` in the access of one {what}, and let the cloud bind the `identity` to it, "
            "or give each its own `namespace`, or name their clusters with `cluster` if they differ"
        )
    names = "give the systems different names or namespaces" if apart else "give each environment its own `namespace`"
    if one.content:
        names = "write the same `identity` in both, or use another `serviceAccount`"
    return f"{names}, or name their clusters with `cluster` if they differ"


def same_requests(mine: Owner, route: RouteClaim, clash: Clash, *, apart: bool) -> Diagnostic:
    other, hosts = clash.other, f"the host `{clash.host}`" if clash.host else "every host"
    together = not apart and mine.environment == other.owner.environment
    us, them = (f"`{route.name}`", f"`{other.claim.name}`") if together else told(mine, other.owner, apart=apart)
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
    return of_both(
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


def of_both(
    id_: str,
    message: str,
    at: Span,
    other: tuple[Span | Place, str],
    note: str,
    help_: str,
    owners: tuple[Owner, ...],
) -> Diagnostic:
    """A finding at one of two places; the owners say which environments it is about."""
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
