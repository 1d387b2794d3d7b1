"""Link artifacts into a bundle in which every reference resolves.

Patches are applied first, because they can break anything. Then every path must have one owner, every name must fit,
and every reference from one object to another must resolve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..because import Because, Unavailable
from ..conventions import HEADER
from ..diagnostics import Diagnostic
from ..emit import Emitted
from ..emit.artifact import SYSTEM, Artifact
from ..emit.dump import Reasons, plain, written
from ..finding import finding
from ..kinds import Kind
from ..layer import Layered
from ..plan.choose import count
from ..record import Record, one_line
from ..system import MLSystem, Patch
from ..tree import Mapping as Tree
from ..tree import Scalar, entries
from .crossref import dangling, unchecked, unresolved
from .sizes import too_large

if TYPE_CHECKING:
    from .dependents import Dependents

__all__ = ["Bundle", "File", "link", "link_system"]


class File(Record):
    """One file of a bundle, ready to be written."""

    path: str
    text: str
    reasons: tuple[Reasons, ...]
    """For each line, the reasons behind it, innermost first."""
    artifact: Artifact


class Bundle(Record):
    """Everything that one system compiles to in one environment."""

    environment: str
    made: tuple[Artifact, ...]
    """What the targets made, without the files that are made only when the output is read."""
    spec_name: str
    complete: bool
    """Whether it contains everything that the spec asks for. An incomplete bundle is never written."""

    @cached_property
    def artifacts(self) -> tuple[Artifact, ...]:
        """All files in path order."""
        return tuple(sorted((one for made in self.made for one in made.all()), key=lambda artifact: artifact.path))

    def files(self) -> Iterator[File]:
        """Each file in path order, rendered on demand."""
        return map(self._rendered, self.artifacts)

    def own_files(self) -> Iterator[File]:
        """The same without the files that go with others, such as tests, which repeat what the others depend on."""
        return map(self._rendered, self.made)

    @cached_property
    def dependents(self) -> Dependents:
        """Which lines depend on which values of the spec."""
        from .dependents import Dependents

        return Dependents(self)

    def file(self, path: str) -> File:
        """One file. Raises KeyError if there is none."""
        found = _at(path, self.made) or _at(path, self.artifacts)  # the second makes what goes with the first
        if found is None:
            raise KeyError(path)
        return self._rendered(found)

    def _rendered(self, artifact: Artifact) -> File:
        text, reasons = written(artifact.body, artifact.why, HEADER.format(spec=self.spec_name))
        return File(path=artifact.path, text=text, reasons=tuple(reasons), artifact=artifact)

    def __repr__(self) -> str:
        return one_line(self, f"{self.environment}: {len(self.artifacts)} files")


def _at(path: str, artifacts: tuple[Artifact, ...]) -> Artifact | None:
    return next((artifact for artifact in artifacts if artifact.path == path), None)


def link(
    emitted: Emitted, system: MLSystem, layered: Layered, spec_name: str, kinds: Mapping[str, Kind]
) -> tuple[Bundle, list[Diagnostic]]:
    """A bundle and its problems. Dangling references are reported only if no artifact was left out."""
    patches = _patches(system)
    if emitted.complete and patches:
        from .blame import broken  # few systems have patches
        from .patch import patched

        made, found = patched(emitted.artifacts, patches, layered)
        found += [*_paths(made), *_names(made, kinds)]
        elsewhere = _elsewhere(system)
        if dangling(made, kinds, elsewhere):
            found += broken(emitted.artifacts, patches, layered, kinds, elsewhere)
        found += unchecked(made, kinds)
    else:
        made, found = emitted.artifacts, []
        found += [*_paths(made), *_names(made, kinds)]
        found += unresolved(made, kinds, _elsewhere(system)) if emitted.complete else ()
    environment = layered.environment
    found += too_large(made)
    bundle = bundled(made, environment, spec_name, complete=emitted.complete)
    return bundle, [one.but(environments=(environment,)) for one in found]


def _patches(system: MLSystem) -> tuple[Patch, ...]:
    """The patches of a spec; none if they are not a list, which has been reported."""
    try:
        return system.patches
    except Unavailable:
        return ()


def _elsewhere(system: MLSystem) -> frozenset[str]:
    """The ConfigMaps that something else creates: the platform or a volume names them, or a patch adds them.

    There are none if that part has a mistake, which has been reported.
    """
    found: set[str] = set()
    try:
        bundle = system.platform.ca_bundle
        if bundle is not None:
            found.add(bundle.config_map.value)
        for patch in system.patches:
            found |= _mounted(patch)
        for part in (*system.services.values(), *([system.training] if system.training is not None else [])):
            found |= {one.config_map.value for one in part.volumes.values() if one.config_map is not None}
    except Unavailable:
        pass
    return frozenset(found)


def _mounted(patch: Patch) -> set[str]:
    """The ConfigMaps of the volumes of a strategic patch. A JSON merge patch may replace mlspec's own by mistake."""
    if patch.patch is None or patch.merge.value != "strategic":
        return set()
    volumes = [node for key, node in entries(patch.patch) if key.text == "configMap"]
    names = [node.entries.get("name") for node in volumes if isinstance(node, Tree)]
    return {name.text for name in names if isinstance(name, Scalar)}


def link_system(
    emitted: Emitted, environments: tuple[str, ...], spec_name: str, kinds: Mapping[str, Kind]
) -> tuple[Bundle, list[Diagnostic]]:
    """The bundle of the artifacts shared by all environments. Patches do not apply: they target one environment."""
    found = [*_paths(emitted.artifacts), *_names(emitted.artifacts, kinds)]
    if emitted.complete:
        found += unresolved(emitted.artifacts, kinds)
    found += too_large(emitted.artifacts)
    bundle = bundled(emitted.artifacts, SYSTEM, spec_name, complete=emitted.complete)
    return bundle, [one.but(environments=environments) for one in found]


def bundled(artifacts: tuple[Artifact, ...], environment: str, spec_name: str, *, complete: bool) -> Bundle:
    """The artifacts of one environment, or of all together, in path order."""
    made = tuple(sorted(artifacts, key=lambda artifact: artifact.path))
    return Bundle(environment=environment, made=made, spec_name=spec_name, complete=complete)


def _paths(artifacts: tuple[Artifact, ...]) -> Iterator[Diagnostic]:
    """Each path must have one owner, even on case-insensitive file systems."""
    seen: dict[str, Artifact] = {}
    for artifact in artifacts:
        other = seen.setdefault(artifact.path.casefold(), artifact)
        if other is not artifact:
            yield finding(
                "MLS031",
                f"two objects would be written to `{artifact.path}`",
                artifact.why,
                others=((other.why, "the other object"),),
                note="one would overwrite the other; paths that differ only in case count as the same file",
                help="rename one of them; mlspec appends `-canary` and `-shadow` to the names of services",
            )


def _names(artifacts: tuple[Artifact, ...], kinds: Mapping[str, Kind]) -> Iterator[Diagnostic]:
    for artifact in artifacts:
        name = _name(artifact)
        if artifact.object is None or name is None:
            continue
        kind = str(plain(artifact.object.get("kind")))
        known = kinds.get(kind, Kind())
        if len(name.value) > known.longest:
            why = known.adds or "a label value holds no more"
            surplus = count(len(name.value) - known.longest, "character")
            yield finding(
                "MLS032",
                f"the name of the {kind} `{name.value}` is too long: {len(name.value)} characters",
                *_longest_part(name),
                note=f"the limit for a {kind} is {known.longest} characters: {why}",
                help=f"shorten the system's or the service's name by {surplus}",
            )


def _longest_part(name: Because[str]) -> list[Because[Any]]:
    """The parts of a name, longest first: that one is the best to shorten."""
    parts = [source for source in name.sources if isinstance(source, Because) and isinstance(source.value, str)]
    return [*sorted(parts, key=lambda part: -len(part.value)), name]


def _name(artifact: Artifact) -> Because[str] | None:
    metadata = plain_shallow(artifact.object.get("metadata")) if artifact.object is not None else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if isinstance(name, Because):
        return name
    return Because(str(plain(name)), "", (artifact.why,)) if name is not None else None


def plain_shallow(value: object) -> object:
    """A piece of a body without the reason around it."""
    return value.value if isinstance(value, Because) else value
