"""The series of the requests that a service gets, in the vocabulary of its runtime's metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from ..because import Because
from ..plan.objectives import Objective
from ..plan.service import ServicePlan
from ..promql import bound
from ..record import Record
from ..system import Counter, LatencySeries
from .labels import example
from .notation import Series, counter, gauge, labeled

__all__ = [
    "Flow",
    "Unknown",
    "ended",
    "flying",
    "histograms",
    "idle",
    "misses",
    "requests",
    "selected",
    "target",
    "waiting",
]

KINDS = ("good", "bad", "left")
"""How a request ends: it succeeds, it fails, or its caller leaves."""


class Unknown(Exception):  # noqa: N818 - not an error: what needs the series is left untested, and the report says so
    """No series is known that the matchers of a metric select."""


class Flow(Record):
    """The requests for a while."""

    minutes: int
    rate: float
    """Requests per minute."""
    failing: float = 0.0
    """The share that fails."""
    slow: float = 0.0
    """The share of the others that are slower than a bound."""
    left: float = 0.0
    """The share whose callers leave, in addition."""

    def of(self, kind: str) -> float:
        """The requests per minute that end in this way."""
        if kind == "good":
            return self.rate * (1 - self.failing)
        return self.rate * (self.failing if kind == "bad" else self.left)


def target(service: ServicePlan, name: Because[str] | None = None, pod: str = "a") -> dict[str, str]:
    """The labels that the Prometheus Operator gives the series of a pod; `name` is that of another PodMonitor."""
    namespace, monitor = service.scope.namespace.value, (name if name is not None else service.name).value
    return {"namespace": namespace, "job": f"{namespace}/{monitor}", "pod": f"{monitor}-5d9c7f-{pod * 5}"}


def selected(service: ServicePlan, series: Because[str], match: Because[str] | None, of: Mapping[str, str]) -> str:
    """A series with the labels of its target, and those that the matchers ask for."""
    labels = example([bound(match, service.model).value if match is not None else ""])
    if labels is None:
        raise Unknown(series.value)
    return labeled(series.value, {**of, **labels})


def requests(service: ServicePlan, of: Mapping[str, str], flows: Sequence[Flow], step: int = 1) -> Series:
    """The counters of requests, by how they end. A series of failures is there from the start."""
    metrics = service.metrics
    every, succeeded, failed, left = (
        tuple([_named(service, one) for one in some])
        for some in (metrics.requests, metrics.successes, metrics.errors, metrics.canceled)
    )
    return {
        name: counter([(flow.minutes, sum([flow.of(kind) for kind in kinds])) for flow in flows], step)
        for name, kinds in _counting(tuple(of.items()), every, succeeded, failed, left).items()
    }


_Named = tuple[str, str]
"""The name of a counter, and its matchers."""


def _named(service: ServicePlan, one: Counter) -> _Named:
    return one.series.value, bound(one.match, service.model).value if one.match is not None else ""


@lru_cache(maxsize=64)  # the requests of a service are in most of its scenes
def _counting(of: tuple[tuple[str, str], ...], *metrics: tuple[_Named, ...]) -> Mapping[str, Sequence[str]]:
    """Each series of a counter with the kinds of requests that it counts, sorted."""
    counted: dict[str, set[str]] = {}
    for series, kind in _counters(dict(of), *metrics):
        counted.setdefault(series, set()).add(kind)
    return {series: sorted(kinds) for series, kinds in counted.items()}


def _counters(
    of: Mapping[str, str],
    every: Sequence[_Named],
    succeeded: Sequence[_Named],
    failed: Sequence[_Named],
    left: Sequence[_Named],
) -> Iterator[tuple[str, str]]:
    """Each series with a kind of request that it counts."""
    good = _chosen(of, every[:1], without=[*failed, *left, *every[1:]])
    yield good, "good"
    for one in succeeded[:1]:
        yield _chosen(of, [one]), "good"
    both = next(((index, error) for index, one in enumerate(every) for error in failed if one[0] == error[0]), None)
    if both is not None:
        index, error = both
        others = [*every[:index], *every[index + 1 :]]
        yield _chosen(of, [every[index], error], without=[*left, *others]), "bad"
    else:
        yield good, "bad"
        for error in failed[:1]:
            yield _chosen(of, [error], without=left), "bad"
    for one in left[:1]:
        yield _chosen(of, [one], without=[*failed, *every]), "left"


def _chosen(of: Mapping[str, str], inside: Sequence[_Named], without: Iterable[_Named] = ()) -> str:
    """A series that all of `inside`, which have the same name, select, and none of the others."""
    name = inside[0][0]
    labels = example([match for _, match in inside], [match for other, match in without if other == name])
    if labels is None:
        raise Unknown(name)
    return labeled(name, {**of, **labels})


def histograms(
    service: ServicePlan,
    of: Mapping[str, str],
    flows: Sequence[Flow],
    slow: Objective | None = None,
    step: int = 1,
) -> Series:
    """The histograms of all latency objectives. Slow requests miss the bound of `slow`, and every lower one."""
    known: dict[str, LatencySeries] = {}
    for series in (*(one.series for one in service.objectives.all), service.metrics.latency):
        if series is not None:
            known.setdefault(series.series.value, series)
    made: Series = {}
    for series in known.values():
        if slow is None or slow.series is series:
            made |= _histogram(service, of, flows, slow, series, step)
    return made


def _histogram(
    service: ServicePlan,
    of: Mapping[str, str],
    flows: Sequence[Flow],
    slow: Objective | None,
    series: LatencySeries,
    step: int,
) -> Series:
    labels = example([bound(series.match, service.model).value if series.match is not None else ""])
    if labels is None:
        raise Unknown(series.series.value)
    own, name = {**of, **labels}, series.series.value
    timed = [(f.minutes, f.of("good") if series.covers.value == "successes" else f.rate) for f in flows]
    whole = counter(timed, step)
    made = {labeled(f"{name}_count", own): whole, labeled(f"{name}_bucket", {**own, "le": "+Inf"}): whole}
    for one in service.objectives.all:
        if one.series is series and one.bucket is not None:
            late = [flow.slow if misses(one, slow) else 0.0 for flow in flows]
            fast = [(minutes, rate * (1 - share)) for (minutes, rate), share in zip(timed, late, strict=True)]
            made[labeled(f"{name}_bucket", {**own, "le": one.bucket.bound.value})] = counter(fast, step)
    return made


def misses(one: Objective, slow: Objective | None) -> bool:
    """Whether requests that miss the bound of `slow` miss that of `one`, too."""
    if slow is None or slow is one:
        return True
    if slow.series is not one.series or slow.bucket is None or one.bucket is None:
        return False
    return Decimal(one.bucket.bound.value) <= Decimal(slow.bucket.bound.value)


def flying(service: ServicePlan, of: Mapping[str, str], phases: Sequence[tuple[int, float]]) -> Series:
    """The requests in flight at one replica, or the time spent on them, for phases of (minutes, requests)."""
    known = service.metrics.in_flight
    if known is None:
        return {}
    if known.gauge is not None:
        return {selected(service, known.gauge, known.match, of): gauge(phases)}
    assert known.busy is not None
    scale = {"s": 1.0, "ms": 1e3, "us": 1e6}[known.unit.value]
    grown = [(minutes, flying_ * 60 * scale) for minutes, flying_ in phases]
    return {selected(service, known.busy, known.match, of): counter(grown)}


def waiting(service: ServicePlan, of: Mapping[str, str], phases: Sequence[tuple[int, float]]) -> Series:
    """The requests that wait at one replica."""
    queue = service.metrics.queue
    if queue is None:
        return {}
    return {selected(service, queue.series, queue.match, of): gauge(phases)}


def idle(service: ServicePlan, of: Mapping[str, str], flows: Sequence[Flow]) -> Series:
    """The series of requests in flight while each ends at once."""
    known = service.metrics.in_flight
    if known is not None and known.gauge is not None and known.minus is not None:  # a counter of those that arrive
        arrived = [(flow.minutes, flow.rate) for flow in flows]
        return {**ended(service, of, flows), selected(service, known.gauge, known.match, of): counter(arrived)}
    return flying(service, of, [(sum(flow.minutes for flow in flows), 0.0)])


def ended(service: ServicePlan, of: Mapping[str, str], flows: Sequence[Flow]) -> Series:
    """The counters of requests, and that of those in flight that end, which may be another one."""
    made, known = requests(service, of, flows), service.metrics.in_flight
    if known is None or known.minus is None:
        return made
    metrics = service.metrics
    counters = (*metrics.requests, *metrics.successes, *metrics.errors, *metrics.canceled)
    if known.minus.value in {one.series.value for one in counters}:
        return made
    return {**made, selected(service, known.minus, known.match, of): counter([(f.minutes, f.rate) for f in flows])}
