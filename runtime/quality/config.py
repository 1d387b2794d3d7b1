"""The part of the configuration that quality is measured by: `monitoring` in `monitor.json` or `training.json`."""

from __future__ import annotations

import math
from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable, number, shown

__all__ = [
    "Asked",
    "Bound",
    "LabelSource",
    "asked_of",
    "labels_of",
    "larger_is_better",
    "part",
    "seconds",
    "text_of",
    "texts",
]

DAY = 86_400.0


class Bound(Record):
    """A metric that the spec bounds."""

    metric: str
    output: str
    """The output of the model that it judges; empty if the spec names none."""
    versus: str
    """The rival of the bound; empty for a bound on the value."""
    more: bool
    """Whether larger values are better."""

    @property
    def base(self) -> str:
        """The metric without its cutoff: `ndcg` for `ndcg@10`."""
        return self.metric.partition("@")[0]

    @property
    def cut(self) -> float | None:
        """Its cutoff or quantile; None if it has none. Raises Unreadable."""
        given = self.metric.partition("@")[2]
        if not given:
            return None
        try:
            found = float(given)
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise Unreadable(f"`{shown(self.metric)}` has a cutoff that is not a number")
        return found


class LabelSource(Record):
    """Where labels arrive, and when."""

    uri: str
    format: str
    column: str
    id: str
    delay: float
    """Seconds after the prediction until its label is final."""
    negative: bool
    """Whether a row without a label is a negative."""


class Asked(Record):
    """What is measured, and on what."""

    capture: str
    id: str
    sample: float
    interval: float
    window: float
    """The length of the stretch of predictions that one value describes, in seconds."""
    output: str
    """The output that `threshold` decides on; empty if the configuration names none."""
    threshold: float | None
    segments: tuple[str, ...]
    unwrapped: tuple[str, ...]
    """Columns with one value for each prediction, which some records have as a list."""
    labels: LabelSource
    bounds: tuple[Bound, ...]
    rivals: dict[str, dict[str, float]]
    """The known results of rivals, by name and metric."""


def asked_of(config: Any, *, capture: str | None = None, labels: str | None = None, judging: bool = True) -> Asked:
    """The settings in a configuration; the two URIs replace its own. Without `judging`, no metric is measured, only the
    labels that arrive. Raises Unreadable.
    """
    monitoring = part(config, "monitoring", "the configuration")
    written = part(monitoring, "capture", "`monitoring`")
    source = part(monitoring, "labels", "`monitoring`")
    prediction = monitoring.get("prediction", {})
    if not isinstance(prediction, dict):
        raise Unreadable("`monitoring.prediction` is not a mapping")
    interval = seconds(monitoring, "interval", DAY)
    drift = monitoring.get("drift", {})
    window = seconds(drift, "window", interval) if isinstance(drift, dict) else interval
    quality = part(monitoring, "quality", "`monitoring`") if judging else {}
    output = text_of(prediction, "output", "`monitoring.prediction`", default="")
    return Asked(
        capture=capture or text_of(written, "uri", "`monitoring.capture`"),
        id=text_of(written, "id", "`monitoring.capture`"),
        sample=_share(written),
        interval=interval,
        window=max(window, interval),
        output=output,
        threshold=_threshold(prediction),
        segments=tuple(dict.fromkeys((*texts(monitoring, "segments"), *texts(quality, "segments")))),
        unwrapped=texts(written, "unwrapped"),
        labels=labels_of(source, written, labels),
        bounds=_bounds(config, quality, output) if judging else (),
        rivals=_rivals(config),
    )


def part(holder: Any, key: str, name: str) -> dict[str, Any]:
    """A mapping that has to be there. Raises Unreadable."""
    found = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(found, dict):
        raise Unreadable(f"{name} has no mapping `{key}`, without which nothing can be measured")
    return found


def text_of(holder: dict[str, Any], key: str, name: str, default: str | None = None) -> str:
    """A text that has to be there, unless it has a default. Raises Unreadable."""
    found = holder.get(key, default)
    if not isinstance(found, str) or (not found and default is None):
        raise Unreadable(f"{name} needs a text `{key}`")
    return found


def texts(holder: dict[str, Any], key: str) -> tuple[str, ...]:
    """A list of texts; empty if it is absent. Raises Unreadable."""
    found = holder.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise Unreadable(f"`{key}` in the configuration is not a list of texts")
    return tuple(found)


def seconds(holder: dict[str, Any], key: str, default: float) -> float:
    """A duration in seconds, above 0. Raises Unreadable."""
    if key not in holder:
        return default
    found = number(holder[key])
    if found is None or found <= 0:
        raise Unreadable(f"`{key}` in the configuration is not a number of seconds above 0")
    return float(found)


def _share(holder: dict[str, Any]) -> float:
    given = number(holder.get("sample", 1))
    if given is None or not 0 < given <= 1:
        raise Unreadable("`monitoring.capture.sample` is not a share above 0 and up to 1")
    return float(given)


def _threshold(holder: dict[str, Any]) -> float | None:
    if "threshold" not in holder:
        return None
    given = number(holder["threshold"])
    if given is None:
        raise Unreadable("`monitoring.prediction.threshold` is not a number")
    return float(given)


def labels_of(source: dict[str, Any], capture: dict[str, Any], uri: str | None = None) -> LabelSource:
    """Where labels arrive, and when. Raises Unreadable."""
    name = "`monitoring.labels`"
    unlabeled = source.get("unlabeled", "dropped")
    if unlabeled not in ("dropped", "negative"):
        raise Unreadable(f"`unlabeled` in {name} is neither `dropped` nor `negative`")
    delay = number(source.get("delay", 0))
    if delay is None or delay < 0:
        raise Unreadable(f"`delay` in {name} is not a number of seconds from 0")
    form = text_of(source, "format", name, default="")
    if form not in ("", "parquet", "csv", "jsonl"):
        raise Unreadable(f"{name} has the format {shown(form)}: use `parquet`, `csv`, or `jsonl`")
    return LabelSource(
        uri=uri or text_of(source, "uri", name),
        format=form,
        column=text_of(source, "column", name),
        id=text_of(source, "id", name, default=capture["id"]),
        delay=float(delay),
        negative=unlabeled == "negative",
    )


def _bounds(config: dict[str, Any], quality: dict[str, Any], output: str) -> tuple[Bound, ...]:
    listed = quality.get("bounds")
    if not isinstance(listed, list) or not listed:
        raise Unreadable("`monitoring.quality` needs a list `bounds` with the metrics to measure")
    return tuple(dict.fromkeys(_bound(each, config, output) for each in listed))


def _bound(given: Any, config: dict[str, Any], output: str) -> Bound:
    if not isinstance(given, dict):
        raise Unreadable("a bound in `monitoring.quality.bounds` is not a mapping")
    name = "a bound in `monitoring.quality.bounds`"
    metric = text_of(given, "metric", name)
    return Bound(
        metric=metric,
        output=text_of(given, "output", name, default=output),
        versus=text_of(given, "versus", name, default=""),
        more=larger_is_better(config, metric),
    )


def larger_is_better(config: dict[str, Any], metric: str) -> bool:
    """The direction of a metric. One with a cutoff, such as `ndcg@10`, may have the entry of the metric without it.
    Raises Unreadable.
    """
    metrics = config.get("metrics")
    entries = [metrics.get(name) for name in (metric, metric.partition("@")[0])] if isinstance(metrics, dict) else []
    for known in entries:
        direction = known.get("direction") if isinstance(known, dict) else None
        if direction in ("maximize", "minimize"):
            return bool(direction == "maximize")
    raise Unreadable(f"`metrics` in the configuration does not say the `direction` of {shown(metric)}")


def _rivals(config: dict[str, Any]) -> dict[str, dict[str, float]]:
    given = config.get("rivals", {})
    if not isinstance(given, dict):
        raise Unreadable("`rivals` in the configuration is not a mapping")
    found: dict[str, dict[str, float]] = {}
    for name, results in given.items():
        if isinstance(results, dict):
            known = {metric: number(value) for metric, value in results.items()}
            found[name] = {metric: float(value) for metric, value in known.items() if value is not None}
    return found
