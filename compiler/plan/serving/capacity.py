"""How many replicas online serving needs.

The load is a = λ · S Erlangs, where λ is the arrival rate and S is the mean service time. A proxy that picks a replica
at random creates N separate queues of c slots with load a/N each; only least-request routing creates one queue of N·c
slots, and a server that gives each worker its own queue creates N·c queues of one slot. The waiting time of M/M/m
follows the Erlang C formula (A. K. Erlang, 1917; L. Kleinrock, Queueing Systems I, 1975, section 3.4):
P(W > t) = C · exp(-(m - a) · t / S).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from decimal import Decimal
from typing import NamedTuple

from ....schema.units import Duration, Percent, Rate
from ...because import Because, decision
from ...finding import refusal
from ...system import Planning, ServiceTime
from ..choose import assumed, count, number, seconds

__all__ = ["Care", "care", "carrying", "erlang_c", "patience", "queue", "replicas", "waiting"]


class Care(NamedTuple):
    """The planner's safety margins, from the platform file (`platform.planning`)."""

    utilization: Because[Percent]
    """The maximum average utilization of replicas."""
    waiting: Because[Percent]
    """The share of requests that may wait too long."""
    spare_from: Because[Percent]
    """The availability from which on the service must tolerate the loss of a replica."""

    @property
    def busiest(self) -> float:
        """The utilization as a share."""
        return float(self.utilization.value.amount)

    def spares(self, availability: Because[Percent] | None) -> bool:
        """Whether the service must tolerate the loss of a replica."""
        return availability is not None and availability.value >= self.spare_from.value


def care(planning: Planning) -> Care:
    """The margins in a platform file."""
    return Care(planning.utilization, planning.waiting, planning.spare_from)


def measured(time: ServiceTime) -> Because[Duration]:
    """The measured mean service time. Refuses zero."""
    mean = time.mean
    if mean.value.amount:
        return Because(mean.value, mean.why, (mean,), "measured", f"{time.spec_path}.mean")
    raise refusal(
        "MLS008",
        "a service time of zero is impossible",
        mean,
        note="one replica would carry any traffic, and every decision based on the service time would be wrong",
        help="write the measured value, such as `5ms`, or remove `serviceTime`",
    )


MOST = 100_000

TAIL = Decimal("5.3")
"""The 99.5th percentile of an exponential distribution as a multiple of its mean: ln 200."""


def erlang_c(slots: int, load: float) -> float:
    """The probability that a request waits, by the stable Erlang B recursion; 1 if the load reaches the slots."""
    if load >= slots:
        return 1.0
    blocked = 1.0
    for k in range(1, slots + 1):
        blocked = load * blocked / (k + load * blocked)
    busy = load / slots
    return blocked / (1 - busy * (1 - blocked))


def waiting(slots: int, load: float, service: float, patience: float) -> float:
    """P(W > patience) for one queue with `slots` servers and `load` Erlangs; times in seconds."""
    if load >= slots:
        return 1.0
    return erlang_c(slots, load) * math.exp(-(slots - load) * patience / service)


def queue(how: str, slots: int, replicas: int, load: float) -> tuple[int, float]:
    """The servers of one queue, and its load in Erlangs: of all replicas, of each, or of each worker."""
    if how == "least-request":
        return slots * replicas, load
    if how == "workers":
        return 1, load / (slots * replicas)
    return slots, load / replicas


def _by_utilization(load: float, slots: int, care: Care) -> int:
    return max(1, math.ceil(load / (slots * care.busiest) - 1e-9))


def _by_waiting(load: float, slots: int, service: float, patience: float, how: str, care: Care) -> int | None:
    """The minimum replicas that make long waits rare enough; None if no number of replicas does."""
    if patience <= 0:
        return None

    def rare(n: int) -> bool:
        return waiting(*queue(how, slots, n, load), service, patience) <= float(care.waiting.value.amount)

    low = high = _by_utilization(load, slots, care)
    while high <= MOST and not rare(high):  # waits never grow with more replicas: double, then bisect
        low, high = high, high * 2
    return None if high > MOST else bisect_left(range(high), True, lo=low, key=rare)


def _by_load(
    rate: Because[Rate],
    service: Because[Duration],
    slots: Because[int],
    patience: Because[Duration] | None,
    queues: Because[str],
    care: Care,
) -> tuple[int, list[str]]:
    """The minimum replicas by utilization and by waiting time, and the result of each rule in words."""
    load = float(rate.value) * float(service.value)
    needed = _by_utilization(load, slots.value, care)
    said = [
        f"{rate.value} x {service.value} = {number(load)} busy slots, with {count(slots.value, 'slot')} per replica",
        f"{count(needed, 'replica')} for {care.utilization.value} utilization",
    ]
    if patience is None:
        return needed, said
    on_time, left = Percent(1 - care.waiting.value.amount), float(patience.value)
    by_wait = _by_waiting(load, slots.value, float(service.value), left, queues.value, care)
    if by_wait is None:
        said.append(_never(on_time, left))
        return needed, said
    said.append(f"{by_wait} for {on_time} of requests to start within {seconds(left)}")
    return max(needed, by_wait), said


def _never(on_time: Percent, left: float) -> str:
    if left <= 0:
        return "no number of replicas meets the latency bound, because the model's own tail latency uses it up"
    return f"no number of replicas lets {on_time} of requests start within {seconds(left)}"


@decision
def carrying(
    rate: Because[Rate],
    service: Because[Duration],
    slots: Because[int],
    patience: Because[Duration] | None,
    queues: Because[str],
    care: Care,
) -> tuple[int, str]:
    """The minimum replicas that sustain a rate while all of them are up: rules 1 and 2 of `replicas`."""
    needed, said = _by_load(rate, service, slots, patience, queues, care)
    return needed, "; ".join(said)


@decision
def replicas(
    rate: Because[Rate],
    service: Because[Duration],
    slots: Because[int],
    patience: Because[Duration] | None,
    queues: Because[str],
    availability: Because[Percent] | None,
    care: Care,
) -> tuple[int, str]:
    """The minimum replicas that sustain a rate. The reason shows the result of each rule:

    1. Utilization stays within its limit.
    2. Few enough requests wait longer than `patience`.
    3. There are at least two replicas, and above an availability threshold, rule 1 holds even with one replica lost.
    """
    load = float(rate.value) * float(service.value)
    by_load, said = _by_load(rate, service, slots, patience, queues, care)
    spare = care.spares(availability)
    by_loss = max(2, _by_utilization(load, slots.value, care) + 1 if spare else 2)
    said.append(f"{by_loss} so that one can be lost" if spare else "2 so that one can be replaced")
    chosen = max(by_load, by_loss)
    use = load / (chosen * slots.value)
    return chosen, f"{'; '.join(said)}: {count(chosen, 'replica')}, {use:.0%} busy"


def patience(bound: Because[Duration], measured: ServiceTime, selected: Because[Duration] | None) -> Because[Duration]:
    """How long a request may wait: the p99 bound minus the model's own tail latency. The best measure of that tail is
    p99.5; `selected` is the p99 of the selected candidate.
    """
    if measured.p995 is not None:
        return _left(bound, measured.p995, "its measured p99.5")
    if measured.p99 is not None:
        return _left(bound, measured.p99, "its measured p99; p99.5 is not set")
    if selected is not None:
        return _left(bound, selected, "the p99 of the selected candidate; p99.5 is not set")
    guess = Duration(TAIL * measured.mean.value.amount)
    why = f"{TAIL} x {measured.mean.value}, assuming an exponential tail"
    return _left(bound, assumed(f"{measured.spec_path}.p995", guess, why, measured.mean), why)


@decision
def _left(bound: Because[Duration], tail: Because[Duration], which: str) -> tuple[Duration, str]:
    left = Duration(bound.value.amount - tail.value.amount)
    return left, f"{bound.value} minus the model's own {tail.value} ({which})"
