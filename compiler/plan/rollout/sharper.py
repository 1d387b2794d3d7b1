"""How small a regression the windows of a step show.

A step must find the regression that fires a page. With more traffic, the same windows show less: twice the error
budget, or what opens a ticket. A version with such a regression would otherwise go live, and fire the alert later.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

from ....schema.units import plain
from ...because import Because, decision
from ...row import Row
from ..choose import count
from .verdict import Verdict

__all__ = ["Found", "affords", "harm_of", "shown_by"]


class Found(Row):
    """The regression that a verdict shows, and the verdict on the regression of a page if that one is smaller."""

    harm: Because[Decimal]
    verdict: Because[Verdict]
    usual: Because[Verdict] | None = None


def affords(sharp: Verdict, usual: Verdict, size: int, part: float, quiet: tuple[float, ...]) -> bool:
    """Whether the same windows show a smaller regression at no other cost.

    `size` is the sample that the regression requires, `part` the probability of a false abort that the judgment may
    add, and `quiet` are lower rates, in requests per second, at which it must not wait for an engineer
    where the limit of a page does not.
    """
    if not sharp.sure or sharp.windows != usual.windows or sharp.windows * sharp.requests < size:
        return False
    if sharp.false_abort >= part:
        return False
    return all(sharp.held_at(rate) <= max(usual.risk, usual.held_at(rate)) for rate in quiet)


@decision
def shown_by(harm: Because[Decimal], verdict: Because[Verdict]) -> tuple[Decimal, str]:
    """The share of bad requests that a step detects."""
    judged = verdict.value
    said = f"{plain(harm.value * 100)}% is {harm.reason}" if harm.reason else f"{plain(harm.value * 100)}%"
    return harm.value, f"{said}; {count(judged.windows, 'window')} of {count(judged.requests, 'request')} each judge it"


def harm_of(harms: Iterable[Because[Decimal]]) -> float:
    """Several regressions as one: the product, so that half as much of either counts the same."""
    return math.prod(float(each.value) for each in harms)
