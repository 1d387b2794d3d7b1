"""The statistics of canaries: sample sizes, and the error probabilities of the verdicts that a controller reaches.

Two numbers that are often confused: `sample` is the classical sample size of each arm to distinguish two proportions
(J. L. Fleiss, Statistical Methods for Rates and Proportions, 2003, section 4.2; two-sided 5%, power 80%). `Verdict` is
what Argo Rollouts does: it compares each window with a limit and aborts after more than `failures` failed windows. The
probabilities of a false abort and of a missed regression are binomial.
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
from ..choose import count, number, seconds

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
    """The accepted uncertainty of a verdict on a new version, from the platform file (`platform.planning`)."""

    risk: Because[Percent]
    """The maximum probability of a false abort, and of a missed regression."""
    failures: Because[int]
    """The failed windows that the analysis tolerates."""
    windows: Because[int]
    """The fewest windows of the analysis of a step."""
    significance: Because[Percent]
    """The probability that a step detects a regression that does not exist, two-sided."""
    power: Because[Percent]
    """The probability that a step detects a regression that exists."""


def doubt(planning: Planning) -> Doubt:
    """The accepted uncertainty in a platform file."""
    failures, windows = planning.failed_windows, planning.step_windows
    least = 2 * failures.value + 2
    if windows.value < least:
        raise refusal(
            "MLS008",
            f"{count(windows.value, 'window')} at each step cannot judge a version if {failures.value} may fail",
            windows,
            failures,
            others=((failures, "the failed windows that it tolerates"),),
            note=f"{failures.value + 1} bad windows roll back, before {failures.value + 2} with too few requests hold "
            "the rollout; and at least one must be good",
            help=f"write `stepWindows: {least}` or more",
        )
    return Doubt(planning.risk, failures, windows, planning.significance, planning.power)


@cache
def normal_quantile(probability: float) -> float:
    """The quantile of the standard normal distribution, by bisection of its distribution function."""
    low, high = -40.0, 40.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        below = 0.5 * math.erfc(-middle / math.sqrt(2))
        low, high = (middle, high) if below < probability else (low, middle)
    return (low + high) / 2


def sample(p1: float, p2: float, significance: float = 0.05, power: float = 0.8) -> int:
    """The requests that each arm needs to detect a change from p1 to p2."""
    mean = (p1 + p2) / 2
    spread = normal_quantile(1 - significance / 2) * math.sqrt(2 * mean * (1 - mean))
    spread += normal_quantile(power) * math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return max(1, math.ceil((max(0.0, spread) / (p1 - p2)) ** 2))


def exceeds(n: int, p: float, most: int) -> float:
    """P(X > most) for binomial X with n trials of probability p; by normal approximation above 700 expected events."""
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
    """An analysis by windows of some minutes, each compared with a limit, and its error probabilities."""

    minutes: int
    limit: float
    """The share of bad requests above which a window fails."""
    windows: int
    failures: int
    """How many windows may fail; one more, and the version is rolled back."""
    requests: int
    """The expected requests per window."""
    false_abort: float
    missed: float
    risk: float
    """The maximum accepted probability of a false abort, and of a missed regression."""

    @property
    def sure(self) -> bool:
        """Whether both probabilities are small enough."""
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
    """The shortest windows with small enough error probabilities, else the longest windows.

    `rate` is in requests per second. `windows` is the number of windows, or a function from their length in minutes to
    their number, for an analysis that runs during the steps. `least_minutes` is the minimum for computing a rate,
    `most_minutes` is the maximum that fits, and `lengths` are the choices. The default limit is between p1 and p2, the
    same number of standard deviations from both, or in the middle if p1 is zero.
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
    count = windows if isinstance(windows, int) else windows(lengths[-1])
    return chosen or _judge(1, lengths[-1], p1, p2, count, failures, limit, risk)


def _balanced(p1: float, p2: float) -> float:
    if not p1:
        return p2 / 2
    near, far = math.sqrt(p1 * (1 - p1)), math.sqrt(p2 * (1 - p2))
    limit = (p1 * far + p2 * near) / (near + far)
    digits = 3 - math.floor(math.log10(limit)) - 1  # three significant digits, for readability
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
    """The requests that an arm needs to detect a regression."""
    n = sample(float(before.value), float(after.value), float(significance.value), float(power.value))
    return n, (
        f"{count(n, 'request')} to detect an increase from {plain(before.value * 100)}% to "
        f"{plain(after.value * 100)}% (two-sided {significance.value}, power {power.value})"
    )


@decision
def step_length(rate: Because[Rate], share: Because[Percent], arm: Because[int]) -> tuple[Duration, str]:
    """The time that a step needs to get the requests of its arm, rounded up to half minutes."""
    took = arm.value / (float(rate.value) * float(share.value))
    said = f"{arm.reason}, which takes {seconds(took)} at {share.value} of {rate.value}"
    return Duration(math.ceil(took / 30) * 30), said


@decision
def judged(
    rate: Because[Rate],
    share: Because[Percent],
    before: Because[Decimal],
    after: Because[Decimal],
    limit: Because[Decimal] | None,
    shortest: Because[Duration],
    length: Because[Duration],
    exactly: bool,
    minutes: tuple[int, ...],
    risk: Because[Percent],
    failures: Because[int],
    windows: Because[int],
) -> tuple[Verdict, str]:
    """The verdict of a step that lasts as long as `length`, or longer unless it must last `exactly` so long."""

    def during(each: int) -> int:
        many = float(length.value.amount) / (60 * each)
        return max(windows.value, int(many) if exactly else math.ceil(many))

    arriving = float(rate.value) * float(share.value)
    chosen = verdict(
        arriving,
        float(before.value),
        float(after.value),
        during,
        failures.value,
        float(limit.value) if limit is not None else None,
        float(shortest.value) / 60,
        int(length.value.amount / 60 / windows.value) if exactly else MINUTES[-1],
        float(risk.value.amount),
        minutes,
    )
    return chosen, (
        f"{number(chosen.requests)} requests per window of {chosen.minutes} min at {share.value} of traffic; with a "
        f"limit of {chosen.limit * 100:.3g}% and {chosen.failures} of {count(chosen.windows, 'window')} allowed to "
        f"fail, the probability of a false abort is {_chance(chosen.false_abort)}, and that of missing "
        f"{plain(after.value * 100)}% bad requests is {_chance(chosen.missed)}"
    )


def _chance(probability: float) -> str:
    """A probability in percent. A small one is not 0."""
    return f"{probability:.1%}" if probability >= 0.0005 else "less than 0.1%"


@decision
def volume(rate: Because[Rate] | None, trough: Because[Rate] | None, chosen: Because[Verdict]) -> tuple[str, str]:
    """The minimum requests for a window to have a verdict, so that a single failure never decides it."""
    alone = math.ceil(1 / chosen.value.limit)
    if rate is None:
        return str(max(UNKNOWN_VOLUME, alone)), "the throughput is unknown; with fewer requests, the ratio is noise"
    expected, when = float(chosen.value.requests), "expected per window"
    if trough is not None and trough.value.amount and rate.value.amount:
        expected *= float(trough.value) / float(rate.value)
        when = f"per window at the trough of {trough.value}"
    quarter, fewest = max(1, int(expected / 4)), min(alone, chosen.value.requests)
    if fewest > quarter:
        why = f"with fewer requests, a single failure would exceed {chosen.value.limit * 100:.3g}%"
        return str(fewest), why
    return str(quarter), f"a quarter of the {number(expected)} requests {when}"
