"""Patches from the spec, applied to emitted objects: JSON merge patches (RFC 7396), or strategic ones, which merge
lists by name. Every line that a patch sets carries the author's reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..because import Because, Unavailable
from ..bind.leaf import core_value
from ..diagnostics import Diagnostic, Fix
from ..emit.artifact import Artifact
from ..emit.dump import plain
from ..finding import finding, guess
from ..layer import Layered
from ..system import Patch
from ..tree import Mapping, Node, Scalar, is_null
from ..tree import Sequence as Listed
from ..words import closest, listing
from .fits import Misfit, misfits
from .locked import Locked
from .strategic import bare, deletes, named, pairs

__all__ = ["patched"]


def patched(
    artifacts: tuple[Artifact, ...], patches: Sequence[Patch], layered: Layered
) -> tuple[tuple[Artifact, ...], list[Diagnostic]]:
    """The artifacts with all patches applied, and a finding for each one without a target, or that must not apply."""
    if not patches:
        return artifacts, []
    locked = Locked(layered)
    found: list[Diagnostic] = []
    made = list(artifacts)
    for patch in patches:
        try:
            found += _apply(patch, made, locked)
        except Unavailable:
            continue  # the mistake in the patch has been reported
    return tuple(made), found


def _apply(patch: Patch, made: list[Artifact], locked: Locked) -> Iterator[Diagnostic]:
    places = [index for index, artifact in enumerate(made) if _is(artifact, patch)]
    if not places:
        yield _nothing(made, patch)
    for index in places:
        artifact = made[index]
        if patch.patch is None:
            continue
        wrong = [_misfit(one, patch) for one in misfits(artifact.body, patch.patch, strategic=_strategic(patch))]
        yield from wrong
        if not wrong:
            yield from locked.broken(artifact, patch)
            made[index] = artifact.but(body=_Merge(patch).mapping(artifact.body, patch.patch))


def _misfit(wrong: Misfit, patch: Patch) -> Diagnostic:
    return finding(
        "MLS038",
        f"the patch of the {patch.target.kind.value} `{patch.target.name.value}` {wrong.said}",
        wrong.node,
        note="the API server would reject the object, after other objects of the same release were applied",
        help=wrong.help,
    )


def _identity(artifact: Artifact) -> tuple[str, str]:
    object_ = artifact.object or {}
    body = plain({"kind": object_.get("kind"), "metadata": object_.get("metadata")})
    return str(body.get("kind")), str(body.get("metadata", {}).get("name"))


def _is(artifact: Artifact, patch: Patch) -> bool:
    return _identity(artifact) == (patch.target.kind.value, patch.target.name.value)


def _nothing(artifacts: list[Artifact], patch: Patch) -> Diagnostic:
    there = [(kind, name) for kind, name in map(_identity, artifacts) if kind != "None"]
    names = [f"{kind}/{name}" for kind, name in there]
    wanted = f"{patch.target.kind.value}/{patch.target.name.value}"
    meant = closest(wanted, names)
    near = meant or next((n for n in names if n.startswith(f"{patch.target.kind.value}/")), None)
    return finding(
        "MLS033",
        f"the patch targets a {patch.target.kind.value} `{patch.target.name.value}` that does not exist",
        patch.target.name,
        note="the patch was not applied, so its change is missing from the output",
        help=_target(near) if near else f"target an object of one of the kinds that exist: {listing(dict(there))}",
        fix=_meant(patch, *meant.split("/", 1)) if meant else None,
    )


def _meant(patch: Patch, kind: str, name: str) -> Fix | None:
    """A fix that replaces the target with the object of a similar name."""
    wanted = ((patch.target.kind, kind), (patch.target.name, name))
    return guess(*((given, right) for given, right in wanted if given.value != right))


def _target(called: str) -> str:
    kind, _, name = called.partition("/")
    return f"write `target: {{kind: {kind}, name: {name}}}`"


def _strategic(patch: Patch) -> bool:
    return patch.merge.value == "strategic"


class _Merge:
    """Merges one patch: mappings merge, `null` removes, and everything else replaces, except for lists with names."""

    def __init__(self, patch: Patch) -> None:
        self._strategic = _strategic(patch)
        self._sources = (patch.reason, *(() if patch.merge.kind == "default" else (patch.merge,)))
        self._reason = patch.reason.value

    def mapping(self, body: Any, patch: Mapping) -> dict[str, Any]:
        below = bare(body)
        merged = dict(below) if isinstance(below, dict) else {}
        for key, node in patch.entries.items():
            if is_null(node):
                merged.pop(key, None)
            elif isinstance(node, Mapping):
                merged[key] = self.mapping(merged.get(key), node)
            elif isinstance(node, Listed) and self._strategic and named(key, merged.get(key)) is not None:
                merged[key] = self._items(key, merged.get(key), node)
            else:
                merged[key] = self._value(node)
        return merged

    def _items(self, key: str, old: Any, patch: Listed) -> list[Any]:
        known = named(key, old)
        assert known is not None
        made: list[Any] = []
        for item, node in pairs(known, old, patch):
            if node is None:
                made.append(item)
            elif not deletes(node):
                replaced = known.source and not set(node.entries) <= set(bare(item) or ())
                made.append(self.mapping(None if replaced else item, node))
        return made

    def _value(self, node: Node) -> Any:
        if isinstance(node, Scalar):
            return Because(core_value(node), self._reason, (node, *self._sources), "patched")
        if isinstance(node, Listed):
            return [self._value(item) for item in node.items]
        assert isinstance(node, Mapping)
        return {key: self._value(child) for key, child in node.entries.items()}
