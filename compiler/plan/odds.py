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

from ...schema.units import Duration, Percent, Rate, plain
from ..because import Because, decision
from ..record import Record
from .choose import count, number

__all__ = [
    "FAILURES",
    "MINUTES",
    "MOST_RISK",
    "Verdict",
    "exceeds",
    "judged",
    "sample",
    "step_length",
    "verdict",
    "volume",
]

Z_ALPHA = 1.959964
Z_POWER = 0.841621

MOST_RISK = 0.05
"""The largest probability of either wrong verdict."""

FAILURES = 1
"""Windows that may fail: one bad minute is no trend, two are."""

FINAL_WINDOWS = 3
"""Windows that are judged before all traffic changes over."""

UNKNOWN_VOLUME = 50


def sample(p1: float, p2: float) -> int:
    """Requests in each arm that are needed to see p1 become p2."""
    mean = (p1 + p2) / 2
    spread = Z_ALPHA * math.sqrt(2 * mean * (1 - mean)) + Z_POWER * math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return math.ceil((spread / (p1 - p2)) ** 2)


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
    risk: float = MOST_RISK
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
    risk: float = MOST_RISK,
) -> Verdict:
    """The shortest windows with which both risks are small enough, else the longest.

    `rate` is requests a second; `windows` how many windows are judged, or how many of so many minutes each, for an
    analysis that runs beside the steps; `least_minutes` is what a rate needs to be computed at all, `most_minutes` what
    there is room for. The limit lies between p1 and p2, as many standard deviations from one as from the other; in the
    middle where p1 is nothing.
    """
    chosen = None
    for minutes in MINUTES:
        n = math.floor(rate * 60 * minutes + 1e-9)  # 0.3 x 0.05 x 1800 is 26.999... to a float
        if n == 0 or minutes < least_minutes or (chosen is not None and minutes > most_minutes):
            continue
        count = windows if isinstance(windows, int) else windows(minutes)
        judged = _judge(n, minutes, p1, p2, count, failures, _balanced(p1, p2) if limit is None else limit)
        chosen = judged.but(risk=risk)
        if chosen.sure:
            return chosen
    return chosen or _judge(
        1, MINUTES[-1], p1, p2, failures + 2, failures, _balanced(p1, p2) if limit is None else limit
    )


def _balanced(p1: float, p2: float) -> float:
    if not p1:
        return p2 / 2
    near, far = math.sqrt(p1 * (1 - p1)), math.sqrt(p2 * (1 - p2))
    limit = (p1 * far + p2 * near) / (near + far)
    digits = 3 - math.floor(math.log10(limit)) - 1  # a limit that people can read: three digits
    return round(limit, digits)


def _judge(n: int, minutes: int, p1: float, p2: float, windows: int, failures: int, limit: float) -> Verdict:
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
    )


@decision
def step_length(
    rate: Because[Rate], share: Because[Percent], before: Because[Decimal], after: Because[Decimal]
) -> tuple[Duration, str]:
    """The time in which a step sees as many requests as its arm needs."""
    n = sample(float(before.value), float(after.value))
    took = n / (float(rate.value) * float(share.value))
    rounded = Duration(math.ceil(took / 30) * 30)
    return rounded, (
        f"{count(n, 'request')} show {plain(before.value * 100)} % become {plain(after.value * 100)} % "
        f"(two-sided 5 %, power 80 %), and {share.value} of {rate.value} brings them in {took / 60:.1f} min"
    )


@decision
def judged(
    rate: Because[Rate] | None,
    share: Because[Percent],
    before: Because[Decimal],
    after: Because[Decimal],
    limit: Because[Decimal] | None,
    shortest: Because[Duration],
    delay: Because[Duration],
    steps: tuple[Because[Duration], ...],
    risk: Because[Percent],
    most_minutes: int = MINUTES[-1],
) -> tuple[Verdict, str]:
    def beside(minutes: int) -> int:
        longest = sum(step.value.amount for step in steps)
        return max(FAILURES + 1, int((longest - delay.value.amount) / (60 * minutes)))

    arriving = float(rate.value) * float(share.value) if rate is not None else 1.0
    chosen = verdict(
        arriving,
        float(before.value),
        float(after.value),
        beside if steps else FINAL_WINDOWS,
        FAILURES,
        float(limit.value) if limit is not None else None,
        float(shortest.value) / 60,
        most_minutes,
        float(risk.value.amount),
    )
    odds = f"aborts without cause {chosen.false_abort:.1%}, misses {plain(after.value * 100)} % {chosen.missed:.1%}"
    guess = "" if rate is not None else "; one request a second is assumed, as no throughput is given"
    return chosen, (
        f"at {share.value} a window of {chosen.minutes} min has {number(chosen.requests)} requests; with a limit of "
        f"{chosen.limit * 100:.3g} % and {count(chosen.failures, 'failed window')} of {chosen.windows} allowed it "
        f"{odds}{guess}"
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
