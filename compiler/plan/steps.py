"""The steps of a rollout: which shares can be set, and how long a step must last so that it can fail."""

from __future__ import annotations

import math
from itertools import pairwise

from ...schema.units import Duration, Percent
from ..because import Because, decision
from ..finding import refusal
from .choose import count
from .odds import FAILURES

__all__ = ["ascending", "at_least", "long_enough", "weight"]


def ascending(shares: tuple[Because[Percent], ...]) -> tuple[Because[Percent], ...]:
    """The shares, unless one does not follow the one before."""
    for before, after in pairwise(shares):
        if after.value <= before.value:
            raise refusal(
                "MLS008",
                f"a step of {after.value} does not follow one of {before.value}",
                after,
                others=((before, "the step before"),),
                note="the last step is judged once more before all traffic changes over, so it must be the largest",
                help="write the shares in ascending order",
            )
    return shares


def long_enough(
    given: Because[Duration], steps: int, delay: Because[Duration], windows: tuple[Because[str], ...]
) -> None:
    """Refuse steps that are over before the analysis beside them could fail."""
    longest = max((Duration.parse(window.value) for window in windows), default=Duration(0))
    least = delay.value.amount + longest.amount * (FAILURES + 1)
    if windows and steps * given.value.amount < least:
        each = Duration(math.ceil(least / steps / 30) * 30)
        raise refusal(
            "MLS008",
            f"{count(steps, 'step')} of {given.value} would be over before the analysis beside them could fail",
            given,
            note=f"it waits {delay.value} until the model is loaded, and then for {FAILURES + 1} windows of {longest}",
            help=f"leave `stepDuration` out, or write at least `{each}`",
        )


def weight(share: Because[Percent]) -> Because[int]:
    """A share as the weight of a route: a whole number of per cent."""
    percent = share.value.amount * 100
    if percent != percent.to_integral_value() or not 0 < percent < 100:
        raise refusal(
            "MLS008",
            f"a step of {share.value} cannot be set",
            share,
            note="traffic is shifted in whole per cent, and the last step, all of it, follows by itself",
            help="write a whole number of per cent from 1 % to 99 %",
        )
    return share.map(lambda value: int(value.amount * 100))


@decision
def at_least(
    length: Because[Duration], delay: Because[Duration], *windows: Because[str], failures: int
) -> tuple[Duration, str]:
    longest = max((Duration.parse(window.value) for window in windows), default=Duration(0))
    least = delay.value.amount + longest.amount * (failures + 1)
    if length.value.amount >= least:
        return length.value, length.why
    rounded = Duration(math.ceil(least / 30) * 30)
    return (
        rounded,
        f"{delay.value} until the model is loaded and {failures + 1} windows of {longest}, so that it can fail",
    )
