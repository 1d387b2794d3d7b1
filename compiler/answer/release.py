"""Release: the transitions of a model's release, and the format of its file.

A release holds the live version, the version in the shadow stage, and the previous versions, newest first. All
functions take and return trees, so a diagnostic about a new version points to the place in its source file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..because import Because
from ..bind.leaf import core_value
from ..emit.dump import dump
from ..language import OBJECTS, Kind
from ..layer.merge import desugar
from ..tree import Mapping, Node, Scalar, Sequence, lookup, name_of

__all__ = [
    "alike",
    "digest_of",
    "entered",
    "live",
    "out_of_shadow",
    "promoted",
    "release_file",
    "render",
    "rolled_back",
    "shadowed",
    "skipping",
    "version_in",
    "versions_before",
]

HEADER = "# Written by mlspec promote and mlspec rollback. Do not edit.\n"


def version_in(file: Mapping, model: str | None = None) -> Mapping:
    """The version that a file describes: its keys at the top, or below `release`, as in a spec or a release file.

    Of a release file with several models, the live version of one of them.
    """
    long, _ = desugar(file, "ReleaseFile")
    models = long.entries.get("releases")
    if not isinstance(models, Mapping) or not set(long.entries) <= set(OBJECTS["ReleaseFile"]):
        return file
    only = next(iter(models.entries.values())) if len(models.entries) == 1 else None
    release = models.entries.get(model or "", only)
    return live(release) if isinstance(release, Mapping) else file


def live(release: Mapping) -> Mapping:
    """Only the live version."""
    return _without(release, "shadow", "skippedShadow", "previous", "since")


def versions_before(release: Mapping) -> list[Mapping]:
    """The previous versions, newest first."""
    previous = release.entries.get("previous")
    items = previous.items if isinstance(previous, Sequence) else []
    return [item for item in items if isinstance(item, Mapping)]


def digest_of(version: Mapping) -> str | None:
    """The digest of the model of a version, if it has one."""
    digest = lookup(version, ("artifact", "digest"))
    return digest.text if isinstance(digest, Scalar) else None


def alike(one: Mapping, other: Mapping) -> bool:
    """Whether two versions are the same in all that a file says about them."""
    return _text(live(one)) == _text(live(other))


def out_of_shadow(release: Mapping) -> Mapping:
    """The release without the version in its shadow stage."""
    return _without(release, "shadow")


def shadowed(release: Mapping, version: Mapping, since: str) -> Mapping:
    """The release after a version enters the shadow stage, replacing any version in it."""
    shadow = _with(live(version), "since", Scalar(version.place, since, False))
    return _with(release, "shadow", shadow)


def entered(release: Mapping | None, version: Mapping, keep: int) -> Mapping:
    """The release after a version goes live; the one that it replaces becomes a previous version."""
    if release is None:
        return live(version)
    entering = _with_previous(live(version), [live(release), *versions_before(release)], keep)
    shadow = release.entries.get("shadow")
    known = isinstance(shadow, Mapping) and name_of(shadow, "version") != name_of(version, "version")
    return _with(entering, "shadow", shadow) if known and shadow is not None else entering


def skipping(release: Mapping) -> Mapping:
    """The release whose live version skipped the shadow stage."""
    return _with(release, "skippedShadow", Scalar(release.place, "true", True))


def promoted(release: Mapping, keep: int) -> Mapping:
    """The release after the shadow version goes live."""
    shadow = release.entries["shadow"]
    assert isinstance(shadow, Mapping)
    return entered(release, shadow, keep)


def rolled_back(release: Mapping, to: str, keep: int) -> Mapping:
    """The release after a rollback to a previous version; the one that it replaces becomes a previous version."""
    chosen = next(version for version in versions_before(release) if name_of(version, "version") == to)
    return entered(release, chosen, keep)


def release_file(system: str, environment: str, releases: dict[str, Mapping], at: Node) -> Mapping:
    """The tree of a release file, with short forms expanded."""
    models = Mapping(at.place, {model: Scalar(at.place, model, True) for model in releases}, {**releases})
    said = {"apiVersion": "mlspec/v1", "kind": "Release", "system": system, "environment": environment}
    file = Mapping(at.place, {}, {})
    for key, text in said.items():
        file = _with(file, key, Scalar(at.place, text, False))
    return _with(file, "releases", models)


def render(file: Mapping) -> str:
    """The text of a release file; uses the short form if its only model has the same name as the system."""
    body = _body(file, ("object", "ReleaseFile"))
    if list(body["releases"]) == [body["system"]]:
        body = {("release" if key == "releases" else key): value for key, value in body.items()}
        body["release"] = body["release"][body["system"]]
    text, _ = dump(body, Because(None, "a release file", ()), HEADER)
    return text


def _text(version: Mapping) -> str:
    return dump(_body(version, ("object", "Release")), Because(None, "a version", ()), "")[0]


def _body(node: Node, kind: Kind) -> Any:
    """A tree as input for the dumper: strings stay strings whatever they look like, and keys follow the language."""
    if isinstance(node, Sequence):
        return [_body(item, kind[1]) for item in node.items]
    if isinstance(node, Mapping):
        fields = OBJECTS[kind[1]] if kind[0] == "object" else dict.fromkeys(node.entries, ("", "", kind[1]))
        return {key: _body(node.entries[key], fields[key][2]) for key in fields if key in node.entries}
    assert isinstance(node, Scalar)
    return Because(core_value(node), "as in its source", (node,)) if kind[0] in ("number", "bool") else node.text


def _with_previous(version: Mapping, before: Iterable[Mapping], keep: int) -> Mapping:
    """Each version once, so that one that returns takes the place of no other."""
    newest: dict[str | None, Node] = {}
    for one in before:
        newest.setdefault(name_of(one, "version"), one)
    newest.pop(name_of(version, "version"), None)
    return _with(version, "previous", Sequence(version.place, [*newest.values()][:keep]))


def _with(mapping: Mapping, key: str, node: Node) -> Mapping:
    keys = {**mapping.keys, key: mapping.keys.get(key) or Scalar(node.place, key, True)}
    return Mapping(mapping.place, keys, {**mapping.entries, key: node})


def _without(mapping: Mapping, *dropped: str) -> Mapping:
    entries = {key: node for key, node in mapping.entries.items() if key not in dropped}
    return Mapping(mapping.place, {key: mapping.keys[key] for key in entries}, entries)
