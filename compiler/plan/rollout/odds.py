"""The statistics of canaries: sample sizes, and the error probabilities of the verdicts that a controller reaches.

Two numbers that are often confused: `sample` is the classical sample size of each arm to distinguish two proportions
(J. L. Fleiss, Statistical Methods for Rates and Proportions, 2003, section 4.2; two-sided 5%, power 80%). A `Verdict`
is what the controller concludes.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import lru_cache

from ....schema.units import Duration, Percent, Rate, plain
from ...because import Because, decision
from ...finding import refusal
from ...row import Row
from ...system import Planning
from ..choose import count, number, seconds, window
from ..distributions import normal_quantile
from .verdict import MINUTES, Verdict, fewest, verdict

__all__ = [
    "Doubt",
    "Question",
    "answered",
    "arm_sample",
    "arm_size",
    "chance",
    "doubt",
    "judged",
    "sample",
    "step_length",
    "volume",
    "windows_of",
]

UNKNOWN_VOLUME = 50


class Doubt(Row):
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


def sample(p1: float, p2: float, significance: float = 0.05, power: float = 0.8) -> int:
    """The requests that each arm needs to detect a change from p1 to p2."""
    mean = (p1 + p2) / 2
    spread = normal_quantile(1 - significance / 2) * math.sqrt(2 * mean * (1 - mean))
    spread += normal_quantile(power) * math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return max(1, math.ceil((max(0.0, spread) / (p1 - p2)) ** 2))


def arm_sample(
    before: Because[Decimal], after: Because[Decimal], significance: Because[Percent], power: Because[Percent]
) -> int:
    """The requests that an arm needs to detect a regression, without a reason."""
    return sample(float(before.value), float(after.value), float(significance.value), float(power.value))


@decision
def arm_size(
    before: Because[Decimal], after: Because[Decimal], significance: Because[Percent], power: Because[Percent]
) -> tuple[int, str]:
    """The requests that an arm needs to detect a regression."""
    n = arm_sample(before, after, significance, power)
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


class Question(Row):
    """What the verdict of a step depends on."""

    rate: Because[Rate]
    share: Because[Percent]
    before: Because[Decimal]
    """The share of bad requests without a regression."""
    after: Because[Decimal]
    """The share of bad requests with it."""
    limit: Because[Decimal] | None
    shortest: Because[Duration]
    """The shortest window in which a rate can be computed."""
    length: Because[Duration]
    """How long the step lasts, or longer unless it must last exactly so long."""
    exactly: bool
    minutes: tuple[int, ...]
    """The possible lengths of a window."""
    risk: Because[Percent]
    failures: Because[int]
    windows: Because[int]
    trough: Because[Rate] | None
    least: Because[int] | None
    """The minimum volume in the spec, if it sets one."""
    known: bool
    """Whether the rate is more than a guess."""


@decision
def judged(asked: Question) -> tuple[Verdict, str]:
    """The verdict of a step."""
    return answered(asked)


def answered(asked: Question) -> tuple[Verdict, str]:
    """The verdict of a step, and its reason."""
    return _judged(
        asked.rate.value,
        asked.share.value,
        asked.before.value,
        asked.after.value,
        asked.limit.value if asked.limit is not None else None,
        asked.shortest.value,
        asked.length.value,
        asked.exactly,
        asked.minutes,
        asked.risk.value,
        asked.failures.value,
        asked.windows.value,
        _quiet(asked.rate, asked.trough),
        asked.least.value if asked.least is not None else None,
        asked.known,
    )


def windows_of(minutes: int, length: Duration, fewest_: int, exactly: bool) -> int:
    """The number of windows of some minutes in a step that lasts `length`, or longer unless it must last exactly so."""
    many = float(length.amount) / (60 * minutes)
    return max(fewest_, int(many) if exactly else math.ceil(many))


@lru_cache(maxsize=4096)  # a rollout is planned with several sets of steps, which share most of their verdicts
def _judged(
    rate: Rate,
    share: Percent,
    before: Decimal,
    after: Decimal,
    limit: Decimal | None,
    shortest: Duration,
    length: Duration,
    exactly: bool,
    minutes: tuple[int, ...],
    risk: Percent,
    failures: int,
    windows: int,
    quiet: float,
    least: int | None,
    known: bool,
) -> tuple[Verdict, str]:
    def enough(requests: int, most: float) -> int:
        if least is not None:
            return least
        return fewest(requests, most, quiet) if known else max(UNKNOWN_VOLUME, fewest(requests, most))

    def during(each: int) -> int:
        return windows_of(each, length, windows, exactly)

    chosen = verdict(
        float(rate) * float(share),
        float(before),
        float(after),
        during,
        failures,
        float(limit) if limit is not None else None,
        float(shortest) / 60,
        int(length.amount / 60 / windows) if exactly else MINUTES[-1],
        float(risk.amount),
        minutes,
        enough,
    )
    return chosen, (
        f"{number(chosen.requests)} requests per window of {window(chosen.minutes)} at {share} of traffic; with a "
        f"limit of {chosen.limit * 100:.3g}% and {chosen.failures} of {count(chosen.windows, 'window')} allowed to "
        f"fail, the probability of a false abort is {chance(chosen.false_abort)}, that of missing "
        f"{plain(after * 100)}% bad requests is {chance(chosen.missed)}, and that of waiting for an engineer, "
        f"because windows have fewer than {count(chosen.least, 'request')}, is {chance(chosen.held)}"
    )


def _quiet(rate: Because[Rate], trough: Because[Rate] | None) -> float:
    """The share of the traffic at the trough; a trough of zero says nothing about how much is enough."""
    if trough is None or not trough.value.amount or not rate.value.amount:
        return 1.0
    return float(trough.value) / float(rate.value)


def chance(probability: float) -> str:
    """A probability in percent. A small one is not 0."""
    return f"{probability:.1%}" if probability >= 0.0005 else "less than 0.1%"


@decision
def volume(rate: Because[Rate] | None, trough: Because[Rate] | None, chosen: Because[Verdict]) -> tuple[str, str]:
    """The minimum requests for a window to have a verdict, so that a single failure never decides it."""
    odds = chosen.value
    if rate is None:
        return str(odds.least), "the throughput is unknown; with fewer requests, the ratio is noise"
    quiet = _quiet(rate, trough)
    if odds.least * odds.limit < 1 - 1e-9:
        return str(odds.least), f"half of the {count(odds.requests, 'request')} per window, too few for one failure"
    if odds.least > int(odds.requests * quiet / 4):
        return str(odds.least), f"with fewer requests, a single failure would exceed {odds.limit * 100:.3g}%"
    when = "expected per window" if trough is None or quiet == 1 else f"per window at the trough of {trough.value}"
    return str(odds.least), f"a quarter of the {number(odds.requests * quiet)} requests {when}"
