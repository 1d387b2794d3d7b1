"""Cross-references: what one object of a bundle names, another one must be. What each kind names is said in `kinds`."""

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


def unresolved(artifacts: tuple[Artifact, ...], kinds: Mapping[str, Kind]) -> Iterator[Diagnostic]:
    """A diagnostic for each reference that leads nowhere, and for each kind whose references nobody knows."""
    objects = [(artifact, plain(artifact.object)) for artifact in artifacts if artifact.object is not None]
    known = Known([body for _, body in objects])
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
                note="it would be applied without a word, and do nothing",
                help="undo the patch that broke it; if there is none, this is a fault of mlspec: please report it",
            )


def _unchecked(artifact: Artifact, kind: str) -> Diagnostic:
    return finding(
        "MLS034",
        f"nothing checks what a {kind} refers to",
        artifact.why,
        severity="info",
        note="a name in it that leads nowhere shows only in the cluster",
        help=f'the target that writes it can say what it refers to: `kinds={{"{kind}": Kind(check=...)}}`',
    )


def _patches(artifact: Artifact) -> list[Because[Any]]:
    """What a patch of the spec put into it, the first suspect of whatever is wrong."""
    return [leaf for leaf in sources_of(artifact.body) if isinstance(leaf, Because) and leaf.kind == "patched"]


def _problems(body: Object, kind: Kind, known: Known) -> list[str]:
    try:
        return list(kind.check(body, known))
    except (AttributeError, KeyError, TypeError):
        return ["has lost a part that its kind needs"]


def _name(body: Object) -> str:
    return str(body.get("metadata", {}).get("name"))
