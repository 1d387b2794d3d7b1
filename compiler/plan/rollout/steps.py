"""The steps of a rollout: valid traffic shares, and the minimum duration for the analysis to be able to fail."""

from __future__ import annotations

import math
from itertools import pairwise

from ....schema.units import Duration, Percent
from ...because import Because, decision
from ...finding import refusal
from ..choose import count, readable
from .verdict import held_windows

__all__ = ["ascending", "held", "lasting", "length_of", "long_enough", "shadow_replicas", "weight", "whole_minutes"]


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


@decision
def lasting(
    length: Because[Duration], windows: Because[int], window: Because[str], shortest: Because[str]
) -> tuple[Duration, str]:
    """The duration of a step: its windows, the `shortest` ones that are enough, or longer ones that detect more."""
    lasts = Duration(Duration.parse(window.value).amount * windows.value)
    said = f"{count(windows.value, 'window')} of {window.value}"
    if window.value != shortest.value:
        return lasts, f"{said}: {shortest.value} windows would be enough, but longer ones detect smaller regressions"
    if lasts.amount - length.value.amount < Duration.parse(window.value).amount:
        return lasts, f"{said}: {length.reason}" if length.reason else said
    return lasts, f"{said}, the fewest that can tell a bad version from one with too few requests"


@decision
def held(failures: Because[int]) -> tuple[int, str]:
    """One more than the failed windows that are tolerated, so that a version that fails is never held instead."""
    more = held_windows(failures.value)
    return more, f"a bad version fails after {count(more, 'window')}, so only a longer lack of requests holds it"


@decision
def length_of(steps: tuple[Because[Duration], ...]) -> tuple[Duration, str]:
    """The duration of all steps together."""
    took = sum((step.value.amount for step in steps), Duration(0).amount)
    return Duration(took), f"steps of {' + '.join(readable(step.value) for step in steps)}"


@decision
def shadow_replicas(mean: Because[int], percent: Because[Percent], passing: Because[Percent] | None) -> tuple[int, str]:
    """The replicas of a shadow, which only gets requests that pass the route; `passing` is None if their share is
    unknown.
    """
    share = passing.value if passing is not None else Percent(1)
    needed = max(1, math.ceil(mean.value * percent.value.amount * share.amount))
    said = f"{percent.value} of the {count(mean.value, 'replica')} for the mean rate"
    return needed, said if share == Percent(1) else f"{said}, of whose requests {share} pass the route"
