"""The steps of a rollout: valid traffic shares, and the minimum duration for the analysis to be able to fail."""

from __future__ import annotations

from itertools import pairwise

from ....schema.units import Duration, Percent
from ...because import Because
from ...finding import refusal
from ..choose import count

__all__ = ["ascending", "long_enough", "weight", "whole_minutes"]


def ascending(shares: tuple[Because[Percent], ...]) -> tuple[Because[Percent], ...]:
    """The shares. Refuses shares that are not in ascending order."""
    for before, after in pairwise(shares):
        if after.value <= before.value:
            raise refusal(
                "MLS008",
                f"a step of {after.value} cannot follow a step of {before.value}",
                after,
                others=((before, "the step before"),),
                note="each step sends the new version more traffic than the one before",
                help="write the shares in ascending order",
            )
    return shares


def long_enough(given: Because[Duration], least: Because[int], shortest: Because[Duration]) -> Because[Duration]:
    """The duration of a step in the spec. Refuses one that ends before its analysis could fail or hold."""
    needed = Duration(shortest.value.amount * least.value)
    if given.value < needed:
        raise refusal(
            "MLS008",
            f"a step of {given.value} would end before its analysis can fail",
            given,
            note=f"the analysis needs {count(least.value, 'window')} of at least {shortest.value}",
            help=f"write at least `{needed}`, or remove `stepDuration`",
        )
    return given


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
