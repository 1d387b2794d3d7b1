"""The jobs that a configuration asks for: what each measures, how often, and with which function."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable
from ..measure.measured import Measured, Series

__all__ = ["DAY", "Job", "jobs_of", "newest_features", "newest_prediction"]

DAY = 86400.0

RESULT = re.compile(r"features-([0-9]{1,12})\.json")
"""A result of the job that fills the feature store, with its time."""

NEWEST = "newest.json"
"""The last one."""


class Job(Record):
    """Something that is measured at the end of every period."""

    name: str
    monitors: tuple[str, ...]
    """The monitors of the metric contract that it is."""
    period: float
    """Seconds."""
    measure: Callable[[float], tuple[Measured, ...]]
    """What it measures at the end of a period, in Unix time. Raises Unreadable and OSError."""


def jobs_of(config: Any) -> tuple[Job, ...]:
    """The jobs. Raises Unreadable if the configuration asks for none, or violates its contract."""
    monitoring = config.get("monitoring") if isinstance(config, dict) else None
    if not isinstance(monitoring, dict):
        raise Unreadable("the configuration has no mapping `monitoring`, so there is nothing to measure")
    interval = _seconds(monitoring.get("interval", DAY), "interval")
    drift = monitoring.get("drift", {})
    window = _seconds(drift.get("window", interval), "drift.window") if isinstance(drift, dict) else interval
    asked = (
        (_drift(config, window), bool(isinstance(drift, dict) and drift.get("columns"))),
        (_data(config, window), _expects(config)),
        (_quality(config, interval), bool(_bounds(monitoring))),
        (_labels(config, interval), not _bounds(monitoring) and "labels" in monitoring),
        (_capture(config, interval), not _bounds(monitoring)),
        (_features(monitoring, interval), "featureResults" in monitoring),
    )
    return tuple(job for job, wanted in asked if wanted)


def _seconds(given: Any, name: str) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not given > 0:
        raise Unreadable(f"`monitoring.{name}` in the configuration is not a positive number of seconds")
    return float(given)


def _expects(config: dict[str, Any]) -> bool:
    data = config.get("data")
    return isinstance(data, dict) and bool(data.get("columns"))


def _bounds(monitoring: dict[str, Any]) -> Any:
    quality = monitoring.get("quality")
    return quality.get("bounds") if isinstance(quality, dict) else None


# numpy and pyarrow are loaded when the first job runs


def _drift(config: Any, period: float) -> Job:
    def measure(at: float) -> tuple[Measured, ...]:
        from ..measure import drift

        return (drift.measure(config, at),)

    return Job(name="drift", monitors=("drift",), period=period, measure=measure)


def _data(config: Any, period: float) -> Job:
    def measure(at: float) -> tuple[Measured, ...]:
        from ..measure import data

        return (data.measure(config, at),)

    return Job(name="data", monitors=("data",), period=period, measure=measure)


def _quality(config: Any, period: float) -> Job:
    def measure(at: float) -> tuple[Measured, ...]:
        return _with_labels(config, at, judging=True)

    return Job(name="quality", monitors=("quality", "labels", "capture"), period=period, measure=measure)


def _labels(config: Any, period: float) -> Job:
    """How old and how many the labels are; the job of the quality says it, too, if there is one."""

    def measure(at: float) -> tuple[Measured, ...]:
        return tuple(one for one in _with_labels(config, at, judging=False) if one.monitor == "labels")

    return Job(name="labels", monitors=("labels",), period=period, measure=measure)


def _with_labels(config: Any, at: float, *, judging: bool) -> tuple[Measured, ...]:
    """What predictions and their labels show together."""
    from ..quality.config import asked_of
    from ..quality.fresh import new_labels
    from ..quality.measure import measure

    found = measure(asked_of(config, judging=judging), at)
    labels = found.labels.but(series=(*found.labels.series, *new_labels(config, at)))
    return found.quality, labels, found.capture


def _capture(config: Any, period: float) -> Job:
    """When predictions were last logged; the job of the quality says it, too, if there is one."""

    def measure(at: float) -> tuple[Measured, ...]:
        from ..quality.config import part

        series = newest_prediction(part(config, "monitoring", "the configuration"), at)
        return (Measured(monitor="capture", time=at, window=(at - period, at), series=series),)

    return Job(name="capture", monitors=("capture",), period=period, measure=measure)


def newest_prediction(monitoring: dict[str, Any], at: float) -> tuple[Series, ...]:
    """When the newest prediction before a time was logged."""
    from ..quality.config import part, text_of
    from ..quality.sources import newest_time

    capture = part(monitoring, "capture", "`monitoring`")
    newest = newest_time(text_of(capture, "uri", "`monitoring.capture`"), at)
    name = "mlspec_capture_newest_timestamp_seconds"
    return (Series(name=name, labels={}, value=newest),) if newest is not None else ()


def _features(monitoring: dict[str, Any], period: float) -> Job:
    """What the job that fills the feature store leaves as a file after each of its runs."""

    def measure(at: float) -> tuple[Measured, ...]:
        result = _result_at(monitoring, at + period)
        return (result.but(time=at, window=(at - period, at)),)

    return Job(name="features", monitors=("features",), period=period, measure=measure)


def newest_features(monitoring: dict[str, Any], at: float) -> tuple[Series, ...]:
    """The newest records of the feature views. The result of the last run is also a file with a fixed name, so that no
    look lists the results of a year.
    """
    from ..measure.measured import measured_of
    from ..measure.settings import document_at

    uri = f"{monitoring['featureResults']}/{NEWEST}"
    try:
        return measured_of(document_at(uri), NEWEST).series
    except FileNotFoundError:
        return _result_at(monitoring, at).series  # a job of before that file


def _result_at(monitoring: dict[str, Any], until: float) -> Measured:
    from ..measure.measured import measured_of
    from ..measure.places import inside, place
    from ..measure.settings import document_at

    folder = str(monitoring["featureResults"])
    names = [path.rpartition("/")[2] for path, directory in inside(place(folder)) if not directory]
    times = {int(found[1]): name for name in names if (found := RESULT.fullmatch(name))}
    newest = max((time for time in times if time <= until), default=None)
    if newest is None:
        raise Unreadable(f"{folder} has no result of the job that fills the feature store")
    return measured_of(document_at(f"{folder}/{times[newest]}"), times[newest])
