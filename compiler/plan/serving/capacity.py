"""How many replicas online serving needs.

Load is a = λ · S Erlangs, with λ the arrival rate and S the mean service time. A proxy that picks a replica at random
makes N separate queues of c slots with a/N each; only least-request routing makes one queue of N·c slots. The waiting
time of M/M/m follows Erlang's C formula (A. K. Erlang, 1917; L. Kleinrock, Queueing Systems I, 1975, section 3.4): P(W
> t) = C · exp(-(m - a) · t / S).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from ....schema.units import Duration, Percent, Rate
from ...because import Because, decision
from ...finding import refusal
from ...system import Planning, ServiceTime
from ..choose import assumed, count, number, seconds

__all__ = ["Care", "care", "carrying", "erlang_c", "in_order", "patience", "replicas", "waiting"]


class Care(NamedTuple):
    """How careful the planner is; the platform file decides (`platform.planning`)."""

    utilization: Because[Percent]
    """The busiest that replicas may be on average."""
    waiting: Because[Percent]
    """The share of requests that may wait too long."""
    spare_from: Because[Percent]
    """From this availability on, one replica less must still do."""

    @property
    def busiest(self) -> float:
        """The utilization as a share."""
        return float(self.utilization.value.amount)

    def spares(self, availability: Because[Percent] | None) -> bool:
        """Whether a replica may be lost without anybody noticing."""
        return availability is not None and availability.value >= self.spare_from.value


def care(planning: Planning) -> Care:
    """What a platform file says of it."""
    return Care(planning.utilization, planning.waiting, planning.spare_from)


def measured(time: ServiceTime) -> Because[Duration]:
    """How long requests are worked on, unless that is no time at all."""
    mean = time.mean
    if mean.value.amount:
        return Because(mean.value, mean.why, (mean,), "measured", f"{time.spec_path}.mean")
    raise refusal(
        "MLS008",
        "no request takes no time",
        mean,
        note="one replica would carry any traffic, and all that is derived from its speed would be wrong",
        help="write what was measured, such as `5ms`, or leave `serviceTime` out",
    )


MOST = 100_000

TAIL = Decimal("5.3")
"""The 99.5th percentile of an exponential distribution, in means: ln 200."""


def erlang_c(slots: int, load: float) -> float:
    """The probability that a request must wait, by the stable recursion over Erlang's B; 1 when load reaches slots."""
    if load >= slots:
        return 1.0
    blocked = 1.0
    for k in range(1, slots + 1):
        blocked = load * blocked / (k + load * blocked)
    busy = load / slots
    return blocked / (1 - busy * (1 - blocked))


def waiting(slots: int, load: float, service: float, patience: float) -> float:
    """P(W > patience), in one queue of `slots` with `load` Erlangs; times in seconds."""
    if load >= slots:
        return 1.0
    return erlang_c(slots, load) * math.exp(-(slots - load) * patience / service)


def _by_utilization(load: float, slots: int, care: Care) -> int:
    return max(1, math.ceil(load / (slots * care.busiest) - 1e-9))


def _by_waiting(load: float, slots: int, service: float, patience: float, pooled: bool, care: Care) -> int | None:
    """The fewest replicas with which too long a wait is rare enough; None when no number of them helps."""
    if patience <= 0:
        return None

    def rare(n: int) -> bool:
        queue = (slots * n, load) if pooled else (slots, load / n)
        return waiting(*queue, service, patience) <= float(care.waiting.value.amount)

    low = high = _by_utilization(load, slots, care)
    while not rare(high):  # more replicas never wait longer: double, then bisect
        low, high = high, high * 2
        if high > MOST:
            return None
    return bisect_left(range(high), True, lo=low, key=rare)


def _by_load(
    rate: Because[Rate],
    service: Because[Duration],
    slots: Because[int],
    patience: Because[Duration] | None,
    balancing: Because[str],
    care: Care,
) -> tuple[int, list[str]]:
    """The fewest replicas by utilization and by waiting, and each rule's own answer in words."""
    load = float(rate.value) * float(service.value)
    needed = _by_utilization(load, slots.value, care)
    said = [
        f"{rate.value} x {service.value} keeps {number(load)} slots busy, of {slots.value} a replica",
        f"{count(needed, 'replica')} for {care.utilization.value} utilization",
    ]
    if patience is None:
        return needed, said
    pooled, on_time = balancing.value == "least-request", Percent(1 - care.waiting.value.amount)
    left = float(patience.value)
    by_wait = _by_waiting(load, slots.value, float(service.value), left, pooled, care)
    if by_wait is None:
        said.append(f"no number of them lets {on_time} of requests start within {seconds(left)}")
        return needed, said
    said.append(f"{by_wait} so that {on_time} of requests start within {seconds(left)}")
    return max(needed, by_wait), said


@decision
def carrying(
    rate: Because[Rate],
    service: Because[Duration],
    slots: Because[int],
    patience: Because[Duration] | None,
    balancing: Because[str],
    care: Care,
) -> tuple[int, str]:
    """The fewest replicas that carry a rate while none of them is lost: rules 1 and 2 of `replicas`."""
    needed, said = _by_load(rate, service, slots, patience, balancing, care)
    return needed, "; ".join(said)


@decision
def replicas(
    rate: Because[Rate],
    service: Because[Duration],
    slots: Because[int],
    patience: Because[Duration] | None,
    balancing: Because[str],
    availability: Because[Percent] | None,
    care: Care,
) -> tuple[int, str]:
    """The fewest replicas that carry a rate; every rule is printed with its own answer.

    1. No replica is busier than it may be.
    2. Few enough requests wait longer than `patience`.
    3. There are two; and from some availability on, one may be lost without breaking rule 1.
    """
    load = float(rate.value) * float(service.value)
    by_load, said = _by_load(rate, service, slots, patience, balancing, care)
    spare = care.spares(availability)
    by_loss = max(2, _by_utilization(load, slots.value, care) + 1 if spare else 2)
    said.append(f"{by_loss} so that one can be lost" if spare else "2 so that one can be replaced")
    chosen = max(by_load, by_loss)
    use = load / (chosen * slots.value)
    return chosen, f"{'; '.join(said)}: {count(chosen, 'replica')}, {use:.0%} busy"


def in_order(trough: Because[Rate] | None, mean: Because[Rate] | None, peak: Because[Rate] | None) -> None:
    """Refuse rates of which a lower one is above a higher one, as when an environment changes only some of them."""
    named = [(name, rate) for name, rate in (("trough", trough), ("mean", mean), ("peak", peak)) if rate is not None]
    for (low, below), (high, above) in pairwise(named):
        if below.value > above.value:
            raise refusal(
                "MLS008",
                f"the {low} of {below.value} is above the {high} of {above.value}",
                below,
                others=((above, f"the {high}"),),
                note="replicas follow the peak, canaries and cost the mean: one of the two would be sized for nothing",
                help=f"write `{high}: {below.value}` or more, or a lower {low}",
            )


def patience(bound: Because[Duration], measured: ServiceTime, selected: Because[Duration] | None) -> Because[Duration]:
    """How long a request may wait: what the bound on p99 leaves after the model's own slow tail, of which p99.5 is the
    best measurement; `selected` is the p99 of the candidate that was selected.
    """
    if measured.p995 is not None:
        return _left(bound, measured.p995, "its measured p99.5")
    if measured.p99 is not None:
        return _left(bound, measured.p99, "its measured p99, as no p99.5 is given")
    if selected is not None:
        return _left(bound, selected, "the selected candidate's p99, as no p99.5 is given")
    guess = Duration(TAIL * measured.mean.value.amount)
    why = f"{TAIL} x {measured.mean.value}, as of an exponential tail"
    return _left(bound, assumed(f"{measured.spec_path}.p995", guess, why, measured.mean), why)


@decision
def _left(bound: Because[Duration], tail: Because[Duration], which: str) -> tuple[Duration, str]:
    left = Duration(bound.value.amount - tail.value.amount)
    return left, f"{bound.value} less the model's own {tail.value} ({which})"
