"""The error budget spent by a version that fails every request, until it is rolled back.

A guard sees it as soon as the new version has enough requests, at the third look; without enough of them, the windows
of the objectives do. Until then, the requests of the step fail. The error budget of a period, in time, is the time that
all requests may fail: 43 min in 30 days at 99.9%.
"""

from __future__ import annotations

from decimal import Decimal

from ....schema.units import Duration, Percent, Rate, plain
from ...because import Because, decision
from ...record import Record
from ..choose import number, readable, seconds
from .guards import EACH, FEW, missed
from .judgment import Judgment, Step

__all__ = ["Spent", "spent"]


class Spent(Record):
    """What a step costs if a version fails every request from its beginning."""

    share: Because[int]
    """The share of the step, in percent."""
    after: Because[Duration]
    """How long until it is rolled back."""
    budget: Because[Percent]
    """The share of the error budget of the whole period that is gone by then; more than 100% breaks the promise."""


def spent(
    rate: Because[Rate],
    step: Step,
    part: Because[str],
    judgment: Judgment,
    scrape: Because[Duration],
    period: Because[str],
) -> Spent:
    """What a step costs in which the new version gets a `part` of all requests."""
    assert step.failing is not None
    after = _after(rate, part, step.failing.window, scrape, judgment.window, judgment.failures, judgment.limit)
    return Spent(share=step.share, after=after, budget=_budget(after, part, judgment.objective.target, period))


@decision
def _after(
    rate: Because[Rate],
    part: Because[str],
    guard: Because[str],
    scrape: Because[Duration],
    window: Because[str],
    failures: Because[int],
    limit: Because[str],
) -> tuple[Duration, str]:
    """When the first of both fails: the guard, if it has enough requests, or the objective."""
    watched, judged = (Duration.parse(each.value).amount for each in (guard, window))
    looks = missed(scrape).value
    expected = float(rate.value) * float(part.value) * float(watched)
    if expected >= 2 * FEW and float(limit.value) < 0.5:
        after = Duration(watched + EACH * looks)
        return after, (
            f"{guard.value} for {number(expected)} requests, and {looks} more looks at an interval of {EACH} s"
        )
    after = Duration(judged * (failures.value + 1))
    return after, f"{failures.value + 1} windows of {window.value}, because a guard would have too few requests"


@decision
def _budget(
    after: Because[Duration], part: Because[str], target: Because[Percent], period: Because[str]
) -> tuple[Percent, str]:
    outage = float(after.value) * float(part.value)
    allowed = float(Duration.parse(period.value)) * float(1 - target.value.amount)
    used = Percent(Decimal(str(round(outage / allowed, 3))))
    return used, (
        f"{plain(Decimal(part.value) * 100)}% of all requests fail for {readable(after.value)}, like all of them for "
        f"{seconds(outage)}; {target.value} allows {seconds(allowed)} in {period.value}"
    )
