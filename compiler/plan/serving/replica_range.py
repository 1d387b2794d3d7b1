"""The limits on the replicas of a service."""

from __future__ import annotations

import math

from ...because import Because, decision
from ..choose import count, number

__all__ = ["capped", "maximum"]

CROWDED = 1.645
"""The standard deviations of the requests in flight that the maximum allows for: 95% of the time."""


@decision
def capped(needed: Because[int], most: Because[int] | None) -> tuple[int, str]:
    """The replicas that are needed, up to the limit in the spec."""
    if most is not None and most.value < needed.value:
        return most.value, f"{needed.reason}; limited to `maxReplicas: {most.value}`"
    return needed.value, needed.reason


@decision
def maximum(
    peak: Because[int],
    least: Because[int],
    most: Because[int] | None,
    headroom: Because[float],
    target: Because[float] | None,
) -> tuple[int, str]:
    """The maximum replicas: a multiple of those for the peak, and as many as the autoscaler wants 95% of the time.

    A replica that shares its time among its n requests has a geometric number of them, with the variance n · (1 + n)
    (Kelly, Reversibility and Stochastic Networks, 3.3). Of N replicas, the total divided by the target of n per replica
    has the standard deviation √(N · (1 + 1 / n)).
    """
    wanted = max(least.value, math.ceil(peak.value * headroom.value - 1e-9))
    why = f"{number(headroom.value)} times the {count(peak.value, 'replica')} for the peak"
    swings = _swings(peak.value, target.value) if target is not None else 0
    if target is not None and swings > wanted:
        wanted = swings
        why = (
            f"the autoscaler aims for {number(target.value)} requests in flight on each; 95% of the time, those on the "
            f"{count(peak.value, 'replica')} for the peak ask for {wanted} or fewer"
        )
    if most is not None and most.value < wanted:
        return max(most.value, 1), f"{why}; limited to `maxReplicas: {most.value}`"
    return wanted, why


def _swings(replicas: int, target: float) -> int:
    return math.ceil(replicas + CROWDED * math.sqrt(replicas * (1 + 1 / target)) - 1e-9)
