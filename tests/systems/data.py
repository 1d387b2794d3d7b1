"""The data of a system that trains: sources, columns, a label, and a split that keeps apart what belongs apart."""

from __future__ import annotations

from typing import Any

from mlspec.compiler.language import UNIONS

from .maker import Maker, members

__all__ = ["SEGMENT", "data", "features"]

LABEL = "outcome"
ENTITY = "customer"
ENTITY_KEY = "customer_id"
SEGMENT = "region"
_TIME = ("timestamp", "date")


def data(maker: Maker, task: str) -> dict[str, Any]:
    """The section `data`."""
    strategy = maker.pick(UNIONS["Split"][1] if task != "forecasting" else ("temporal", "grouped"))
    sources = [_source(maker, name) for name in maker.some(("transactions", "profiles", "clicks"))]
    maker.declare("sources", *(source["name"] for source in sources))
    files = [source for source in sources if source["uri"].startswith(("s3:", "gs:"))]
    for source in files:
        source["format"] = maker.pick(("parquet", "csv", "jsonl"))
    maker.labels = maker.pick([source["name"] for source in files]) if files else None
    for source in files:
        if source["name"] == maker.labels:  # a pinned version makes negatives of newer rows
            source["version"] = maker.free("RunVersion", kind="as-of-run")
    columns = list(_columns(maker, strategy))
    maker.declare("columns", *(column["name"] for column in columns))
    return maker.free(
        "Data",
        sources=sources,
        columns=columns,
        preprocessing=_steps(maker),
        labels=maker.free(
            "Labels",
            column=LABEL,
            source=maker.labels,
            cost="0.01 USD/label",
            delay=maker.pick((None, "1h", "7d")),
        ),
        split=_split(maker, strategy),
    )


def _source(maker: Maker, name: str) -> dict[str, Any]:
    scheme, kind = maker.pick((("s3", "s3"), ("gs", "gcs"), ("kafka", "kafka"), ("https", "http")))
    return maker.free(
        "DataSource",
        name=name,
        volume=maker.free(
            "Volume",
            history=maker.pick((None, "1095d")),
            records=maker.pick((None, "900M")),
            daily=maker.pick((None, "20k")),
        ),
        uri=f"{scheme}://example.internal/{name}",
        access=maker.use(kind) if maker.maybe(0.5) else None,
    )


def _columns(maker: Maker, strategy: str) -> Any:
    """A time and an entity only where the split heeds them."""
    dtypes = [dtype for dtype in members("Column", "dtype") if strategy == "temporal" or dtype not in _TIME]
    plain = {"entity": None, "available": "at-prediction", "values": None}
    yield maker.free("Column", **plain, name="amount", dtype=maker.pick(("float32", "float64")))
    for number in range(maker.chance.randint(0, 3)):
        yield maker.free("Column", **plain, name=f"column_{number}", dtype=maker.pick(dtypes))
    yield maker.free("Column", **{**plain, "values": maker.free("Values", max=maker.pick((20, 200)))}, name=SEGMENT,
                     dtype="category")  # fmt: skip
    if strategy == "temporal":
        yield maker.free("Column", **plain, name="happened", dtype=maker.pick(_TIME))
    if strategy in ("temporal", "grouped"):
        yield maker.free("Column", **{**plain, "entity": ENTITY}, name=ENTITY_KEY, dtype="string")
    yield maker.free(
        "Column", name=LABEL, dtype=maker.pick(("bool", "float64")), entity=None, available="after-outcome"
    )


def _steps(maker: Maker) -> list[dict[str, Any]]:
    """Steps in order. An encoding replaces its column, so there is one."""
    made: list[dict[str, Any]] = []
    for one in (_step(maker) for _ in range(maker.pick((0, 2, 4)))):
        if one["step"] != "encode" or not any(before["step"] == "encode" for before in made):
            made.append(one)
    return made


def _step(maker: Maker) -> dict[str, Any]:
    """One step of preprocessing, with most of its options."""
    step, type_name = maker.pick(UNIONS["PreprocessingStep"][1].items())
    told: dict[str, Any] = {
        key: maker.pick(members(type_name, key)) for key in ("strategy", "method", "fitOn") if members(type_name, key)
    }
    on = {"impute": ["amount"], "clip": ["amount"], "scale": ["amount"], "encode": [SEGMENT]}
    if step in on:  # a text has no scale
        told["columns"] = on[step]
    if step == "impute":
        told["value"] = 0 if told["strategy"] == "constant" else None
    if step == "clip":
        told |= maker.pick(
            ({"quantiles": ["1%", "99%"], "min": None, "max": None}, {"min": 0, "max": 9, "quantiles": []})
        )
    return maker.free(type_name, **told, step=step)


def _split(maker: Maker, strategy: str) -> dict[str, Any]:
    train, validation, test = maker.pick((("70%", "15%", "15%"), ("80%", "10%", "10%"), ("60%", "20%", "20%")))
    given: dict[str, Any] = {"strategy": strategy, "train": train, "validation": validation, "test": test}
    if strategy == "temporal":
        given |= {"column": "happened", "gap": maker.pick(("7d", "28d"))}
    elif strategy != "random":
        given["column"] = {"stratified": LABEL, "grouped": ENTITY_KEY}[strategy]
    return maker.free(UNIONS["Split"][1][strategy], **given)


def features(maker: Maker) -> dict[str, Any] | None:
    """A feature store with one view, whose features a model may take; rows of an entity need a split that heeds it."""
    if ENTITY_KEY not in maker.declared["columns"]:
        return None
    maker.declare("entities", ENTITY)
    names = maker.some(("count_1h", "mean_7d", "last_seen"))
    maker.declare("origins", *(f"features.activity.{name}" for name in names))
    late = maker.free("Feature", name="refunded", available="after-outcome")
    view = maker.free(
        "FeatureView",
        name="activity",
        entity=ENTITY,
        features=[
            maker.free("Feature", name=name, available="at-prediction", transform=maker.free("Transform"))
            for name in names
        ]
        + [late][: maker.pick((0, 1))],
    )
    return maker.free(
        "Features", lookup="0.1ms", entities=[{"name": ENTITY, "key": ENTITY_KEY}], views=[view], materialization=None
    )
