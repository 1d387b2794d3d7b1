"""The part of the configuration that a diagnosis needs. Quantities are numbers in base units: seconds, and shares."""

from __future__ import annotations

from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable, number, shown
from ..quality.config import larger_is_better

__all__ = ["Bar", "Cause", "Column", "Settings", "settings_of"]

DAY = 86_400.0


class Cause(Record):
    """One cause of the catalog."""

    name: str
    action: str
    retrain: bool
    signals: tuple[str, ...]


class Column(Record):
    """A column whose drift is watched."""

    name: str
    subject: str
    method: str
    threshold: float
    least: float
    """The fewest rows for a verdict."""


class Bar(Record):
    """A bound on a metric."""

    metric: str
    output: str
    more: bool
    """Whether the bar is a minimum."""
    value: float | None
    """The bar; None if the difference from a rival on the same rows is bounded."""
    versus: str
    margin: float
    """How much better than the rival the value must be."""
    least: float


class Settings(Record):
    """What the diagnosis decides by."""

    interval: float
    delay: float | None
    """How long labels take; None if there are none."""
    negative: bool
    monitors: tuple[str, ...]
    """The monitors that have to run."""
    segments: tuple[str, ...]
    columns: tuple[Column, ...]
    sources: dict[str, str]
    """The source of each column, where the configuration says it."""
    nulls: dict[str, float]
    """The largest share of nulls of each column that has one."""
    ages: dict[str, float]
    """The largest age of each feature view that has one, in seconds."""
    bars: tuple[Bar, ...]
    causes: tuple[Cause, ...]
    keeps_on: frozenset[str]
    """The faults that do not stop a training run: `data`, `feature`."""
    new_labels: float
    """The fewest new labels that justify a training run."""
    on_new_labels: bool
    """Whether that many justify one by themselves."""


def settings_of(config: Any) -> Settings:
    """The settings in `monitor.json` or `training.json`. Raises Unreadable."""
    monitoring = config.get("monitoring") if isinstance(config, dict) else None
    if not isinstance(monitoring, dict):
        raise Unreadable("the configuration has no mapping `monitoring`, without which nothing can be diagnosed")
    labels, drift = (_mapping(monitoring, key) for key in ("labels", "drift"))
    quality, retraining = (_mapping(monitoring, key) for key in ("quality", "retraining"))
    columns = _columns(config)
    bars = tuple(_bar(each, config, monitoring) for each in _listed(quality, "bounds"))
    return Settings(
        interval=_number(monitoring, "interval", DAY, least=1),
        delay=_number(labels, "delay", 0) if labels else None,
        negative=labels.get("unlabeled") == "negative",
        monitors=_monitors(monitoring, bars),
        segments=tuple(str(each) for each in monitoring.get("segments", []) if isinstance(each, str)),
        columns=tuple(_column(each) for each in _listed(drift, "columns")),
        sources=_sources([*_listed(config, "features"), *columns.values()]),
        nulls={name: _number(each, "nullShare", 0) for name, each in columns.items() if "nullShare" in each},
        ages={_text(each, "view"): _number(each, "maxAge", 0) for each in _listed(monitoring, "features")},
        bars=bars,
        causes=_causes(monitoring),
        keeps_on=_keeps_on(retraining),
        new_labels=_number(retraining, "minNewLabels", 0),
        on_new_labels=_triggered(retraining, "new-labels"),
    )


def _monitors(monitoring: dict[str, Any], bars: tuple[Bar, ...]) -> tuple[str, ...]:
    needs = {
        "quality": bool(bars) and "labels" in monitoring,
        "labels": "labels" in monitoring,
        "capture": bool(bars) and "labels" in monitoring and "capture" in monitoring,
        "drift": bool(_listed(_mapping(monitoring, "drift"), "columns")),
    }
    return tuple(name for name, needed in needs.items() if needed)


def _causes(monitoring: dict[str, Any]) -> tuple[Cause, ...]:
    listed = _mapping(monitoring, "diagnoses")
    if not listed:
        raise Unreadable("`monitoring` has no `diagnoses`: without the causes in their order, nothing is ruled out")
    found = []
    for name, each in listed.items():
        if not isinstance(each, dict) or not isinstance(each.get("retrain"), bool):
            raise Unreadable(f"the cause {shown(name)} in `monitoring.diagnoses` does not say whether to `retrain`")
        signals = each.get("signals", [])
        if not isinstance(signals, list) or not all(isinstance(one, str) for one in signals):
            raise Unreadable(f"the cause {shown(name)} in `monitoring.diagnoses` has no list of `signals`")
        action = each.get("action", "")
        found.append(Cause(name=name, action=str(action), retrain=each["retrain"], signals=tuple(signals)))
    return tuple(found)


def _columns(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The columns of the data, by name."""
    return {_text(each, "name"): each for each in _listed(_mapping(config, "data"), "columns")}


def _sources(columns: list[dict[str, Any]]) -> dict[str, str]:
    """Where each column or feature comes from: a source, a feature view, or the request."""
    known = ((each.get("name"), each.get("from")) for each in columns)
    return {name: source for name, source in known if isinstance(name, str) and isinstance(source, str)}


def _column(given: dict[str, Any]) -> Column:
    subject = _text(given, "subject")
    if subject not in ("feature", "prediction"):
        raise Unreadable(f"a column of `monitoring.drift` has the subject {shown(subject)}")
    return Column(
        name=_text(given, "column"),
        subject=subject,
        method=_text(given, "method"),
        threshold=_number(given, "threshold", None),
        least=_number(given, "minSamples", 0),
    )


def _bar(given: dict[str, Any], config: dict[str, Any], monitoring: dict[str, Any]) -> Bar:
    metric = _text(given, "metric")
    more, versus = larger_is_better(config, metric), given.get("versus", "")
    value = next((_number(given, key, None) for key in ("min", "max") if key in given), None)
    more = "min" in given or ("max" not in given and more)
    margin = _number(given, "margin", 0, least=None)
    result = number(_mapping(_mapping(config, "rivals"), str(versus)).get(metric)) if versus == "champion" else None
    if value is None and result is not None:
        step = margin * abs(float(result)) if given.get("relative") else margin
        value = float(result) + (step if more else -step)
    if value is None and not versus:
        raise Unreadable(f"the bound on {shown(metric)} has neither `min`, `max`, nor `versus`")
    return Bar(
        metric=metric,
        output=str(given.get("output") or _mapping(monitoring, "prediction").get("output", "")),
        more=more,
        value=value,
        versus=str(versus),
        margin=0.0 if given.get("relative") else margin,
        least=_number(given, "minSamples", 0),
    )


def _keeps_on(retraining: dict[str, Any]) -> frozenset[str]:
    found = set()
    for key, fault in (("onDataFault", "data"), ("onFeatureChange", "feature")):
        answer = retraining.get(key, "stop")
        if answer not in ("stop", "continue"):
            raise Unreadable(f"`monitoring.retraining.{key}` is neither `stop` nor `continue`")
        if answer == "continue":
            found.add(fault)
    return frozenset(found)


def _triggered(retraining: dict[str, Any], trigger: str) -> bool:
    listed = retraining.get("triggers", [])
    if not isinstance(listed, list):
        raise Unreadable("`monitoring.retraining.triggers` is not a list")
    return trigger in listed


def _mapping(holder: dict[str, Any], key: str) -> dict[str, Any]:
    found = holder.get(key, {})
    if not isinstance(found, dict):
        raise Unreadable(f"`{shown(key)}` in the configuration is not a mapping")
    return found


def _listed(holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = holder.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Unreadable(f"`{shown(key)}` in the configuration is not a list of mappings")
    return found


def _text(holder: dict[str, Any], key: str) -> str:
    found = holder.get(key)
    if not isinstance(found, str) or not found:
        raise Unreadable(f"an entry of the configuration needs a text `{key}`")
    return found


def _number(holder: dict[str, Any], key: str, default: float | None, *, least: float | None = 0) -> float:
    found = number(holder[key]) if key in holder else None
    if key not in holder and default is not None:
        return default
    if found is None or (least is not None and float(found) < least):
        raise Unreadable(f"`{key}` in the configuration is not a number" + (f" from {least:g}" if least else ""))
    return float(found)
