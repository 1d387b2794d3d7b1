"""Cross-references: every object that another object names must exist. `kinds` knows what each kind names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..because import Because, sources_of
from ..diagnostics import Diagnostic
from ..emit.artifact import Artifact
from ..emit.dump import plain
from ..finding import finding
from ..kinds import Kind, Known, Object

__all__ = ["unresolved"]


def unresolved(
    artifacts: tuple[Artifact, ...], kinds: Mapping[str, Kind], elsewhere: frozenset[str] = frozenset()
) -> Iterator[Diagnostic]:
    """A diagnostic for each dangling reference, and for each kind whose references cannot be checked."""
    objects = [(artifact, plain(artifact.object)) for artifact in artifacts if artifact.object is not None]
    known = Known([body for _, body in objects], kinds, elsewhere)
    unchecked: set[str] = set()
    for artifact, body in objects:
        kind = kinds.get(body["kind"])
        if kind is None and body["kind"] not in unchecked:
            unchecked.add(body["kind"])
            yield _unchecked(artifact, body["kind"])
        for problem in _problems(body, kind, known) if kind is not None else ():
            yield finding(
                "MLS034",
                f"{body['kind']} `{_name(body)}` {problem}",
                *_patches(artifact),
                artifact.why,
                note="the cluster would accept it, and it would silently do nothing",
                help="undo the patch that broke it; if no patch changes it, this is a bug in mlspec: please report it",
            )


def _unchecked(artifact: Artifact, kind: str) -> Diagnostic:
    return finding(
        "MLS034",
        f"the references of a {kind} are not checked",
        artifact.why,
        severity="info",
        note="a dangling reference in it would only show up in the cluster",
        help=f'declare what it refers to in the target that writes it: `kinds={{"{kind}": Kind(check=...)}}`',
    )


def _patches(artifact: Artifact) -> list[Because[Any]]:
    """Values that a patch in the spec set in it, the first suspects when something is wrong."""
    return [leaf for leaf in sources_of(artifact.body) if isinstance(leaf, Because) and leaf.kind == "patched"]


def _problems(body: Object, kind: Kind, known: Known) -> list[str]:
    try:
        return list(kind.check(body, known))
    except (AttributeError, KeyError, TypeError):
        return ["lacks a part that its kind requires"]


def _name(body: Object) -> str:
    return str(body.get("metadata", {}).get("name"))
