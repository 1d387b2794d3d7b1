"""What the model learns from: sources, the contract, preprocessing, features, labels, and the split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...because import Because, first
from ...system import DataSource, PinnedVersion, Transform
from .draft import Block, Said, Table, given, just, paragraph, say
from .scene import Scene
from .words import gap, listed

__all__ = ["data"]


def data(scene: Scene) -> Iterator[Block]:
    """Sources, the contract, preprocessing, features, versions, labels, and the split."""
    found = scene.system.data
    if scene.system.training is None:
        yield from paragraph(Because("No model is trained in this system, so its spec describes no data."))
        return
    if not found.sources and not found.columns:
        yield gap("the data pipeline is not described", "data", "no model is better than its data")
        return
    yield from _sources(found.sources)
    if found.columns:
        yield _contract(scene)
    yield from _preprocessing(scene)
    yield from _features(scene)
    yield from _labels(scene)
    yield from _split(scene)


def _sources(sources: tuple[DataSource, ...]) -> Iterator[Block]:
    rows = tuple((just(one.name), *map(just, _source(one))) for one in sources)
    head = ("source", "arrives", "location", "format", "owner", "newest record", "version for training")
    if rows:
        yield Table(caption="Sources", head=head, rows=rows)
    for one in sources:
        name = one.name.value
        if one.version is None and one.ingestion.value != "request" and one.uri is not None:
            why = "without it, a run cannot be repeated"
            yield gap(f"the version of {name} is not recorded", "data.sources.*.version", why)


def _source(one: DataSource) -> tuple[Because[Any] | None, ...]:
    version = one.version
    told = just(version.kind) if version is not None else None
    if isinstance(version, PinnedVersion):
        told = say("{kind} {id}", kind=version.kind, id=version.id)
    return one.ingestion, one.uri, one.format, one.owner, one.freshness, told


def _contract(scene: Scene) -> Table:
    """The columns and what is expected of them."""
    rows = []
    for one in scene.system.data.columns:
        expected = [
            say("never missing", _=one.nullable) if not one.nullable.value else None,
            say("at most {_} missing", _=one.null_share),
            say("unique", _=one.unique) if one.unique.value else None,
            say("at least {_}", _=one.min),
            say("at most {_}", _=one.max),
            say("matches {_}", _=one.pattern),
            say("one of {_}", _=listed(one.values.one_of, "or") if one.values is not None else None),
            say("at most {_} values", _=one.values.max if one.values is not None else None),
        ]
        known = [part for part in expected if part is not None]
        personal = say("personal", _=one.personal) if one.personal.value else None
        known_when = one.available.map(lambda when: "after the outcome" if when == "after-outcome" else "at prediction")
        told = listed(known) if known else None
        rows.append((just(one.name), just(one.dtype), told, just(known_when), personal))
    head = ("column", "type", "expectation", "known", "privacy")
    return Table(caption="Data contract", head=head, rows=tuple(rows))


def _preprocessing(scene: Scene) -> Iterator[Block]:
    steps = scene.system.data.preprocessing
    rows = []
    for one in steps:
        fields = [name for name in one.fields if name not in ("step", "columns", "fit_on")]
        settings = [
            say(f"{name.replace('_', ' ')} {{_}}", _=listed(value) if isinstance(value, tuple) else value)
            for name in fields
            if isinstance(value := getattr(one, name), (Because, tuple))
        ]
        known = [part for part in settings if part is not None]
        fitted = getattr(one, "fit_on", None)
        rows.append((just(one.step), listed(one.columns), listed(known) if known else None, just(fitted)))
    if rows:
        yield Table(caption="Preprocessing", head=("step", "columns", "settings", "fitted on"), rows=tuple(rows))


def _features(scene: Scene) -> Iterator[Block]:
    store = scene.system.features
    if store is None:
        return
    rows = []
    for view in store.views:
        for one in view.features:
            owner = first(one.owner, view.owner)
            cells = (one.name, one.dtype, _computed(one.transform), view.source, view.max_age, owner)
            rows.append(tuple(map(just, cells)))
    head = ("feature", "type", "computed as", "from", "maximum age", "owner")
    if rows:
        yield Table(caption="Features", head=head, rows=tuple(rows))
    yield from scene.facts("Feature store", given("feature store", store.store), scene.lines("Features"))


def _computed(how: Transform | None) -> Said | None:
    """An aggregate over a window, or code."""
    if how is None:
        return None
    return first(say("{what} over {window}", what=how.aggregate, window=how.window), just(how.code))


def _labels(scene: Scene) -> Iterator[Block]:
    labels, labeling = scene.system.data.labels, scene.system.data.labeling
    if labels is None:
        why = "the model learns from it, and its quality in production is measured by it"
        yield gap("the label is not described", "data.labels", why)
        return
    feedback = labels.affected_by_decisions
    yield from scene.facts(
        "Labels",
        given("label", labels.column),
        given("delay of a label", labels.delay),
        given("share of positive labels", labels.positive_share),
        given("decisions affect which labels exist", feedback if feedback.value else None),
        given("cost of a label", labels.cost),
        given("labeled by", labeling.process if labeling is not None else None),
        given("least agreement of annotators", labeling.agreement if labeling is not None else None),
    )


def _split(scene: Scene) -> Iterator[Block]:
    split = scene.system.data.split
    if split is None:
        yield gap("how rows are split is not declared", "data.split", "a wrong split leaks the future into training")
        return
    yield from scene.facts(
        "Split",
        given("strategy", split.strategy),
        given("by", getattr(split, "column", None)),
        given("gap between the parts", getattr(split, "gap", None)),
        given("share for training", split.train),
        given("share for validation", split.validation),
        given("share for the test", split.test),
        scene.lines("Data", "training set", "validation set", "test set"),
    )
