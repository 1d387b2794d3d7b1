"""Cross-references: every object that another object names must exist. `kinds` knows what each kind names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..because import Because, sources_of
from ..diagnostics import Diagnostic
from ..emit.artifact import Artifact
from ..emit.dump import plain, shape
from ..finding import finding
from ..kinds import Kind, Known, Object
from ..row import Row

__all__ = ["Dangling", "dangling", "unchecked", "unexplained", "unresolved"]


class Dangling(Row):
    """A reference of an object to what does not exist."""

    artifact: Artifact
    said: str

    @property
    def patched(self) -> list[Because[Any]]:
        """Values that a patch in the spec set in the object, the first suspects."""
        leaves = sources_of(self.artifact.body)
        return [leaf for leaf in leaves if isinstance(leaf, Because) and leaf.kind == "patched"]


def dangling(
    artifacts: tuple[Artifact, ...], kinds: Mapping[str, Kind], elsewhere: frozenset[str] = frozenset()
) -> list[Dangling]:
    """Every reference to what does not exist."""
    objects = [(artifact, shape(artifact.object)) for artifact in artifacts if artifact.object is not None]
    known = Known([body for _, body in objects], kinds, elsewhere)
    return [
        Dangling(artifact, f"{body['kind']} `{_name(body)}` {problem}")
        for artifact, body in objects
        if body["kind"] in kinds
        for problem in _problems(body, kinds[body["kind"]], known)
    ]


def unresolved(
    artifacts: tuple[Artifact, ...], kinds: Mapping[str, Kind], elsewhere: frozenset[str] = frozenset()
) -> Iterator[Diagnostic]:
    """A diagnostic for each dangling reference, which no patch explains, and for each kind that cannot be checked."""
    yield from map(unexplained, dangling(artifacts, kinds, elsewhere))
    yield from unchecked(artifacts, kinds)


def unexplained(one: Dangling) -> Diagnostic:
    """A diagnostic for a dangling reference that no patch broke."""
    return finding(
        "MLS034",
        one.said,
        one.artifact.why,
        note="the cluster would accept it, and it would silently do nothing",
        help="this is a bug in mlspec or in a plugin: please report it",
    )


def unchecked(artifacts: tuple[Artifact, ...], kinds: Mapping[str, Kind]) -> Iterator[Diagnostic]:
    """A diagnostic for each kind whose references cannot be checked."""
    told = set[str]()
    for artifact in artifacts:
        kind = str(plain(artifact.object.get("kind"))) if artifact.object is not None else ""
        if kind and kind not in kinds and kind not in told:
            told.add(kind)
            yield _unchecked(artifact, kind)


def _unchecked(artifact: Artifact, kind: str) -> Diagnostic:
    return finding(
        "MLS034",
        f"the references of a {kind} are not checked",
        artifact.why,
        severity="info",
        note="a dangling reference in it would only show up in the cluster",
        help=f'declare what it refers to in the target that writes it: `kinds={{"{kind}": Kind(check=...)}}`',
    )


def _problems(body: Object, kind: Kind, known: Known) -> list[str]:
    try:
        return list(kind.check(body, known))
    except (AttributeError, KeyError, TypeError):
        return ["lacks a part that its kind requires"]


def _name(body: Object) -> str:
    return str(body.get("metadata", {}).get("name"))
