"""The steps of a rollout: valid traffic shares, and the minimum duration for the analysis to be able to fail."""

from __future__ import annotations

import math
from itertools import pairwise

from ....schema.units import Duration, Percent
from ...because import Because, decision
from ...finding import refusal
from ..choose import count

__all__ = ["ascending", "at_least", "long_enough", "weight", "whole_minutes"]


def ascending(shares: tuple[Because[Percent], ...]) -> tuple[Because[Percent], ...]:
    """The shares. Refuses shares that are not in ascending order."""
    for before, after in pairwise(shares):
        if after.value <= before.value:
            raise refusal(
                "MLS008",
                f"a step of {after.value} cannot follow a step of {before.value}",
                after,
                others=((before, "the step before"),),
                note="the final analysis runs at the last step, so the last step must have the largest share",
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
    """Refuse steps that end before the background analysis can fail."""
    longest = max((Duration.parse(window.value) for window in windows), default=Duration(0))
    least = delay.value.amount + longest.amount * (failures.value + 1)
    failed = f"{count(failures.value + 1, 'window')} of {longest}"
    if windows and steps * given.value.amount < least:
        each = Duration(math.ceil(least / steps / 30) * 30)
        raise refusal(
            "MLS008",
            f"{count(steps, 'step')} of {given.value} would end before the background analysis can fail",
            given,
            note=f"the analysis waits {delay.value} until the model is loaded, and then for {failed}",
            help=f"write at least `{each}`, or remove `stepDuration`",
        )


def weight(share: Because[Percent], weights: Because[str]) -> Because[int]:
    """A share as the weight of a route, which must be a whole percentage for some rollout providers."""
    percent = share.value.amount * 100
    if (weights.value == "whole-percent" and percent != percent.to_integral_value()) or not 0 < percent < 100:
        raise refusal(
            "MLS008",
            f"a step of {share.value} is not possible",
            share,
            note="traffic shifts in whole percentages, and the step to 100% follows automatically",
            help="write a whole percentage from 1% to 99%",
        )
    return share.map(lambda value: int(value.amount * 100))


def whole_minutes(window: Because[Duration], shortest: Because[Duration]) -> Because[Duration]:
    """A window that the analysis can use. Refuses windows that are not whole minutes, or too short for a rate."""
    if window.value.amount % 60 or window.value < shortest.value:
        raise refusal(
            "MLS008",
            f"an analysis window of {window.value} is not possible",
            window,
            others=((shortest, shortest.reason or "the shortest window"),),
            note="a rate needs several scrapes in its window, and windows are whole minutes",
            help=f"write `{shortest.value}` or more, in whole minutes, or remove `window`",
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
    return rounded, f"{delay.value} until the model is loaded plus {failed}, so that the analysis can fail"
