"""Layer the trees of all files into one tree per environment.

From lowest to highest: catalog, platform, the platform's entry for the cluster, the same of platform files nearer to
the spec, spec, release file, the spec's own environment, `--set`. Mappings merge. Lists are replaced, unless the
language defines a key for their items. `null` in a higher layer removes the value below, but no entry of the catalog. A
changed discriminator replaces the whole object. Nodes are shared, never copied, so each one still knows its file and
line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from ..catalog import load as catalog
from ..diagnostics import Diagnostic, Label, Span
from ..language import Kind
from ..record import Record
from ..tree import Mapping, Node, Scalar, lookup, only, wrapped
from . import usual
from .bounds import Bounds
from .floor import emptied, no_value, restored, sections
from .merge import desugar, merge, system_name
from .named import Names, names_in
from .releases import misplaced, releases_of, unused

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "RELEASE_FILE",
    "SAME_EVERYWHERE",
    "Layer",
    "Layered",
    "Layers",
    "Sources",
    "is_cataloged",
    "merged_layers",
]

DEFAULT_ENVIRONMENT = "default"
RELEASE_FILE = "the release file"
"""The name of its layer."""
SAME_EVERYWHERE = ("apiVersion", "kind", "metadata.name", "environments")
"""The keys that identify the system, which only the spec itself may set."""
_ROOT: Kind = ("object", "MLSystem")


class Layer(Record):
    """One tree, with the name that users see for it."""

    name: str
    tree: Mapping
    owner: Literal["catalog", "platform", "team", "system"] = "system"
    """Who made the choices in it. A team's are those of a platform file below the platform's, near its systems."""


class Sources(Record):
    """All trees that one system is compiled from, each as it was written."""

    spec: Mapping
    platform: Mapping | None = None
    nearer: tuple[Mapping, ...] = ()
    """Platform files below that one and above the spec, outermost first. They set values, but no policies."""
    releases: dict[str, Mapping]
    settings: tuple[Mapping, ...] = ()


class Layered(Record):
    """The merged tree of one environment."""

    environment: str
    tree: Mapping
    layers: tuple[Layer, ...]
    clusters: tuple[str, ...] = ()
    undecided: tuple[tuple[str, Diagnostic], ...] = ()
    """The services without a runtime, and what to report about each if no mistake hides which one it has."""

    def history(self, path: Iterable[str]) -> list[tuple[Layer, Node]]:
        """Every value set for a path, highest layer first: the first one wins."""
        steps = tuple(path)
        found = ((layer, lookup(layer.tree, steps)) for layer in reversed(self.layers))
        return [(layer, node) for layer, node in found if node is not None]


class Layers:
    """The merged trees of all environments of a system. Each is made when it is asked for."""

    def __init__(self, sources: Sources) -> None:
        self.found: list[Diagnostic] = []
        """Violations of the layering rules in the environments that have been made."""
        self.made: list[Layered] = []
        self._sources = sources
        self._bounds = Bounds(self.found)
        self._overlays = dict(_environments(sources.spec, self._bounds))
        self.found += unused(sources.spec, sources.releases, self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """All environments that the spec declares."""
        return tuple(self._overlays)

    def of(self, environment: str) -> Layered:
        """The merged tree of one environment. Raises KeyError if the spec does not declare it."""
        made = _environment(environment, self._overlays[environment], self._sources, self.found, self._bounds)
        self.made.append(made)
        return made


def _environments(spec: Mapping, bounds: Bounds) -> list[tuple[str, Mapping]]:
    declared = spec.entries.get("environments")
    entries = bounds.environments(declared) if isinstance(declared, Mapping) else {}
    empty = Mapping((spec.file, spec.line, spec.column, spec.line, spec.column), {}, {})
    pairs = [(name, node if isinstance(node, Mapping) else empty) for name, node in entries.items()]
    return pairs or [(DEFAULT_ENVIRONMENT, empty)]


def _environment(name: str, overlay: Mapping, sources: Sources, found: list[Diagnostic], bounds: Bounds) -> Layered:
    layers = list(_platform_layers(sources.platform, overlay))
    for nearer in sources.nearer:
        layers += [
            one.but(owner="team", name=one.name.replace("the platform", "the nearer platform", 1))
            for one in _platform_layers(nearer, overlay)
        ]
    layers += _spec_layers(name, overlay, sources, found)
    layers = [_with_sections(layer, name, found) for layer in layers]
    tree = merged_layers(layers)
    chosen = usual.chosen(tree)
    undecided = tuple(usual.undecided(tree, chosen, name))
    names = names_in(tree)
    names.setdefault("runtimes", set()).update(runtime.text for runtime in chosen.values())
    if _watches_models(tree):
        names["diagnoses"] = set()
    shipped = list(_catalog_layers(names))
    floor = merged_layers(shipped) if shipped else only(sources.spec)
    nulls = tuple(emptied([layer.tree for layer in layers], floor, _COLLECTIONS))
    found += [no_value(key, node, name, section=False) for key, node, removes in nulls if not removes]
    whole = merged_layers(layers, floor) if nulls else merged_layers([*shipped, *layers])
    tree = usual.with_containers(bounds.within(whole), chosen)
    layers = [*shipped, *layers]
    clusters = _cluster_names(sources.platform, *sources.nearer)
    return Layered(environment=name, tree=tree, layers=tuple(layers), clusters=clusters, undecided=undecided)


def _watches_models(tree: Mapping) -> bool:
    """Whether alerts need the diagnoses, which no name in a spec refers to."""
    monitoring = tree.entries.get("monitoring")
    return isinstance(monitoring, Mapping) and not monitoring.entries.keys().isdisjoint(("drift", "quality", "rules"))


def _platform_layers(platform: Mapping | None, overlay: Mapping) -> Iterator[Layer]:
    if platform is None:
        return
    defaults = platform.entries.get("spec")
    if isinstance(defaults, Mapping):
        yield Layer(name="the platform's defaults for specs", owner="platform", tree=desugar(defaults, "MLSystem")[0])
    if "platform" in platform.entries:
        yield Layer(name="the platform file", owner="platform", tree=only(platform, "platform"))
    cluster = overlay.entries.get("cluster")
    clusters = platform.entries.get("clusters")
    if isinstance(cluster, Scalar) and isinstance(clusters, Mapping) and cluster.text in clusters.entries:
        entry = clusters.entries[cluster.text]
        if isinstance(entry, Mapping):
            name = f"the platform's cluster {cluster.text}"
            yield Layer(name=name, owner="platform", tree=wrapped("platform", entry, entry))


def _spec_layers(name: str, overlay: Mapping, sources: Sources, found: list[Diagnostic]) -> Iterator[Layer]:
    yield Layer(name="the spec", tree=sources.spec)
    release = sources.releases.get(name)
    if release is not None:
        found.extend(_inline_release(sources.spec, release))
        found.extend(misplaced(sources.spec, release, name))
        yield Layer(name=RELEASE_FILE, tree=releases_of(sources.spec, release))
    own = overlay.entries.get("spec")
    if isinstance(own, Mapping):
        tree, twice = desugar(own, "MLSystem", system_name(sources.spec))
        found.extend(twice)
        yield Layer(name=f"the environment {name}", tree=tree)
    for tree in sources.settings:
        yield Layer(name="--set", tree=desugar(tree, "MLSystem", system_name(sources.spec))[0])


def _with_sections(layer: Layer, environment: str, found: list[Diagnostic]) -> Layer:
    """A layer in which no `null` removes a section that holds entries of the catalog; it is reported instead."""
    tree, nulls = sections(layer.tree, _COLLECTIONS)
    found.extend(no_value(key, node, environment, section=True) for key, node in nulls)
    return layer.but(tree=tree) if nulls else layer


def merged_layers(layers: Iterable[Layer], floor: Mapping | None = None) -> Mapping:
    """All layers in one tree. No layer removes an entry of the `floor`."""
    tree = floor
    for above in layers:
        merged = merge(tree, above.tree, _ROOT)
        assert isinstance(merged, Mapping)  # as both of them are
        tree = merged if floor is None else restored(merged, floor, _COLLECTIONS)
    assert tree is not None  # the spec is always a layer
    return tree


def _catalog_layers(names: Names) -> Iterator[Layer]:
    """The catalog's entries of every collection that a system refers to, as the lowest layers."""
    for collection, (path, entries) in _CATALOG.items():
        if collection in names and (known := entries(names[collection])):
            yield Layer(name="the catalog", owner="catalog", tree=_cataloged(path, known))


Entries = dict[str, Node]


def _runtimes(names: set[str]) -> Entries:
    """Only the named ones, because each is a separate file."""
    return {name: entry for name in catalog.runtime_names() if name in names and (entry := catalog.runtime(name))}


def _accelerators(names: set[str]) -> Entries:
    """Without slices unless one is named: there are many, and few systems use one."""
    whole = catalog.devices().entries
    return whole if names <= whole.keys() else catalog.accelerators()


_CATALOG: dict[str, tuple[tuple[str, ...], Callable[[set[str]], Entries]]] = {
    "runtimes": (("platform", "runtimes"), _runtimes),
    "accelerators": (("platform", "accelerators"), _accelerators),
    "clouds": (("platform", "clouds"), lambda _: catalog.clouds().entries),
    "families": (("platform", "families"), lambda _: catalog.families().entries),
    "algorithms": (("platform", "algorithms"), lambda _: catalog.algorithms().entries),
    "approaches": (("platform", "approaches"), lambda _: catalog.approaches().entries),
    "diagnoses": (("platform", "diagnoses"), lambda _: catalog.diagnoses().entries),
    "rollout-providers": (("platform", "providers", "rollout"), lambda _: catalog.providers("rollout")),
    "traffic-providers": (("platform", "providers", "traffic"), lambda _: catalog.providers("traffic")),
    "autoscaling-providers": (("platform", "providers", "autoscaling"), lambda _: catalog.providers("autoscaling")),
    "gateway-providers": (("platform", "providers", "gateway"), lambda _: catalog.providers("gateway")),
    "mesh-providers": (("platform", "providers", "mesh"), lambda _: catalog.providers("mesh")),
    "dashboards-providers": (("platform", "providers", "dashboards"), lambda _: catalog.providers("dashboards")),
    "orchestration-providers": (
        ("platform", "providers", "orchestration"),
        lambda _: catalog.providers("orchestration"),
    ),
    "metrics": (("metrics",), lambda _: catalog.metrics().entries),
}
"""The collections that the catalog provides: their path in a spec, and the catalog's entries for some names."""

_COLLECTIONS = frozenset(path for path, _ in _CATALOG.values())
"""The paths of the collections."""


def is_cataloged(path: str, name: str) -> bool:
    """Whether the catalog has an entry of this name in the collection at a path, so that a file may write a part of it.

    In a platform file, `clusters.<name>` has the same collections as `platform`.
    """
    steps = tuple(path.split("."))
    steps = ("platform", *steps[2:]) if steps[0] == "clusters" else steps
    return any(name in entries({name}) for known, entries in _CATALOG.values() if known == steps)


def _cataloged(path: tuple[str, ...], entries: Entries) -> Mapping:
    first = next(iter(entries.values()))
    keys = {
        name: Scalar((node.file, node.line, node.column, node.line, node.column), name, True)
        for name, node in entries.items()
    }
    made = Mapping((first.file, 0, 0, 0, 0), keys, dict(entries))
    for step in reversed(path):
        made = wrapped(step, made, made)
    return made


def _cluster_names(*platforms: Mapping | None) -> tuple[str, ...]:
    found = (platform.entries.get("clusters") for platform in platforms if platform is not None)
    return tuple(dict.fromkeys(name for node in found if isinstance(node, Mapping) for name in node.entries))


def _inline_release(spec: Mapping, release: Mapping) -> Iterator[Diagnostic]:
    inline = spec.keys.get("releases")
    if inline is not None:
        yield Diagnostic(
            id="MLS015",
            severity="error",
            message="the spec contains a release although a release file exists",
            span=inline.span,
            others=(Label(span=Span(release.file, 0, 0, 0, len(release.file.lines[0])), text="the release file"),),
            note="`mlspec promote` and `mlspec rollback` update only the file; the release in the spec would go stale",
            help="remove the release from the spec",
        )
