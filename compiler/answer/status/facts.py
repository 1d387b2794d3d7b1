"""What a service measures now, and over the last day."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from ...plan.choose import number, seconds
from ...plan.data.store import StorePlan
from ...plan.service import ServicePlan
from ...plan.serving.batch import BatchPlan
from ...plan.training import TrainingPlan
from ...system import Release
from .answers import Answers
from .questions import HISTORY, QUANTILES, key
from .report import Chart, Fact
from .upcoming import upcoming

__all__ = ["charts", "of_batch", "of_champion", "of_features", "of_online", "of_search", "of_training"]

SCALES = {"s": 1.0, "ms": 1e3, "us": 1e6}
"""The units of histograms, in seconds."""


def of_online(service: ServicePlan, answers: Answers) -> Iterator[Fact]:
    """The version, the replicas, the traffic, the latency, and the objectives of an online service."""
    name = service.name.value
    yield from _version(service.release, answers)
    up = answers.value(key(name, "up"))
    least, most = service.scaling.least.value, service.max_replicas.value
    yield _fact("replicas", up, number, f"{least} to {most}")
    peak = service.requested("peak")
    rate, most_rate = answers.value(key(name, "requests")), f"up to {peak.value}" if peak is not None else ""
    yield _fact("throughput", rate, lambda it: f"{number(it)}/s", most_rate, "1/s")
    for said in (*(said for said, _ in QUANTILES), "mean"):
        yield from _latency(service, said, answers)
    for objective in service.objectives.all:
        window = service.objectives.slo.window.value
        bad, spent = (answers.value(key(name, what)) for what in (objective.name, f"{objective.name}/{window}"))
        good = None if bad is None else 1 - bad
        yield _fact(objective.name, good, _percent, f"{objective.target.value}")
        left = None if spent is None else 1 - spent / float(objective.budget.value)
        yield _fact(f"{objective.name}, error budget left", left, _left, f"over {window}")


def of_batch(batch: BatchPlan, answers: Answers) -> Iterator[Fact]:
    """The version, and the runs, of a batch service."""
    yield from _version(batch.release, answers)
    yield from _runs(batch.name.value, answers, _next(batch.part.schedule.value, batch.part.time_zone.value, answers))


def of_training(training: TrainingPlan, answers: Answers) -> Iterator[Fact]:
    """The training runs."""
    when = _next(training.schedule.value, training.time_zone.value, answers) if not training.suspended.value else ""
    yield from _runs(training.name.value, answers, when)


def of_search(training: TrainingPlan, answers: Answers) -> Iterator[Fact]:
    """The searches of hyperparameters, which have their own schedule."""
    assert training.search_schedule is not None
    when = _next(training.search_schedule.value, training.time_zone.value, answers)
    yield from _runs(training.search_name.value, answers, when)


def of_features(store: StorePlan, answers: Answers) -> Iterator[Fact]:
    """The runs that fill the feature store."""
    yield from _runs(store.name.value, answers, _next(store.schedule.value, "UTC", answers))


def of_champion(release: Release | None, answers: Answers) -> Iterator[Fact]:
    """The version of a model that another system serves, if it is known here."""
    if release is not None:
        yield from _version(release, answers)


def _fact(title: str, value: float | None, say: Callable[[float], str], target: str = "", unit: str = "") -> Fact:
    return Fact(title=title, value=say(value) if value is not None else "", target=target, number=value, unit=unit)


def _percent(share: float) -> str:
    """A share near one, with two digits of what is missing: 99.979%, not 100%."""
    missing = 100 * (1 - share)
    digits = max(0, 1 - math.floor(math.log10(missing))) if missing > 0 else 0
    return f"{round(100 - missing, digits):.12g}%"


def _left(share: float) -> str:
    """The part of an error budget that is left; a budget that is overspent says how often it is spent."""
    return f"{number(100 * share)}%" if share >= 0 else f"0%, spent {number(1 - share)} times"


def _latency(service: ServicePlan, said: str, answers: Answers) -> Iterator[Fact]:
    series = service.metrics.latency
    if series is None:
        return
    value, asked = answers.value(key(service.name.value, said)), getattr(service.bounds("latency"), said, None)
    found = None if value is None else value / SCALES[series.unit.value]
    yield _fact(f"latency {said}", found, seconds, f"at most {asked.value}" if asked is not None else "", "s")


def _version(release: Release, answers: Answers) -> Iterator[Fact]:
    yield Fact(title="model version", value=release.version.value)
    trained = release.trained_at
    if trained is not None:
        at = datetime.fromisoformat(trained.value).timestamp()
        yield Fact(title="trained", value=f"{_moment(at)}, {_ago(answers.at - at)}", number=at)


def _runs(name: str, answers: Answers, when: str) -> Iterator[Fact]:
    last = answers.value(key(name, "succeeded"))
    yield _fact("last success", last, lambda it: f"{_moment(it)}, {_ago(answers.at - it)}")
    if when:
        yield Fact(title="next run", value=when)


def _next(schedule: str, zone: str, answers: Answers) -> str:
    found = upcoming(schedule, zone, answers.at)
    return f"{found:%Y-%m-%d %H:%M} {zone}" if found is not None else ""


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _ago(length: float) -> str:
    return f"{number(length / 86400)} days ago" if length >= 2 * 86400 else f"{seconds(max(0.0, length))} ago"


def charts(service: ServicePlan, answers: Answers) -> Iterator[Chart]:
    """The traffic and the objectives over the last day."""
    name = service.name.value
    wanted: list[tuple[str, str, str, float | None]] = [("requests", "requests per second", "1/s", None)]
    wanted += [
        (one.name, f"requests that miss {one.name}", "%", float(one.budget.value) * 100)
        for one in service.objectives.all
    ]
    for what, title, unit, limit in wanted:
        points = answers.history.get(key(name, what), ())
        if points:
            begins, scale = answers.at - HISTORY, 100.0 if unit == "%" else 1.0
            made = tuple(((at - begins) / 3600, value * scale) for at, value in points)
            yield Chart(title=title, unit=unit, points=made, limit=limit)
