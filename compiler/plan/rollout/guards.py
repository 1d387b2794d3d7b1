"""The guards of a step: how often they look, and how long they watch for a version that never answers.

A version that answers nothing is not counted by its server, so no ratio sees it. The requests that the other versions
answered tell how many it should have got: if each request goes to the new version with probability p, then none of n
does with (1 - p)^n, which is at most e^-pn. At EXPECTED, that is 3e-7.
"""

from __future__ import annotations

import math

from ....schema.units import Duration, Percent, Rate, plain
from ...because import Because, decision, fixed
from ...record import Record
from ..choose import number
from .verdict import MINUTES

__all__ = [
    "EACH",
    "EXPECTED",
    "FEW",
    "HALF",
    "Answers",
    "Failing",
    "answers",
    "failing",
    "missed",
    "part_of",
    "unreachable",
]

EACH = 20
"""The seconds between two looks of a guard."""

HALF = fixed("0.5", "no version of a service that mostly works may fail more")

TOLERATED = 0.05
"""The share of the looks at which a version that works may be unreachable: scrapes of busy pods fail."""

EXPECTED = 15
"""The requests that a version would have got, if it has answered none: e^-15 is 3e-7."""


FEW = 10
"""With fewer requests, most of them may fail by chance."""


class Answers(Record):
    """How a step notices that the new version answers no request at all."""

    share: Because[str]
    """The probability that a request goes to the new version, as a PromQL number."""
    window: Because[str]
    delay: Because[Duration]
    """When it first looks: the requests of the whole window must have had the time to be answered."""

    def in_time(self, window: Because[str], held: Because[int], scrape: Because[Duration]) -> bool:
        """Whether it fails before a lack of requests in the windows of the objectives holds the rollout."""
        fails = self.delay.value.amount + EACH * missed(scrape).value
        return fails < Duration.parse(window.value).amount * (held.value + 1)


class Failing(Record):
    """How a step notices that the new version fails most requests."""

    window: Because[str]
    delay: Because[Duration]
    """When it first looks: the whole window is of this step."""


def failing(
    rate: Because[Rate] | None, part: Because[str], shortest: Because[Duration], longest: Because[str]
) -> Failing:
    """The guard at a step in which the new version gets a `part` of all requests."""
    window = _failing(rate, part, shortest, longest)
    return Failing(window=window, delay=window.map(Duration.parse))


@decision
def _failing(
    rate: Because[Rate] | None, part: Because[str], shortest: Because[Duration], longest: Because[str]
) -> tuple[str, str]:
    """The shortest window in which the new version gets twice the requests that are needed."""
    least, most = (int(each.amount / 60) for each in (shortest.value, Duration.parse(longest.value)))
    if rate is None:
        return f"{least}m", "the throughput is unknown"
    for minutes in sorted({most, *(each for each in MINUTES if least <= each < most)}):
        expected = float(rate.value) * float(part.value) * 60 * minutes
        if expected >= 2 * FEW:
            return f"{minutes}m", f"the new version gets {number(expected)} requests in this time"
    return longest.value, "as long as the window of the objectives, because shorter ones have too few requests"


@decision
def missed(scrape: Because[Duration]) -> tuple[int, str]:
    """The bad looks in a row that a single failed scrape explains."""
    missed_ = max(2, math.ceil(scrape.value.amount / EACH))
    return missed_, f"a scrape may fail, and the next one is {scrape.value} later"


@decision
def unreachable(scrape: Because[Duration], lasts: Because[Duration], window: Because[str]) -> tuple[int, str]:
    """The looks in a step at which no pod may be up; one more, and the version is rolled back.

    The controller counts them over the whole step, not in a row. So in a long step, it is a share of the looks, but at
    most one window, so that the version is rolled back before a lack of requests holds it.
    """
    one = missed(scrape)
    looks = float(lasts.value) / EACH
    most = int(min(looks * TOLERATED, float(Duration.parse(window.value)) / EACH))
    if most <= one.value:
        return one.value, one.reason
    return most, f"{TOLERATED:.0%} of the looks: in {lasts.value}, several scrapes may fail"


def answers(
    rate: Because[Rate] | None,
    share: Because[int],
    through: Because[Percent],
    shortest: Because[Duration],
    longest: Because[str],
    timeout: Because[Duration],
) -> Answers:
    """The guard at a step; `longest` is the window of its objectives, so that it fails before they can hold."""
    part = part_of(share, through)
    window = _window(rate, part, shortest, longest)
    return Answers(share=part, window=window, delay=_delay(window, timeout))


@decision
def part_of(share: Because[int], through: Because[Percent]) -> tuple[str, str]:
    """The share of all requests that the new version gets: its weight, of those that pass the gateway."""
    part = share.value * through.value.amount / 100
    return plain(part), f"the new version gets {plain(part * 100)}% of all requests"


@decision
def _window(
    rate: Because[Rate] | None, share: Because[str], shortest: Because[Duration], longest: Because[str]
) -> tuple[str, str]:
    """The shortest window in which the other versions answer twice as many requests as are needed."""
    least, most = (int(each.amount / 60) for each in (shortest.value, Duration.parse(longest.value)))
    if rate is None:
        return longest.value, "the throughput is unknown, so it is as long as that of the objectives"
    new = float(share.value)
    for minutes in (each for each in MINUTES if least <= each < most):
        expected = float(rate.value) * (1 - new) * 60 * minutes * new
        if expected >= 2 * EXPECTED:
            return f"{minutes}m", f"the new version would get {number(expected)} requests in this time"
    return longest.value, "as long as the window of the objectives, because shorter ones have too few requests"


@decision
def _delay(window: Because[str], timeout: Because[Duration]) -> tuple[Duration, str]:
    delay = Duration(Duration.parse(window.value).amount + math.ceil(timeout.value.amount))
    return delay, f"{window.value}, and {timeout.value} that a request may take"
