"""Resolve references: every name that one part of a spec uses must be declared in another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ...schema.units import UnitError
from ..catalog import load as catalog
from ..diagnostics import Diagnostic
from ..finding import guess
from ..language import Kind
from ..layer import Layered
from ..record import Record
from ..tree import Mapping, Place, Scalar, Sequence, lookup
from ..words import closest, listing, words, write_any
from . import Reference
from .leaf import parse

__all__ = ["Undeclared", "resolve"]


class Undeclared(Record):
    """A name that is used but not declared."""

    place: Place
    finding: Diagnostic | None
    """None if a mistake that was reported may hide the declaration."""


def resolve(layered: Layered, references: Iterable[Reference], unread: Iterable[str] = ()) -> Iterator[Undeclared]:
    """The names that are used but not declared. A mistake at one of the `unread` paths may hide a declaration, so no
    name of its collection is reported.
    """
    open_ = {to for to, places in _DECLARED.items() for place in places for path in unread if _on_the_way(path, place)}
    known: dict[str, tuple[str, ...]] = {}
    for reference in references:
        what, declared = _COLLECTIONS[reference.to]
        if reference.to not in known:
            known[reference.to] = tuple(declared(layered))
        used = reference.node.text.partition("@")[0] if reference.to == "metrics" else reference.node.text
        if used not in known[reference.to]:
            names = tuple(name for name in known[reference.to] if _is_valid(name, reference.kind))
            found = None if reference.to in open_ else _unresolved(reference, what, names, layered)
            yield Undeclared(place=reference.node.place, finding=found)


def _is_valid(name: str, kind: Kind) -> bool:
    try:
        parse(kind, name, True)
    except UnitError:
        return False
    return True


def _on_the_way(path: str, place: str) -> bool:
    """Whether a path leads to the place of a name."""
    steps, wanted = path.split("."), place.split(".")
    return len(steps) <= len(wanted) and all(w in ("*", step) for step, w in zip(steps, wanted, strict=False))


def _unresolved(reference: Reference, what: str, known: tuple[str, ...], layered: Layered) -> Diagnostic:
    name = reference.node.text
    near = _near(reference.to, name, known)
    place = _PLACES.get(reference.to, "")
    called = [one for one in _CLOUDS.get(name.lower(), ()) if one in known] if reference.to == "clouds" else []
    if called:
        near = called[0] if len(called) == 1 else None
        help_ = write_any(tuple(called))
    elif near:
        help_ = f"write `{near}`"
    elif reference.to in _PRODUCTS:
        alike = sorted(known, key=lambda one: words(one).isdisjoint(words(name)))
        help_ = f"declare `{name}` under {place}, or use {listing(alike)} instead"
    elif known and len(known) <= 12:
        help_ = f"write {listing(known)}" + (f", or declare `{name}` under {place}" if place else "")
    else:
        declare = f"declare `{name}` under {place}{_SUCH_AS.get(place, '').format(name=name)}"
        help_ = declare if place else "see the language reference for the available names"
    return Diagnostic(
        id="MLS010",
        severity="error",
        message=f"unknown {what} `{name}`",
        span=reference.node.span,
        label="not declared",
        note="anything that depends on this name was skipped; fixing it may reveal more findings",
        help=help_,
        environments=(layered.environment,),
        fix=guess((reference.node, near)) if near and "@" not in name else None,
    )


def _near(to: str, name: str, known: tuple[str, ...]) -> str | None:
    """The name that was meant. Of products, only another way to write the same one: `v100` is not a typo of `h100`."""
    if to in _PRODUCTS:
        same = [one for one in known if _bare(one) == _bare(name)]
        return same[0] if len(same) == 1 else None
    near = closest(name.partition("@")[0], known)  # a metric may have a parameter, as in `ndcg@10`
    return _CALLED.get((to, name), near or _containing(name, known))


def _containing(name: str, known: tuple[str, ...]) -> str | None:
    """The only name that has all words of another: `argo-rollouts` for `argo`. A part of a word is a coincidence."""
    wanted = words(name)
    found = [one for one in known if wanted and wanted <= words(one)]
    return found[0] if len(found) == 1 else None


def _bare(name: str) -> str:
    """A product's name without vendor, case, and separators."""
    return "".join(c for c in name.lower().removeprefix("nvidia").removeprefix("tesla") if c.isalnum())


_PRODUCTS = ("accelerators", "families")
"""Collections where a similar name is another product, with another price, size, or speed."""

_CALLED = {
    # Triton runs ONNX Runtime as a backend; ONNX Runtime's own server was never meant for production.
    ("runtimes", "onnxruntime"): "triton",
    ("runtimes", "onnxruntime-server"): "triton",
    ("runtimes", "text-generation-inference"): "tgi",
    **{("runtimes", name): "mlserver" for name in ("sklearn", "scikit-learn", "xgboost", "lightgbm", "mlflow")},
    **{("runtimes", name): "triton" for name in ("onnx", "tensorrt", "torchscript", "pytorch")},
}
"""Common names of what mlspec calls something else."""


_CLOUDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("aws", "amazon", "ec2"), ("eks", "eks-auto")),
    **dict.fromkeys(("azure", "microsoft", "az"), ("aks",)),
    **dict.fromkeys(("gcp", "google", "gcloud", "gce"), ("gke",)),
    **dict.fromkeys(("redhat", "red-hat", "ocp", "okd", "rosa", "aro"), ("openshift",)),
    **dict.fromkeys(("on-prem", "onprem", "on-premises", "bare-metal", "baremetal", "kind", "local"), ("none",)),
}
"""The clouds by what people call them; the catalog's names are those of their managed Kubernetes."""


def _keys(*path: str) -> Callable[[Layered], Iterable[str]]:
    def names(layered: Layered) -> Iterable[str]:
        node = lookup(layered.tree, path)
        return node.entries if isinstance(node, Mapping) else ()

    return names


def _items(*path: str) -> Callable[[Layered], Iterable[str]]:
    def names(layered: Layered) -> Iterable[str]:
        node = lookup(layered.tree, path)
        items = node.items if isinstance(node, Sequence) else []
        named = (item.entries.get("name") for item in items if isinstance(item, Mapping))
        return [name.text for name in named if isinstance(name, Scalar)]

    return names


def _columns(layered: Layered) -> Iterable[str]:
    """The columns of the data, and what requests and the feature store add to them."""
    features = [name for _, names in _views(layered) for name in names]
    inputs = _each_model(layered, "inputs")
    return dict.fromkeys((*_items("data", "columns")(layered), *features, *inputs))


def _each_model(layered: Layered, side: str) -> list[str]:
    models = layered.tree.entries.get("models")
    names = models.entries if isinstance(models, Mapping) else ()
    return [tensor for name in names for tensor in _items("models", name, "signature", side)(layered)]


def _views(layered: Layered) -> Iterator[tuple[str, Iterable[str]]]:
    for view in _items("features", "views")(layered):
        yield view, _items("features", "views", view, "features")(layered)


def _origins(layered: Layered) -> Iterable[str]:
    return ("request", *(f"features.{view}.{name}" for view, names in _views(layered) for name in names))


def _rivals(layered: Layered) -> Iterable[str]:
    return ("champion", "naive", "human", *_candidates(layered))


def _candidates(layered: Layered) -> Iterable[str]:
    models = layered.tree.entries.get("models")
    names = models.entries if isinstance(models, Mapping) else ()
    return [candidate for name in names for candidate in _items("models", name, "candidates")(layered)]


def _released(layered: Layered) -> Iterable[str]:
    """The models, and the names of releases, except those meant for a model without one."""
    models, releases = set(_keys("models")(layered)), _keys("releases")(layered)
    lacking = models.difference(releases)
    return (*models, *(name for name in releases if name not in models and closest(name, lacking) is None))


def _runtimes(layered: Layered) -> Iterable[str]:
    return dict.fromkeys((*catalog.runtime_names(), *_keys("platform", "runtimes")(layered)))


def _time_zones(_: Layered) -> Iterable[str]:
    return catalog.time_zones()


def _tests(_: Layered) -> Iterable[str]:
    return catalog.tests()


# The collections that a name can refer to: what an entry is called, and who declares the names.
_COLLECTIONS: dict[str, tuple[str, Callable[[Layered], Iterable[str]]]] = {
    "access": ("access entry", _keys("access")),
    "accelerators": ("accelerator", _keys("platform", "accelerators")),
    "autoscaling-providers": ("autoscaling provider", _keys("platform", "providers", "autoscaling")),
    "algorithms": ("algorithm", _keys("platform", "algorithms")),
    "approaches": ("approach", _keys("platform", "approaches")),
    "clusters": ("cluster", lambda layered: layered.clusters),
    "clouds": ("cloud", _keys("platform", "clouds")),
    "columns": ("column", _columns),
    "entities": ("entity", _items("features", "entities")),
    "families": ("model family", _keys("platform", "families")),
    "dashboards-providers": ("dashboard provider", _keys("platform", "providers", "dashboards")),
    "gateway-providers": ("gateway provider", _keys("platform", "providers", "gateway")),
    "mesh-providers": ("service mesh", _keys("platform", "providers", "mesh")),
    "metrics": ("metric", _keys("metrics")),
    "models": ("model", _keys("models")),
    "orchestration-providers": ("orchestration provider", _keys("platform", "providers", "orchestration")),
    "origins": ("feature", _origins),
    "outputs": ("output", lambda layered: _each_model(layered, "outputs")),
    "parameters": ("parameter", _keys("training", "tuning", "parameters")),
    "released": ("model", _released),
    "rivals": ("candidate", _rivals),
    "rollout-providers": ("rollout provider", _keys("platform", "providers", "rollout")),
    "runtimes": ("serving runtime", _runtimes),
    "services": ("service", _keys("services")),
    "sources": ("source", _items("data", "sources")),
    "tests": ("test of the ML Test Score", _tests),
    "time-zones": ("time zone", _time_zones),
    "traffic-providers": ("traffic provider", _keys("platform", "providers", "traffic")),
}

_DECLARED: dict[str, tuple[str, ...]] = {
    "access": ("access",),
    "accelerators": ("platform.accelerators",),
    "algorithms": ("platform.algorithms",),
    "approaches": ("platform.approaches",),
    "autoscaling-providers": ("platform.providers.autoscaling",),
    "clouds": ("platform.clouds",),
    "clusters": (),
    "columns": ("data.columns.*.name", "features.views.*.features.*.name", "models.*.signature.inputs.*.name"),
    "dashboards-providers": ("platform.providers.dashboards",),
    "entities": ("features.entities.*.name",),
    "families": ("platform.families",),
    "gateway-providers": ("platform.providers.gateway",),
    "mesh-providers": ("platform.providers.mesh",),
    "metrics": ("metrics",),
    "models": ("models",),
    "orchestration-providers": ("platform.providers.orchestration",),
    "origins": ("features.views.*.name", "features.views.*.features.*.name"),
    "outputs": ("models.*.signature.outputs.*.name",),
    "parameters": ("training.tuning.parameters",),
    "released": ("models", "releases"),
    "rivals": ("models.*.candidates.*.name",),
    "rollout-providers": ("platform.providers.rollout",),
    "runtimes": ("platform.runtimes",),
    "services": ("services",),
    "sources": ("data.sources.*.name",),
    "traffic-providers": ("platform.providers.traffic",),
}
"""The paths of names, by collection."""

# Where the author can declare one.
_PLACES = {
    "access": "`access`",
    "accelerators": "`platform.accelerators`",
    "autoscaling-providers": "`platform.providers.autoscaling`",
    "algorithms": "`platform.algorithms`",
    "approaches": "`platform.approaches`",
    "clouds": "`platform.clouds`",
    "clusters": "`clusters` in the platform file",
    "columns": "`data.columns`",
    "entities": "`features.entities`",
    "families": "`platform.families`",
    "dashboards-providers": "`platform.providers.dashboards`",
    "gateway-providers": "`platform.providers.gateway`",
    "mesh-providers": "`platform.providers.mesh`",
    "metrics": "`metrics`",
    "models": "`models`",
    "orchestration-providers": "`platform.providers.orchestration`",
    "origins": "`features.views`",
    "outputs": "`model.signature.outputs`",
    "parameters": "`training.tuning.parameters`",
    "released": "`models`",
    "rivals": "`model.candidates`",
    "rollout-providers": "`platform.providers.rollout`",
    "runtimes": "`platform.runtimes`",
    "services": "`services`",
    "sources": "`data.sources`",
    "traffic-providers": "`platform.providers.traffic`",
}

_SUCH_AS = {
    "`access`": ", such as `{name}: {{kind: s3, serviceAccount: {name}}}` for `s3://`, or "
    "`{name}: {{kind: http, secret: {name}}}` for `https://`"
}
"""Example declarations, where they are short. An access works only for the addresses of its kind."""
