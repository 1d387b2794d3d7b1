"""How sure a canary can be: sample sizes, and the odds of the verdicts that a controller really reaches.

Two numbers that are often confused. `sample` is the classical size of each arm to tell two proportions apart (J. L.
Fleiss, Statistical Methods for Rates and Proportions, 2003, section 4.2; two-sided 5 %, power 80 %). `Verdict` is what
Argo Rollouts does: it judges each window by a limit and gives up after more than `failures` of them; the odds of
giving up without cause and of missing the harm are binomial.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from ....schema.units import Duration, Percent, Rate, plain
from ...because import Because, decision
from ...finding import refusal
from ...record import Record
from ...system import Planning
from ..choose import count, number

__all__ = [
    "MINUTES",
    "Doubt",
    "Verdict",
    "arm_size",
    "doubt",
    "exceeds",
    "judged",
    "normal_quantile",
    "sample",
    "step_length",
    "verdict",
    "volume",
]

UNKNOWN_VOLUME = 50


class Doubt(NamedTuple):
    """How much of it a verdict on a new version may leave; the platform file decides (`platform.planning`)."""

    risk: Because[Percent]
    """The largest probability of either wrong verdict by windows."""
    failures: Because[int]
    """Windows that may fail."""
    last: Because[int]
    """Windows that are judged before all traffic changes over."""
    significance: Because[Percent]
    """The chance that a step shows a harm that is none, two-sided."""
    power: Because[Percent]
    """The chance that it shows one that is."""


def doubt(planning: Planning) -> Doubt:
    """What a platform file says of it."""
    failures, last = planning.failed_windows, planning.last_windows
    if last.value <= failures.value:
        raise refusal(
            "MLS008",
            f"of {count(last.value, 'window')} {failures.value} may fail, so no version is ever taken back",
            last,
            failures,
            others=((failures, "so many may fail"),),
            note="an analysis ends as a success when fewer windows failed than would have to",
            help=f"write `lastWindows: {failures.value + 2}` or more",
        )
    return Doubt(planning.risk, failures, last, planning.significance, planning.power)


@cache
def normal_quantile(probability: float) -> float:
    """The value that a standard normal variable stays below with a probability, by bisection of its distribution."""
    low, high = -40.0, 40.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        below = 0.5 * math.erfc(-middle / math.sqrt(2))
        low, high = (middle, high) if below < probability else (low, middle)
    return (low + high) / 2


def sample(p1: float, p2: float, significance: float = 0.05, power: float = 0.8) -> int:
    """Requests in each arm that are needed to see p1 become p2."""
    mean = (p1 + p2) / 2
    spread = normal_quantile(1 - significance / 2) * math.sqrt(2 * mean * (1 - mean))
    spread += normal_quantile(power) * math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return max(1, math.ceil((max(0.0, spread) / (p1 - p2)) ** 2))


def exceeds(n: int, p: float, most: int) -> float:
    """P(X > most) for X binomial in n trials of probability p; by the normal distribution from 700 expected events."""
    if most >= n or p <= 0:
        return 0.0
    if most < 0 or p >= 1:
        return 1.0
    if n * p > 700:
        return 0.5 * math.erfc((most + 0.5 - n * p) / math.sqrt(2 * n * p * (1 - p)))
    term = math.exp(n * math.log1p(-p))
    below = term
    for k in range(most):
        term *= (n - k) / (k + 1) * p / (1 - p)
        below += term
        if k > n * p and term < 1e-15:
            break
    return max(0.0, 1.0 - below)


class Verdict(Record):
    """One way to judge: by windows of some minutes, each against a limit."""

    minutes: int
    limit: float
    """The share of bad requests above which a window has failed."""
    windows: int
    failures: int
    """How many windows may fail; one more and the rollout is taken back."""
    requests: int
    """How many requests a window is expected to have."""
    false_abort: float
    missed: float
    risk: float
    """The largest chance of either wrong verdict that is borne."""

    @property
    def sure(self) -> bool:
        """Whether both risks are small enough."""
        return self.false_abort < self.risk and self.missed < self.risk


MINUTES = (1, 2, 5, 10, 15, 30, 60)


def verdict(
    rate: float,
    p1: float,
    p2: float,
    windows: int | Callable[[int], int],
    failures: int,
    limit: float | None = None,
    least_minutes: float = 0,
    most_minutes: int = MINUTES[-1],
    risk: float = 0.05,
    lengths: tuple[int, ...] = MINUTES,
) -> Verdict:
    """The shortest windows with which both risks are small enough, else the longest.

    `rate` is requests a second; `windows` how many windows are judged, or how many of so many minutes each, for an
    analysis that runs beside the steps; `least_minutes` is what a rate needs to be computed at all, `most_minutes` what
    there is room for; `lengths` are those that may be chosen. The limit lies between p1 and p2, as many standard
    deviations from one as from the other; in the middle where p1 is nothing.
    """
    chosen = None
    limit = _balanced(p1, p2) if limit is None else limit
    for minutes in lengths:
        n = math.floor(rate * 60 * minutes + 1e-9)  # 0.3 x 0.05 x 1800 is 26.999... to a float
        if n == 0 or minutes < least_minutes or (chosen is not None and minutes > most_minutes):
            continue
        count = windows if isinstance(windows, int) else windows(minutes)
        chosen = _judge(n, minutes, p1, p2, count, failures, limit, risk)
        if chosen.sure:
            return chosen
    return chosen or _judge(1, lengths[-1], p1, p2, failures + 2, failures, limit, risk)


def _balanced(p1: float, p2: float) -> float:
    if not p1:
        return p2 / 2
    near, far = math.sqrt(p1 * (1 - p1)), math.sqrt(p2 * (1 - p2))
    limit = (p1 * far + p2 * near) / (near + far)
    digits = 3 - math.floor(math.log10(limit)) - 1  # a limit that people can read: three digits
    return round(limit, digits)


def _judge(
    n: int, minutes: int, p1: float, p2: float, windows: int, failures: int, limit: float, risk: float
) -> Verdict:
    most = math.floor(limit * n + 1e-9)
    false_abort = exceeds(windows, exceeds(n, p1, most), failures)
    missed = 1 - exceeds(windows, exceeds(n, p2, most), failures)
    return Verdict(
        minutes=minutes,
        limit=limit,
        windows=windows,
        failures=failures,
        requests=n,
        false_abort=false_abort,
        missed=missed,
        risk=risk,
    )


@decision
def arm_size(
    before: Because[Decimal], after: Because[Decimal], significance: Because[Percent], power: Because[Percent]
) -> tuple[int, str]:
    """The requests in which an arm shows a harm."""
    n = sample(float(before.value), float(after.value), float(significance.value), float(power.value))
    return n, (
        f"{count(n, 'request')} show {plain(before.value * 100)} % become {plain(after.value * 100)} % (two-sided "
        f"{significance.value}, power {power.value})"
    )


@decision
def step_length(rate: Because[Rate], share: Because[Percent], arm: Because[int]) -> tuple[Duration, str]:
    """The time in which a step sees as many requests as its arm needs, rounded up to half minutes."""
    took = arm.value / (float(rate.value) * float(share.value))
    said = f"{arm.reason}, and {share.value} of {rate.value} brings them in {took / 60:.1f} min"
    return Duration(math.ceil(took / 30) * 30), said


@decision
def judged(
    rate: Because[Rate],
    share: Because[Percent],
    before: Because[Decimal],
    after: Because[Decimal],
    limit: Because[Decimal] | None,
    shortest: Because[Duration],
    delay: Because[Duration],
    steps: tuple[Because[Duration], ...],
    given: Because[Duration] | None,
    risk: Because[Percent],
    failures: Because[int],
    last: Because[int],
    most_minutes: int = MINUTES[-1],
) -> tuple[Verdict, str]:
    def beside(minutes: int) -> int:
        longest = sum(step.value.amount for step in steps)
        return max(failures.value + 1, int((longest - delay.value.amount) / (60 * minutes)))

    arriving = float(rate.value) * float(share.value)
    chosen = verdict(
        arriving,
        float(before.value),
        float(after.value),
        beside if steps else last.value,
        failures.value,
        float(limit.value) if limit is not None else None,
        float(shortest.value) / 60,
        most_minutes,
        float(risk.value.amount),
        MINUTES if given is None else (int(given.value.amount / 60),),
    )
    odds = f"aborts without cause {chosen.false_abort:.1%}, misses {plain(after.value * 100)} % {chosen.missed:.1%}"
    return chosen, (
        f"at {share.value} a window of {chosen.minutes} min has {number(chosen.requests)} requests; with a limit of "
        f"{chosen.limit * 100:.3g} % and {count(chosen.failures, 'failed window')} of {chosen.windows} allowed it "
        f"{odds}"
    )


@decision
def volume(rate: Because[Rate] | None, trough: Because[Rate] | None, chosen: Because[Verdict]) -> tuple[str, str]:
    """Below how many requests a window has no verdict: one failure alone must never be one."""
    alone = math.ceil(1 / chosen.value.limit)
    if rate is None:
        return str(max(UNKNOWN_VOLUME, alone)), "no throughput is given; a ratio of fewer requests says nothing"
    expected, when = float(chosen.value.requests), "a window is expected to have"
    if trough is not None and trough.value.amount and rate.value.amount:
        expected *= float(trough.value) / float(rate.value)
        when = f"a window has at the trough of {trough.value}"
    quarter, fewest = max(1, int(expected / 4)), min(alone, chosen.value.requests)
    if fewest > quarter:
        why = f"of fewer requests a single failure is more than {chosen.value.limit * 100:.3g} %"
        return str(fewest), why
    return str(quarter), f"a quarter of the {number(expected)} requests that {when}"
