"""The odds of a whole rollout: that it rolls back a good version, waits with one, or promotes a bad one.

A verdict's own odds are those of one objective at one step, with exactly the requests that a window is expected to get.
A rollout has several steps and objectives, and its requests arrive at random. Both bad and good requests are Poisson,
so a window of `mean` requests, with a share p of bad ones, fails with

    sum over b of P(bad = b) P(good < b (1 - limit) / limit, and bad + good is enough)

It lacks requests with P(bad + good is too few), and is good otherwise. A step ends with the first verdict, so its odds
are a walk over its windows. The first step that ends the rollout decides it.

All objectives of a step count nearly the same requests, so they lack them together. What else ends a step is taken as
independent, as are the steps. That overstates a false abort a little, because errors are often slow as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import accumulate

from ....schema.units import Rate, plain
from ...because import Because, decision
from ...record import Record
from ...row import Row
from ..distributions import MANY, falls_below, normal_below
from .judgment import Judgment, Step
from .odds import chance

__all__ = ["Ends", "Odds", "missed_by", "odds", "run_of", "walk", "window"]


class Window(Row):
    """The probabilities that a window fails, and that it has no verdict."""

    fails: float
    lacks: float


class Ends(Row):
    """The probabilities that a step, or a rollout, is rolled back, and that it waits for an engineer."""

    aborts: float
    holds: float

    @property
    def passes(self) -> float:
        """The probability of neither."""
        return max(0.0, 1 - self.aborts - self.holds)


class Odds(Record):
    """The odds of a rollout at a rate, for a version that is exactly as good as promised, and for bad ones."""

    false_abort: Because[str]
    held: Because[str]
    missed: dict[str, Because[str]]
    """The probability of promoting a version with the regression that the last step detects, for each objective."""


def odds(steps: tuple[Step, ...], rate: Because[Rate]) -> Odds | None:
    """The odds of a rollout; None if nothing is judged, or if no requests arrive."""
    if not rate.value.amount or not all(step.judgments for step in steps):
        return None
    judged = tuple(judgment for step in steps for judgment in step.judgments)
    causes = [(j.verdict, j.usual, j.harm, j.volume, j.limit, j.versus.sure if j.versus else None) for j in judged]
    ends = tuple(good(step, float(rate.value)) for step in steps)
    whole = run_of(steps, float(rate.value))
    shares = tuple(step.share for step in steps)
    return Odds(
        false_abort=_each(whole.aborts, rate, shares, tuple(each.aborts for each in ends)).also(causes),
        held=_each(whole.holds, rate, shares, tuple(each.holds for each in ends)).also(causes),
        missed={
            judgment.objective.name: _promoted(steps, rate, shares, judgment).also(causes)
            for judgment in steps[-1].judgments
        },
    )


def _promoted(
    steps: tuple[Step, ...], rate: Because[Rate], shares: tuple[Because[int], ...], last: Judgment
) -> Because[str]:
    name, share, arriving = last.objective.name, float(last.harm.value), float(rate.value)
    ends = tuple(missed_by((step,), arriving, name, share) for step in steps)
    return _missed(math.prod(ends), rate, last.harm, shares, ends)


def run_of(steps: Iterable[Step], rate: float) -> Ends:
    """How a rollout ends at a rate, in requests per second, for a version that is exactly as good as promised."""
    return _in_turn(tuple(good(step, rate) for step in steps))


def good(step: Step, rate: float) -> Ends:
    """How a step ends for a version that is exactly as good as promised."""
    stays, holds = 1.0, 0.0
    for judgment in step.judgments:
        ends = _of(judgment, rate, step, float(judgment.usual.value))
        holds = max(holds, ends.holds)
        stays *= 1 - ends.aborts
        if judgment.versus is not None and judgment.versus.sure.value:
            stays *= 1 - judgment.versus.false_abort
    return Ends(1 - stays, min(holds, stays))


def missed_by(steps: Iterable[Step], rate: float, name: str, share: float) -> float:
    """The probability that one objective lets a version pass all steps that has such a share of bad requests.

    The other objectives and the comparison with the live version only make it less.
    """
    of = ((step, judgment) for step in steps for judgment in step.judgments if judgment.objective.name == name)
    return math.prod(_of(judgment, rate, step, share).passes for step, judgment in of)


def _of(judgment: Judgment, rate: float, step: Step, bad: float) -> Ends:
    verdict = judgment.verdict.value
    mean = rate * step.share.value / 100 * 60 * verdict.minutes
    each = window(mean, bad, float(judgment.limit.value), int(judgment.volume.value))
    return walk(each, verdict.windows, judgment.failures.value, judgment.held.value)


def _in_turn(steps: Iterable[Ends]) -> Ends:
    aborts, holds, stays = 0.0, 0.0, 1.0
    for step in steps:
        aborts, holds, stays = aborts + stays * step.aborts, holds + stays * step.holds, stays * step.passes
    return Ends(aborts, holds)


def walk(each: Window, windows: int, failures: int, held: int) -> Ends:
    """How the windows of a step end: with too many failed ones, with too many without a verdict, or well."""
    states, aborts, holds = {(0, 0): 1.0}, 0.0, 0.0
    for _ in range(windows):
        after: dict[tuple[int, int], float] = {}
        for (failed, lacked), chance_ in states.items():
            for to, odds_ in (
                ((failed + 1, lacked), each.fails),
                ((failed, lacked + 1), each.lacks),
                ((failed, lacked), max(0.0, 1 - each.fails - each.lacks)),
            ):
                if to[0] > failures:
                    aborts += chance_ * odds_
                elif to[1] > held:
                    holds += chance_ * odds_
                else:
                    after[to] = after.get(to, 0.0) + chance_ * odds_
        states = after
    return Ends(aborts, holds)


def window(mean: float, bad: float, limit: float, least: int) -> Window:
    """The odds of one window in which `mean` requests are expected, with a share of `bad` ones."""
    lacks = falls_below(mean, least)
    if limit >= 1:
        return Window(0.0, lacks)  # no share of bad requests is above it
    if mean * bad > MANY:
        spread = math.sqrt(mean * (bad * (1 - limit) ** 2 + (1 - bad) * limit**2))
        return Window(min(1 - lacks, normal_below(mean * (bad - limit) / spread)), lacks)
    up_to = _up_to(mean * (1 - bad))
    fails, failed = 0.0, mean * bad
    term = math.exp(-failed)
    for count in range(math.ceil(failed + 10 * math.sqrt(failed) + 20)):
        most = math.ceil(count * (1 - limit) / limit - 1e-9) - 1
        fails += term * max(0.0, up_to(most) - up_to(least - count - 1))
        term *= failed / (count + 1)
    return Window(min(1 - lacks, fails), lacks)


def _up_to(mean: float) -> Callable[[int], float]:
    """P(X <= k) for a Poisson X, as a function of k that is asked for many values."""
    if mean > MANY:
        return lambda k: falls_below(mean, k + 1) if k >= 0 else 0.0
    terms = accumulate(
        range(1, math.ceil(mean + 10 * math.sqrt(mean) + 20)), lambda t, k: t * mean / k, initial=math.exp(-mean)
    )
    below = list(accumulate(terms))
    return lambda k: below[min(k, len(below) - 1)] if k >= 0 else 0.0


@decision
def _each(
    whole: float, rate: Because[Rate], shares: tuple[Because[int], ...], ends: tuple[float, ...]
) -> tuple[str, str]:
    at = (f"{chance(odds_)} at {share.value}%" for share, odds_ in zip(shares, ends, strict=True))
    return chance(whole), f"at {rate.value}, a version that is exactly as good as promised: {', '.join(at)}"


@decision
def _missed(
    whole: float,
    rate: Because[Rate],
    harm: Because[Decimal],
    shares: tuple[Because[int], ...],
    ends: tuple[float, ...],
) -> tuple[str, str]:
    at = (f"{chance(odds_)} at {share.value}%" for share, odds_ in zip(shares, ends, strict=True))
    bad = f"{plain(harm.value * 100)}% bad requests"
    return chance(whole), f"at {rate.value}, the probability that a version with {bad} passes a step is {', '.join(at)}"
