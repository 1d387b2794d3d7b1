"""The rate that a replica sustains: the highest one at which it is not too busy and every bounded percentile holds.

A replica is too busy above the maximum utilization of its time, or of its queue of prompts, which are read in order.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration, Percent
from ...because import Because, decision
from ...row import Row
from ..choose import number, seconds
from ..distributions import normal_quantile
from ..serving.promises import LATE
from .queueing import LONG, MARGIN, Load, Request, alone, loaded, margin
from .work import Work

__all__ = ["Chunk", "Sustained", "Targets", "best", "percentile", "raised", "sustained"]

Bounds = tuple[tuple[str, Because[Duration]], ...]

QUANTILES = {name: float(1 - late) for name, late in LATE.items()}
DEVIATIONS = {name: normal_quantile(quantile) for name, quantile in QUANTILES.items()}

HALVINGS = 24
"""The steps of the search for the rate, to 1/16,000,000 of the first guess."""

LEAST = 1e-6
"""The lowest rate that counts, as a share of the rate at full utilization."""


class Targets(Row):
    """The latency bounds of a service by kind, each with its percentile, the lowest first."""

    answer: Bounds
    first_token: Bounds
    inter_token: Bounds
    utilization: Because[Percent]
    """The maximum share of time in which a replica reads prompts."""


class Chunk(Row):
    """A number of prompt tokens per step, and a typical request read that way."""

    tokens: int
    request: Request


class Sustained(Row):
    """What a replica sustains."""

    rate: float
    """Requests per second."""
    in_flight: float
    """The mean number of requests in flight at that rate; 0 if it is overloaded."""


class Expected(Row):
    """One percentile at some load, in seconds, and its bound."""

    what: str
    took: float
    bound: Because[Duration]


def raised(took: float, single: float, factor: float = MARGIN) -> float:
    """A percentile with a margin on the part that is due to other requests."""
    return single + factor * max(0.0, took - single)


def percentile(load: Load, kind: str, name: str) -> float:
    """A percentile of the whole response (`latency`) or of the time to the first token, in seconds."""
    single, z = alone(load.work, load.request), DEVIATIONS[name]
    if kind == "latency":
        return raised(load.answer(z), single.answer(), margin(single))
    return raised(load.first_token(z), single.first_token())


def _expected(load: Load, targets: Targets) -> Iterator[Expected]:
    """Every bounded percentile at a load."""
    for name, bound in targets.answer:
        yield Expected(f"{name} of the response", percentile(load, "latency", name), bound)
    for name, bound in targets.first_token:
        yield Expected(f"{name} to the first token", percentile(load, "first_token", name), bound)
    for name, bound in targets.inter_token:
        yield Expected(f"{name} between tokens", load.between(QUANTILES[name], DEVIATIONS[name]), bound)


def _holds(work: Work, request: Request, targets: Targets, rate: float, sequences: int) -> bool:
    load = loaded(work, request, rate, sequences)
    if load is None or load.queued() > float(targets.utilization.value):
        return False
    queued = (targets.answer + targets.first_token) if request.output else ()
    if any(load.running(DEVIATIONS[name]) > max(1.0, sequences) for name, _ in queued):
        return False  # too many requests would wait for a slot of the server
    return all(found.took <= float(found.bound.value) for found in _expected(load, targets))


def _rate(work: Work, request: Request, targets: Targets, sequences: int, most: float) -> float:
    """The highest rate up to `most` at which every bound holds; `most` if even a single request misses one, which is an
    error of its own (MLS422).
    """
    if not _holds(work, request, targets, LEAST * most, sequences) or _holds(work, request, targets, most, sequences):
        return most
    low, high = 0.0, most
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _holds(work, request, targets, middle, sequences) else (low, middle)
    return max(low, LEAST * most)


@decision
def best(
    work: Work, chunks: tuple[Chunk, ...], targets: Targets, sequences: Because[int], utilized: Because[float]
) -> tuple[int, str]:
    """The chunk with which a replica sustains the highest rate; of several, the largest."""
    rates = [(_rate(work, chunk.request, targets, sequences.value, utilized.value), chunk) for chunk in chunks]
    rate, chosen = max(rates, key=lambda pair: (round(pair[0], 6), pair[1].tokens))
    others = ", ".join(f"{number(rate)} with {chunk.tokens:,}" for rate, chunk in rates if chunk is not chosen)
    instead = f", {others}" if others else ""
    return chosen.tokens, (
        f"for the bounds on tokens, a replica sustains {number(rate)} requests/s with {chosen.tokens:,} prompt tokens "
        f"per step{instead}"
    )


@decision
def sustained(
    work: Work,
    request: Request,
    targets: Targets,
    sequences: Because[int],
    utilized: Because[float],
    busy: Because[float],
    chunk: Because[int] | None,
) -> tuple[Sustained, str]:
    """The rate at which the first limit is reached, and which one it is."""
    rate = _rate(work, request, targets, sequences.value, utilized.value)
    load = loaded(work, request, rate, sequences.value)
    said = [f"{busy.reason}; {utilized.reason}"]
    if load is not None:
        expected = _expected(load, targets)
        said += [f"{each.what} is {seconds(each.took)} (at most {each.bound.value})" for each in expected]
        said.append(f"{number(load.in_flight)} in flight, with {number(100 * load.read)}% of the time for prompts")
        if targets.answer and request.output and request.reading > LONG * load.answer():
            said.append("long prompts make these percentiles rougher")
    if chunk is not None and targets.inter_token:
        said.append(chunk.reason)
    return Sustained(rate, load.in_flight if load is not None else 0.0), "; ".join(said)
