"""Requests and their answers: traffic, errors, and latencies, by version."""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because, because, decision, first, fixed
from ....compiler.plan.objectives import SCALES
from ....compiler.plan.objectives.curves import Curves
from ....compiler.plan.objectives.sli import target_labels
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.identity import Measured
from ....compiler.promql import matchers
from ....compiler.system import LatencySeries
from ....schema.units import Duration
from .panel import EACH_VERSION, WINDOW, Line, Panel, Query, number

__all__ = ["curves", "latency", "traffic"]

CHOSEN = fixed('app_kubernetes_io_version=~"$version"', "the versions that the reader chooses")

QUANTILES = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}

TITLES: dict[Measured, str] = {
    "latency": "Latency",
    "first_token": "Time to first token",
    "inter_token": "Time between tokens",
}


def curves(service: ServicePlan) -> Curves:
    """The queries of the versions that the reader chooses."""
    return Curves(service, WINDOW, matchers(target_labels(service), CHOSEN))


def traffic(service: ServicePlan) -> Iterator[Panel]:
    """How many requests there are, and how many fail."""
    known = curves(service)
    requests, failing, canceled = known.requests(), known.failing(), known.canceled()
    if requests is not None:
        yield _rate(service, requests)
    if failing is not None:
        yield _errors(service, failing)
    tokens = known.tokens()
    if tokens:
        yield _tokens(service, tokens)
    if canceled is not None:
        yield Panel(
            key="canceled",
            kind="graph",
            title="Canceled requests",
            about=fixed(
                "Requests per second whose callers gave up, by version. If many do, their timeout is too short, or the "
                "server is too slow.",
                "what it shows",
            ),
            unit="reqps",
            queries=(Query(asks=canceled, legend=EACH_VERSION),),
            why=because("canceled", "the runtime counts them", service.runtime_name),
            empty="None",
        )


def _rate(service: ServicePlan, requests: Because[str]) -> Panel:
    peak, mean = service.requested("peak"), service.requested("mean")
    planned = first(peak, mean)
    about = "Completed requests per second, by version."
    if planned is not None:
        about += (
            f" The line is the {'peak' if peak is not None else 'mean'} that the plan is for, {planned.value}: above "
            "it, latencies grow. Raise `throughput` in the spec before the traffic stays there."
        )
    return Panel(
        key="requests",
        kind="graph",
        title="Requests",
        about=because(about, "what it shows", planned),
        unit="reqps",
        queries=(Query(asks=requests, legend=EACH_VERSION),),
        why=because("requests", "the runtime counts them", service.runtime_name),
        lines=(Line(at=planned.map(lambda rate: number(float(rate))), color="orange"),) if planned is not None else (),
        empty="No traffic",
    )


def _tokens(service: ServicePlan, tokens: dict[str, Because[str]]) -> Panel:
    return Panel(
        key="tokens",
        kind="graph",
        title="Tokens per second",
        about=fixed(
            "The tokens of prompts and of answers, by version. If answers get slower although there are no more "
            "requests, longer prompts or longer answers are the cause.",
            "what it shows",
        ),
        unit="short",
        queries=tuple(Query(asks=query, legend=f"{kind} {EACH_VERSION}") for kind, query in tokens.items()),
        why=because("tokens", "the runtime counts them", service.runtime_name),
        empty="No traffic",
    )


def _errors(service: ServicePlan, failing: Because[str]) -> Panel:
    promised = service.availability
    about = "The share of requests that fail because of the server, by version."
    lines: tuple[Line, ...] = ()
    if promised is not None:
        budget = promised.map(lambda share: number(1 - share.amount))
        lines = (Line(at=budget, color="red"),)
        about += f" The line is the error budget of {promised.value}."
    about += " If only one version fails, roll it back. If all do, look at what they depend on."
    return Panel(
        key="errors",
        kind="graph",
        title="Errors",
        about=because(about, "what it shows", promised),
        unit="percentunit",
        queries=(Query(asks=failing, legend=EACH_VERSION),),
        why=because("errors", "the runtime counts them", service.runtime_name),
        lines=lines,
        empty="No traffic",
    )


def latency(service: ServicePlan) -> Iterator[Panel]:
    """The percentiles of each histogram that the runtime exports and the service uses."""
    metrics = service.metrics
    series = {"latency": metrics.latency, "first_token": metrics.first_token, "inter_token": metrics.inter_token}
    known: list[tuple[Measured, LatencySeries]] = [
        (name, found)
        for name in TITLES
        if (found := series[name]) is not None and (name == "latency" or service.generates.value)
    ]
    for name, found in known:
        yield from _percentiles(service, name, found)


def _percentiles(service: ServicePlan, name: Measured, series: LatencySeries) -> Iterator[Panel]:
    known = curves(service)
    queries = tuple(
        Query(asks=known.quantile(share, series), legend=f"{percentile} {EACH_VERSION}")
        for percentile, share in QUANTILES.items()
    )
    bounds = service.bounds(name)
    given = {each: bound for each in bounds.fields if (bound := getattr(bounds, each)) is not None}
    yield Panel(
        key=name.replace("_", "-"),
        kind="graph",
        title=TITLES[name],
        about=_bounded(**given),
        unit="µs" if series.unit.value == "us" else series.unit.value,
        queries=queries,
        why=because(name, "the runtime measures it", service.runtime_name, service.task if name != "latency" else None),
        lines=tuple(Line(at=_in_unit(bound, series.unit), color="red") for bound in given.values()),
        empty="No traffic",
    )


@decision
def _in_unit(bound: Because[Duration], unit: Because[str]) -> tuple[int | float, str]:
    return number(bound.value.amount * SCALES[unit.value]), f"the bound of {bound.value}"


@decision
def _bounded(**bounds: Because[Duration]) -> tuple[str, str]:
    about = "Percentiles by version, interpolated between two buckets of the histogram; objectives count exactly."
    if bounds:
        lines = ", ".join(f"{name} within {bound.value}" for name, bound in bounds.items())
        about += f" The lines are the bounds of the spec: {lines}."
    about += " If a new version is slower, roll it back. If all versions are, look at saturation."
    return about, "what it shows"
