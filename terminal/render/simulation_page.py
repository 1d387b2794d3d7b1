"""Simulations as one HTML page that stands alone: tables and inline SVG, for dark and light screens of any width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...compiler.simulate import Simulation
from ...compiler.simulate.report import Promise, SimulatedRollouts, SimulatedService
from .charts import Line, Mark, chart
from .page import Html, document, joined, listed, sentence, table, tag
from .simulation import HEAD, NOTE, conditions, margin, of_rollouts, summary

__all__ = ["page"]

KINDS = {"good": "good", "bad": "bad", "too few requests": "few"}


def page(name: str, simulations: Iterable[Simulation]) -> str:
    """The page of a system."""
    body = (part for simulation in simulations for part in _simulation(simulation))
    return document(f"Simulation of {name}", body, NOTE)


def _simulation(simulation: Simulation) -> Iterator[Html]:
    yield tag("h2", simulation.environment)
    yield tag("p", summary(simulation))
    for service in simulation.services:
        yield from _service(service)
    if simulation.unsimulated:
        yield tag("h3", "Not simulated")
        yield listed(f"{one.name}: {one.why}" for one in simulation.unsimulated)


def _service(service: SimulatedService) -> Iterator[Html]:
    yield tag("h3", service.name)
    yield tag("p", sentence(conditions(service)))
    yield table(HEAD, map(_row, service.promises), f"Promises of {service.name}")
    if service.rollouts is not None:
        yield tag("p", sentence(of_rollouts(service.rollouts)))
    yield tag("div", *_charts(service), class_="charts")
    if service.unjudged:
        yield listed(f"not simulated: {said}" for said in service.unjudged)
    yield joined((tag("p", "Assumptions:"), listed(service.assumptions)))


def _row(promise: Promise) -> tuple[str, ...]:
    verdict = tag("span", promise.verdict, class_=promise.verdict)
    return promise.title, promise.promised, promise.happened, margin(promise), verdict


# Charts


def _charts(service: SimulatedService) -> Iterator[Html]:
    bins, until = service.bins, service.seconds / 60
    yield chart("Requests", "requests/s", until, [Line("requests", [(one.at / 60, one.rate) for one in bins], "one")])
    yield chart("Latency", _unit(service)[0], until, _latency(service))
    yield chart(
        "Replicas",
        "replicas",
        until,
        [
            Line("ready", [(one.at / 60, one.ready) for one in bins], "one", steps=True),
            Line("asked for", [(one.at / 60, one.asked) for one in bins], "two", steps=True),
        ],
        whole=True,
    )
    if any(one.failed for one in bins):
        failed = [(one.at / 60, 100 * one.failed) for one in bins]
        yield chart("Failed requests", "%", until, [Line("failed", failed, "one")])
    if service.rollouts is not None and service.rollouts.windows:
        yield _rollout(service.rollouts)


def _unit(service: SimulatedService) -> tuple[str, float]:
    longest = max((one.tail for one in service.bins if one.tail is not None), default=1.0)
    return ("seconds", 1.0) if max(longest, service.bound or 0.0) >= 1 else ("milliseconds", 1000.0)


def _latency(service: SimulatedService) -> list[Line]:
    _, scale = _unit(service)
    bins = service.bins
    tail = [(one.at / 60, scale * one.tail) for one in bins if one.tail is not None]
    found = [
        Line("p50", [(one.at / 60, scale * one.median) for one in bins if one.median is not None], "one"),
        Line("p99", tail, "two"),
    ]
    if service.bound is not None:
        name, bound = service.bound_name, scale * service.bound
        found.append(Line(f"bound on {name}", [(bins[0].at / 60, bound), (bins[-1].at / 60, bound)], "limit"))
    return found


def _rollout(found: SimulatedRollouts) -> Html:
    """The windows of the first rollout: the share of bad requests, and the limit."""
    marks = [Mark(at / 60, 100 * bad, KINDS[means]) for at, bad, _, means in found.windows]
    limits = [(at / 60, 100 * limit) for at, _, limit, _ in found.windows]
    line = Line("limit of a window; each dot is what one measured", limits, "limit", steps=True)
    verdict, seconds = found.ended
    return chart(f"A rollout, {verdict}", "% of requests are bad", seconds / 60, [line], marks)
