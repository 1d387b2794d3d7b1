"""Claims: what an environment takes for itself, which no other environment or system may take as well.

These are its objects, by their names, the requests that its routes match, and the folders that it writes. Objects and
routes are read from the emitted objects, so they include what a patch or a plugin writes. A claim is small: it holds no
plan, so that a run over a thousand systems can compare them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..because import Because
from ..diagnostics import Severity, SourceFile, Span
from ..emit.artifact import Artifact, Body
from ..emit.dump import plain
from ..finding import where
from ..record import Record

__all__ = [
    "ROUTES",
    "SHARED",
    "Claims",
    "DeploymentClaim",
    "FolderClaim",
    "ObjectClaim",
    "RouteClaim",
    "claims",
    "requests",
]

ROUTES = ("HTTPRoute", "GRPCRoute")

SHARED = "ServiceAccount"
"""The kind that systems may share on purpose, if all of them write the same, and if what applies them is no tool that
owns what it applies: two of those write their labels over each other's again and again, and the first that no longer
has the object deletes it for both."""

NOWHERE = Span(SourceFile("mlspec.yaml", ""), 0, 0, 0, 0)


class ObjectClaim(Record):
    """One object."""

    cluster: str
    """The cluster's name; empty if the environment names none."""
    group: str
    kind: str
    namespace: str
    name: str
    content: str
    """What all writers of a shared object must agree on; empty for objects that have one owner."""
    named: Span
    """Where its name comes from."""
    placed: Span
    """Where its namespace comes from."""
    severity: Severity | None = "error"
    """The severity of a collision here, as the platform sets it; None if it or a comment turns it off."""

    @property
    def key(self) -> str:
        """What no other object may have as well."""
        return "/".join((self.cluster, self.group, self.kind, self.namespace, self.name))


class RouteClaim(Record):
    """What a route matches on one gateway."""

    gateway: tuple[str, str, str]
    """The cluster, and the namespace and the name of the Gateway."""
    listener: str
    """The listener; empty for all of them."""
    kind: str
    namespace: str
    name: str
    hosts: tuple[str, ...]
    """The host names; empty for all of the listener's."""
    matches: tuple[str, ...]
    """Each path or method that it matches, in words that are equal if the matches are."""
    places: tuple[Span, ...]
    """Where each host comes from; where the route does, if it has none."""
    severity: Severity | None = "error"
    """The severity of a collision here, as the platform sets it; None if it or a comment turns it off."""


class FolderClaim(Record):
    """A folder that something writes: scores, captured predictions, or checkpoints."""

    service: str
    """The batch service; empty for what the system has once."""
    does: str
    """What it does with the folder, such as `writes its scores to`."""
    they: str
    """The same of two of them."""
    uri: str
    folder: str
    """Where that is, with a slash at its end, so that `a/b` is below `a` and `ab` is not. A placeholder is not the same
    folder as any text: `a/{date}` and `a/staging` are apart.
    """
    table: bool
    """Whether it is a table that several writers may add to, each with a commit."""
    at: Span
    """Where it is from."""
    key: str
    """The last key of its place."""
    under: str
    """The place without that key."""
    severity: Severity | None = "error"
    """The severity of a collision here, as the platform sets it; None if it or a comment turns it off."""

    @property
    def above(self) -> tuple[str, ...]:
        """The folder and all folders that it is in, from the outermost."""
        store, _, path = self.folder.partition("://")
        ends = [index + 1 for index, char in enumerate(path) if char == "/"]
        return tuple(f"{store}://{path[:end]}" for end in ends)

    def shares(self, other: FolderClaim) -> bool:
        """Whether one is in the other, or both are the same."""
        return self.folder.startswith(other.folder) or other.folder.startswith(self.folder)


class DeploymentClaim(Record):
    """The folder that a GitOps tool applies for an environment."""

    tool: str
    source: str
    """What it reads the folder from, in words that are equal if that is."""
    folder: str
    template: str
    """`platform.gitops.path`."""
    promoted: str | None
    """The folder that promotions write, as such a template."""
    at: Span
    """Where it is from."""
    severity: Severity | None = "error"
    """The severity of a collision here, as the platform sets it; None if it or a comment turns it off."""

    @property
    def key(self) -> str:
        """What no other environment may have as well."""
        return f"{self.source}:{self.folder}"


class Claims(Record):
    """What one environment of one system claims."""

    system: str
    environment: str
    objects: tuple[ObjectClaim, ...]
    routes: tuple[RouteClaim, ...]
    folders: tuple[FolderClaim, ...]
    deployed: tuple[DeploymentClaim, ...] = ()


def claims(
    system: str,
    environment: str,
    cluster: Because[str] | None,
    namespace: object,
    artifacts: Iterable[Artifact],
    folders: Iterable[FolderClaim],
    *,
    owned: bool = False,
) -> Claims:
    """The claims of an environment. `namespace` is what its objects have their namespace from, and `owned` is whether
    a GitOps tool applies them.
    """
    in_ = cluster.value if cluster is not None else ""
    bodies = [(artifact, artifact.object) for artifact in artifacts if artifact.object is not None]
    objects = (_object(in_, body, artifact.why, namespace, shares=not owned) for artifact, body in bodies)
    routes = (_readable(in_, artifact, body) for artifact, body in bodies if plain(body.get("kind")) in ROUTES)
    return Claims(
        system=system,
        environment=environment,
        objects=tuple(one for one in objects if one is not None),
        routes=tuple(one for found in routes for one in found),
        folders=tuple(folders),
    )


def requests(route: RouteClaim) -> Iterator[tuple[object, ...]]:
    """What no other route of its kind may match on a listener: each host with each match."""
    for host in route.hosts or ("",):
        for match in route.matches:
            yield route.gateway, route.kind, host, match


def _object(cluster: str, body: Body, why: Because[Any], namespace: object, *, shares: bool) -> ObjectClaim | None:
    metadata = body.get("metadata")
    metadata = metadata.value if isinstance(metadata, Because) else metadata
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if name is None:
        return None  # a kustomization, which is not an object in the cluster
    assert isinstance(metadata, dict)
    kind, own = str(plain(body["kind"])), metadata.get("namespace")
    named = where(name) or where(why) or NOWHERE
    return ObjectClaim(
        cluster=cluster,
        group=str(plain(body["apiVersion"])).rpartition("/")[0],
        kind=kind,
        namespace=str(plain(own) or ""),
        name=str(plain(name)),
        content=_content(body) if kind == SHARED and shares else "",
        named=named,
        placed=where((own, namespace)) or named,
    )


def _content(body: Body) -> str:
    """A body without its labels, which name the system that it is from."""
    known = plain(body)
    known["metadata"] = {key: value for key, value in known["metadata"].items() if key != "labels"}
    return repr(known)


def _readable(cluster: str, artifact: Artifact, body: Body) -> list[RouteClaim]:
    """The claims of a route; none of one that a patch has broken, which has been reported."""
    try:
        return list(_routes(cluster, artifact, body))
    except (AttributeError, KeyError, TypeError):
        return []


def _routes(cluster: str, artifact: Artifact, body: Body) -> Iterator[RouteClaim]:
    known = plain(body)
    metadata, spec = known.get("metadata", {}), known.get("spec", {})
    own = body["spec"].get("hostnames") if isinstance(body["spec"], dict) else None
    at = where(artifact.why) or NOWHERE
    for parent in spec.get("parentRefs", []):
        if parent.get("kind", "Gateway") != "Gateway":
            continue
        namespace = str(metadata.get("namespace", ""))
        yield RouteClaim(
            gateway=(cluster, str(parent.get("namespace", namespace)), str(parent.get("name"))),
            listener=str(parent.get("sectionName", "")),
            kind=str(known["kind"]),
            namespace=namespace,
            name=str(metadata.get("name")),
            hosts=tuple(str(host) for host in spec.get("hostnames", [])),
            matches=tuple(dict.fromkeys(_matches(known["kind"], spec.get("rules", [])))),
            places=tuple(where(host) or at for host in own or ()) or (at,),
        )


def _matches(kind: str, rules: Iterable[Body]) -> Iterator[str]:
    """Each match of a route; one without matches matches everything (Gateway API, HTTPRouteRule)."""
    for rule in rules:
        for match in rule.get("matches") or [{}]:
            yield _in_words(match) or ("/*" if kind == "HTTPRoute" else "")


def _in_words(match: Body) -> str:
    path, method = match.get("path"), match.get("method")
    said = []
    if isinstance(path, dict) and path.get("value") is not None:
        said.append(_path(str(path["value"]), path.get("type", "PathPrefix")))
    if isinstance(method, dict):
        said.append("/".join(str(method[key]) for key in ("service", "method") if key in method))
    elif method is not None:
        said.append(str(method))
    return " ".join([*said, *(f"{key} {match[key]}" for key in sorted(match.keys() - {"path", "method"}))])


def _path(value: str, type_: str) -> str:
    """A path as `container.routes` has it: a prefix ends with `/*`."""
    if type_ == "PathPrefix":
        return f"{value.rstrip('/')}/*"
    return value if type_ == "Exact" else f"{type_} {value}"
