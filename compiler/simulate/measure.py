"""Measuring traces: shares with confidence intervals, percentiles, and the state over time.

Successive requests wait together, so they are not independent. The interval is that of the means of batches of
consecutive requests (A. Law, Simulation Modeling and Analysis, 2015, section 9.5.3): 20 for each run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..row import Row
from .fleet import LATE, SERVED, Trace
from .report import TimeSlice

__all__ = ["Share", "bins", "gaps", "percentile", "responses", "share", "warm"]

BATCHES = 20
STUDENT = {20: 2.093, 40: 2.023, 60: 2.001}
"""The 97.5th percentile of Student's distribution, by the number of batches; 1.98 from 80 on."""

BINS = 60


class Share(Row):
    """A share, with half of its 95% confidence interval."""

    value: float
    error: float
    many: int
    """How many events it is a share of."""


def warm(traces: Sequence[Trace], skipped: float) -> list[list[int]]:
    """The requests of each run that arrived after the time to warm up, in the order of their arrival."""
    return [
        sorted((at for at, arrived in enumerate(trace.arrived) if arrived >= skipped), key=trace.arrived.__getitem__)
        for trace in traces
    ]


def responses(traces: Sequence[Trace], rows: Sequence[Sequence[int]], column: str) -> list[list[float]]:
    """A time of the requests that got a response, even if the gateway had given up."""
    return [
        [times[at] for at in some if trace.outcome[at] in (SERVED, LATE)]
        for trace, some in zip(traces, rows, strict=True)
        for times in (getattr(trace, column),)
    ]


def share(runs: Sequence[Sequence[bool]]) -> Share:
    """The share of true values, from batches of each run."""
    means: list[float] = []
    many = true = 0
    for run in runs:
        many, true = many + len(run), true + sum(run)
        size = len(run) / BATCHES
        parts = (run[round(size * at) : round(size * (at + 1))] for at in range(BATCHES))
        means += [sum(part) / len(part) for part in parts if part]
    return _with_error(true / many if many else 0.0, means, many, none=not true)


def gaps(traces: Sequence[Trace], bound: float) -> Share:
    """The share of the gaps between tokens above a bound; each gap is as long as its step."""
    means, over, all_ = [], 0.0, 0.0
    for trace in traces:
        run = trace.gaps[len(trace.gaps) // 10 :]
        size = len(run) / BATCHES
        for at in range(BATCHES):
            part = run[round(size * at) : round(size * (at + 1))]
            total = sum(many for _, many in part)
            late = sum(many for took, many in part if took > bound)
            over, all_ = over + late, all_ + total
            means += [late / total] if total else []
    return _with_error(over / all_ if all_ else 0.0, means, int(all_), none=not over)


def _with_error(value: float, means: Sequence[float], many: int, *, none: bool) -> Share:
    if len(means) < 2:
        return Share(value, 1.0, many)
    if none:
        return Share(value, 3 / many, many)  # the rule of three: the 95% limit if nothing was seen
    spread = math.sqrt(sum((mean - value) ** 2 for mean in means) / (len(means) - 1) / len(means))
    return Share(value, STUDENT.get(len(means), 1.98 if len(means) > 60 else 2.1) * spread, many)


def percentile(times: Sequence[float], wanted: float) -> float:
    """A percentile of times in ascending order."""
    return times[min(len(times) - 1, math.ceil(wanted * len(times)) - 1)] if times else 0.0


def bins(trace: Trace) -> Iterator[TimeSlice]:
    """The run over time."""
    each = trace.seconds / BINS
    found: list[list[int]] = [[] for _ in range(BINS)]
    for at, arrived in enumerate(trace.arrived):
        found[min(BINS - 1, int(arrived / each))].append(at)
    for number, some in enumerate(found):
        times = sorted(trace.latency[at] for at in some if trace.outcome[at] in (SERVED, LATE))
        failed = sum(trace.outcome[at] != SERVED for at in some)
        begins, ends = number * each, (number + 1) * each
        yield TimeSlice(
            at=begins,
            rate=len(some) / each,
            ready=_mean(trace, begins, ends, 1),
            asked=_mean(trace, begins, ends, 2),
            median=percentile(times, 0.5) if times else None,
            tail=percentile(times, 0.99) if times else None,
            failed=failed / len(some) if some else 0.0,
        )


def _mean(trace: Trace, begins: float, ends: float, column: int) -> float:
    """The mean of a number of replicas over a part of the time."""
    total, since, value = 0.0, begins, 0.0
    for row in trace.replicas:
        when, now = row[0], float(row[column])
        if when >= ends:
            break
        if when > since:
            total += value * (when - since)
            since = when
        value = now
    return (total + value * (ends - since)) / (ends - begins)
