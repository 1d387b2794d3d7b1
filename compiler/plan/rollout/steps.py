"""The steps of a rollout: which shares can be set, and how long a step must last so that it can fail."""

from __future__ import annotations

import math
from itertools import pairwise

from ....schema.units import Duration, Percent
from ...because import Because, decision
from ...finding import refusal
from ..choose import count

__all__ = ["ascending", "at_least", "long_enough", "weight", "whole_minutes"]


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
    given: Because[Duration],
    steps: int,
    delay: Because[Duration],
    failures: Because[int],
    windows: tuple[Because[str], ...],
) -> None:
    """Refuse steps that are over before the analysis beside them could fail."""
    longest = max((Duration.parse(window.value) for window in windows), default=Duration(0))
    least = delay.value.amount + longest.amount * (failures.value + 1)
    failed = f"{count(failures.value + 1, 'window')} of {longest}"
    if windows and steps * given.value.amount < least:
        each = Duration(math.ceil(least / steps / 30) * 30)
        raise refusal(
            "MLS008",
            f"{count(steps, 'step')} of {given.value} would be over before the analysis beside them could fail",
            given,
            note=f"it waits {delay.value} until the model is loaded, and then for {failed}",
            help=f"leave `stepDuration` out, or write at least `{each}`",
        )


def weight(share: Because[Percent], weights: Because[str]) -> Because[int]:
    """A share as the weight of a route, as the rollout provider can set it: a whole number of per cent."""
    percent = share.value.amount * 100
    if (weights.value == "whole-percent" and percent != percent.to_integral_value()) or not 0 < percent < 100:
        raise refusal(
            "MLS008",
            f"a step of {share.value} cannot be set",
            share,
            note="traffic is shifted in whole per cent, and the last step, all of it, follows by itself",
            help="write a whole number of per cent from 1 % to 99 %",
        )
    return share.map(lambda value: int(value.amount * 100))


def whole_minutes(window: Because[Duration], shortest: Because[Duration]) -> Because[Duration]:
    """A window as the analysis can have it: of whole minutes, and with enough scrapes for a rate."""
    if window.value.amount % 60 or window.value < shortest.value:
        raise refusal(
            "MLS008",
            f"requests cannot be counted over {window.value}",
            window,
            others=((shortest, shortest.reason or "the shortest window"),),
            note="a rate needs several scrapes in its window, and windows are whole minutes",
            help=f"write `{shortest.value}` or more whole minutes, or leave `window` out",
        )
    return window


@decision
def at_least(
    length: Because[Duration], delay: Because[Duration], failures: Because[int], *windows: Because[str]
) -> tuple[Duration, str]:
    longest = max((Duration.parse(window.value) for window in windows), default=Duration(0))
    least = delay.value.amount + longest.amount * (failures.value + 1)
    if length.value.amount >= least:
        return length.value, length.reason
    rounded = Duration(math.ceil(least / 30) * 30)
    failed = f"{count(failures.value + 1, 'window')} of {longest}"
    return rounded, f"{delay.value} until the model is loaded and {failed}, so that it can fail"
