"""The catalog of features for reuse: what each system has, how it is computed, where its values are, and who reads it.

It is read from the systems as they are compiled, so it cannot be older than the specs. A feature that differs between
environments, such as a shorter `maxAge` in one of them, has an entry for each form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...because import Because, first
from ...finding import Refusal
from ...pipeline import Compiled, Environment
from ...system import BatchService, DataSource, DynamoStore, Feature, FeatureView, Materialization, OnlineService
from .catalog import CatalogFeature, FeatureCatalog, FeaturePlace, FeatureReader, ReuseHint
from .reuse import hints

__all__ = ["CatalogFeature", "FeatureCatalog", "FeaturePlace", "FeatureReader", "ReuseHint", "catalog", "features_of"]


def catalog(systems: Iterable[str], features: Iterable[CatalogFeature], left_out: Iterable[str] = ()) -> FeatureCatalog:
    """The catalog of several systems, with what can be reused."""
    found = tuple(sorted(features, key=lambda one: (one.entity, one.view, one.name, one.system)))
    return FeatureCatalog(
        systems=tuple(sorted(set(systems))), features=found, hints=tuple(hints(found)), left_out=tuple(left_out)
    )


def features_of(compiled: Compiled) -> tuple[CatalogFeature, ...]:
    """The features of a system that has no errors, each once for all environments in which it is the same."""
    places: dict[CatalogFeature, list[FeaturePlace]] = {}
    for environment in compiled.environments:
        for feature, place in _features(environment):
            places.setdefault(feature, []).append(place)
    return tuple(feature.but(places=tuple(found)) for feature, found in places.items())


def _features(environment: Environment) -> Iterator[tuple[CatalogFeature, FeaturePlace]]:
    store = environment.system.features
    for view in store.views if store is not None else ():
        place = _place(environment, view)
        for feature in view.features:
            yield _feature(environment, view, feature), place


def _feature(environment: Environment, view: FeatureView, feature: Feature) -> CatalogFeature:
    system, transform = environment.system, feature.transform
    store = system.features
    assert store is not None
    keys = [one.key.value for one in store.entities if one.name.value == view.entity.value]
    column = transform.column if transform is not None else feature.name
    return CatalogFeature(
        system=system.metadata.name.value,
        view=view.name.value,
        name=feature.name.value,
        entity=view.entity.value,
        key=keys[0] if keys else "",
        dtype=feature.dtype.value,
        description=_said(feature.description),
        owner=_said(first(feature.owner, view.owner, system.metadata.owner)),
        available=feature.available.value,
        source=view.source.value,
        location=_location(view, system.data.sources),
        column=_said(column),
        aggregate=_said(transform.aggregate if transform is not None else None),
        code=_said(transform.code if transform is not None else None),
        window=_said(transform.window if transform is not None else None),
        max_age=_said(view.max_age),
        schedule=_said(view.schedule),
        readers=tuple(_readers(environment, f"features.{view.name.value}.{feature.name.value}")),
        places=(),
        where=_where(feature),
    )


def _said(value: Because[Any] | None) -> str:
    return str(value.value) if value is not None else ""


def _where(feature: Feature) -> str:
    node = feature.node
    return f"{node.file.name}:{node.line + 1}" if node is not None else ""


def _location(view: FeatureView, sources: Iterable[DataSource]) -> str:
    if view.batch_source is not None:
        return view.batch_source.uri.value
    return next((_said(one.uri) for one in sources if one.name.value == view.source.value), "")


def _readers(environment: Environment, origin: str) -> Iterator[FeatureReader]:
    system = environment.system
    served: dict[str, list[str]] = {}
    for name, part in system.services.items():
        if not isinstance(part, OnlineService | BatchService):
            continue
        try:
            served.setdefault(environment.plan.model_of(part).value, []).append(name)
        except Refusal:  # an environment that serves nothing does not report it
            continue
    for name, model in system.models.items():
        inputs = model.signature.inputs if model.signature is not None else ()
        read = tuple(one.name.value for one in inputs if one.from_.value == origin)
        if read:
            yield FeatureReader(model=name, inputs=read, services=tuple(served.get(name, ())))


def _place(environment: Environment, view: FeatureView) -> FeaturePlace:
    """Where the values are, if this environment fills a store."""
    store = environment.plan.store
    own = next((one for one in store.views if one.view is view), None) if store is not None else None
    if store is None or own is None:
        return FeaturePlace(environment=environment.name, project="", training="", serving="")
    return FeaturePlace(
        environment=environment.name,
        project=store.project.value,
        training=own.table.value,
        serving=_online(store.part),
    )


def _online(part: Materialization) -> str:
    online = part.online
    if online is None:
        return ""
    if isinstance(online, DynamoStore):
        return f"{online.type.value} in {online.region.value}"
    return f"{online.type.value} at {online.address.value}"
