"""The ConfigMap of the feature store: the Feast repository, the configuration of the job, and the job itself.

Its name includes a checksum of its content, so a run that has started keeps the files that it started with.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.dump import Lines
from ...compiler.emit.jsontext import json_lines
from ...compiler.finding import refusal
from ...compiler.plan.data.store import StorePlan, ViewPlan
from ...compiler.system import Feature, Transform
from .. import naming
from ..config_map import checksum, config_map
from ..shipped import shipped
from . import repository

__all__ = ["COMPONENT", "MODULES", "Files", "configuration", "labels"]

COMPONENT = "feature-store"
MODULES = ("job.py", "tables.py", "windows.py")
NUMERIC = ("sum", "mean", "min", "max", "stddev")


def body(store: StorePlan) -> dict[str, Any]:
    """The configuration of the job: `features.json`."""
    return {
        "version": fixed(1, "the version of this file"),
        "online": because(store.part.online is not None, "whether there is an online store", _type(store)),
        "measured": text("{folder}/measured", folder=store.folder),
        "views": [_view(view) for view in store.views],
    }


def _type(store: StorePlan) -> Because[str] | None:
    return store.part.online.type if store.part.online is not None else None


def _view(view: ViewPlan) -> dict[str, Any]:
    computed = view.computed.value
    table = view.table if computed else None
    return {
        "name": view.name,
        "source": view.uri,
        "table": table,
        "key": view.key.name.also(view.entity.key),
        "timestamp": view.timestamp.name,
        "lag": view.lag,
        "columns": _columns(view) if computed else None,
        "features": [_feature(view, one) for one in view.view.features] if computed else None,
    }


def _columns(view: ViewPlan) -> list[Because[str]]:
    """The columns that the job reads. Code may read each one that is declared."""
    made = [one.transform for one in view.view.features if one.transform is not None]
    if any(one.code is not None for one in made):
        every = [column.from_ for column in view.store.scope.system.data.columns if column.from_ is not None]
        return [column.name.also(every) for column in view.columns.values()]
    used = [view.key.name, view.timestamp.name, *(one.column for one in made if one.column is not None)]
    return list({name.value: name for name in used}.values())


def _feature(view: ViewPlan, feature: Feature) -> dict[str, Any]:
    transform = feature.transform
    assert transform is not None
    _apart(view, feature)
    _one_way(feature, transform)
    if transform.column is not None:
        _fits(view, transform, transform.column)
    _holds(view, feature, transform)
    return {
        "name": feature.name,
        "type": repository.arrow_type(feature.dtype),
        "window": view.window(feature),
        "aggregate": transform.aggregate,
        "column": transform.column,
        "code": transform.code,
    }


def _apart(view: ViewPlan, feature: Feature) -> None:
    """Refuse a feature whose column would replace the key or the time of its table."""
    for column, what in ((view.key, "the key of its entity"), (view.timestamp, "the time of its view")):
        if feature.name.value == column.name.value:
            raise refusal(
                "MLS008",
                f"the feature `{feature.name.value}` has the name of {what}",
                feature.name,
                others=((column.name, what),),
                note="a table has one column of each name, so the rows would lose this one",
                help=f"rename it, for example to `{feature.name.value}_value`",
            )


def _one_way(feature: Feature, transform: Transform) -> None:
    code, aggregate = transform.code, transform.aggregate
    if (code is None) == (aggregate is None):
        raise refusal(
            "MLS009" if code is None else "MLS008",
            f"`{feature.name.value}` is computed "
            + ("neither by an aggregate nor by code" if code is None else "both by an aggregate and by code"),
            code if code is not None else feature.name,
            note="the job would not know what to compute",
            help="write either `aggregate` or `code`",
        )
    if aggregate is not None and transform.column is None and aggregate.value != "count":
        raise refusal(
            "MLS009",
            f"the {aggregate.value} of `{feature.name.value}` has no column",
            aggregate,
            note="only `count` can count rows",
            help="add `column` with what to aggregate",
        )
    if code is not None and transform.column is not None:
        raise refusal(
            "MLS008",
            "code gets all columns, so `column` has no effect",
            transform.column,
            note="a reader would think that the code sees only this one",
            help="remove `column`",
        )


def _fits(view: ViewPlan, transform: Transform, name: Because[str]) -> None:
    aggregate, column = transform.aggregate, view.column(name, "the column to aggregate")
    numbers = column.dtype.value.startswith(("int", "uint", "float", "bfloat", "bool"))
    if aggregate is not None and aggregate.value in NUMERIC and not numbers:
        raise refusal(
            "MLS012",
            f"a `{column.dtype.value}` has no {aggregate.value}",
            aggregate,
            others=((column.dtype, "the type of the column"),),
            note="the job would fail at its first run",
            help="use `count`, `distinct`, or `last`, or a column of numbers",
        )


def _holds(view: ViewPlan, feature: Feature, transform: Transform) -> None:
    """Whether the type of a feature holds what its aggregate computes. What code returns is not known, and the numbers
    of a column may be whole even if its type is not.
    """
    aggregate = transform.aggregate
    if aggregate is None:
        return
    column = view.column(transform.column, "the column to aggregate") if transform.column is not None else None
    dtype = column.dtype if column is not None else None
    made, fits, instead = _result(aggregate.value, dtype.value if dtype is not None else "")
    if feature.dtype.value.startswith(fits):
        return
    raise refusal(
        "MLS012",
        f"`{aggregate.value}` gives {made}, which no `{feature.dtype.value}` holds",
        feature.dtype,
        others=((aggregate, "what the job computes"), (dtype, "the type of the column")),
        note="the job would fail at the first value that does not fit, and no feature of the view would get new values",
        help=f"write `dtype: {instead}`",
    )


def _result(aggregate: str, dtype: str) -> tuple[str, tuple[str, ...], str]:
    """What an aggregate of a type is, the types that hold it, and one of them."""
    if aggregate in ("mean", "stddev"):
        return "a fraction", ("float", "bfloat", "bool", "string", "category"), "float64"
    if aggregate == "last" and dtype in ("string", "category"):
        return "a text", ("string", "category"), "string"
    known = aggregate in ("count", "distinct") or dtype.startswith(("int", "uint", "float", "bfloat", "bool"))
    numbers = ("int", "uint", "float", "bfloat", "bool", "string", "category")
    return "a number", numbers if known else ("",), "int64"


class Files:
    """The files of the feature store, generated once for everything that uses them."""

    def __init__(self, store: StorePlan) -> None:
        self.store = store

    @cached_property
    def content(self) -> dict[str, Lines]:
        """By name."""
        return {
            "feature_store.yaml": repository.settings(self.store),
            "features.py": repository.definitions(self.store),
            "features.json": json_lines(body(self.store)),
            **{name: Lines(shipped(f"runtime/feature_store/{name}")) for name in MODULES},
        }

    @cached_property
    def name(self) -> Because[str]:
        """The name of the ConfigMap."""
        digest = checksum(self.content.values(), _decides(self.store))
        return text("{name}-{digest}", name=self.store.name, digest=digest)


def _decides(store: StorePlan) -> list[object]:
    """What decides which lines there are."""
    system = store.scope.system
    signatures = [model.signature for model in system.models.values() if model.signature is not None]
    read = [tensor.from_ for signature in signatures for tensor in signature.inputs]
    return [*read, *(column.from_ for column in system.data.columns if column.from_ is not None)]


def labels(store: StorePlan) -> Body:
    """The labels of everything that belongs to the feature store."""
    return naming.labels(store.scope, COMPONENT, store.name)


def configuration(store: StorePlan, made: Files) -> Iterator[Artifact]:
    """The ConfigMap."""
    scope = store.scope
    data = config_map(scope, made.name, labels(store), made.content, "a run that has started may still use it")
    why = because("ConfigMap", "the feature store and the job that fills it", store.part.image)
    yield Artifact(path=naming.path_of(scope, "features", "ConfigMap", store.name), body=data, why=why)
