"""Numbers of an evaluation in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..plan.choose import count, significant
from ..plan.data.observed import ONE_CLASS
from ..plan.data.precision import POWER
from ..plan.distributions import normal_quantile
from ..words import shown
from .measures import Interval, Z
from .metrics_file import base
from .report import Estimate

__all__ = [
    "deciding",
    "estimate_of",
    "figure",
    "next_to",
    "observations",
    "plain_estimate",
    "rounded",
    "signed",
    "title",
]


def figure(value: float, digits: int = 4) -> str:
    """A number with four significant digits."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return significant(rounded(value), digits)


def signed(value: float, digits: int = 3) -> str:
    """A difference: `+0.0031`. Digits below a millionth say nothing."""
    said = figure(round(value, 6), digits)
    return said if said.startswith("-") or said == "0" else f"+{said}"


def next_to(value: float, bar: float, written: Callable[..., str]) -> str:
    """A number that is compared with a bar, with as many digits as it takes to see on which side of it it is."""
    digits = 4
    said = written(value)
    while value != bar and digits < 12 and said == written(bar, digits):
        digits += 1
        said = written(value, digits)
    return said


def deciding(metric: str, found: Interval, bar: float, *, least: bool, z: float = Z) -> str:
    """The observations with which a limit of `z` standard errors would decide with a probability of 80%, if the true
    value is the measured one; in words.
    """
    distance, many = abs(found.value - bar), found.events
    if distance < 1e-9:
        return "no number of rows decides: the value is exactly at the bar"
    low, high = found.ends(z)
    error = (high - low) / (2 * z)
    times = ((z + normal_quantile(POWER)) * error / distance) ** 2
    better = found.value > bar if least else found.value < bar
    verdict = f"{'ship' if better else 'reject'} at this value, with {POWER:.0%} probability"
    if not many:
        return f"{math.ceil(times):,} times as many rows would decide: {verdict}"
    return f"about {observations(metric, _round_up(math.ceil(times * many)))} would decide: {verdict}"


def _round_up(many: int) -> int:
    """Up to two significant digits."""
    power: int = 10 ** max(0, len(str(many)) - 2)
    return -(-many // power) * power


def rounded(value: float) -> float:
    """Without the noise of binary fractions."""
    return float(f"{value:.12g}")


def observations(metric: str, many: int) -> str:
    """So many observations of a metric: `530 positives` of a recall."""
    name = base(metric)
    if name in ONE_CLASS:
        return count(many, ONE_CLASS[name])
    if name == "precision":
        return count(many, "predicted positive")
    if name == "roc_auc":
        return f"{many:,} {'row' if many == 1 else 'rows'} of the rarer class"
    return count(many, "observation")


def title(gate: dict[str, Any]) -> str:
    """What a gate of the configuration judges: `recall by country`."""
    metric = gate["metric"] if gate.get("of") is None else f"{gate['metric']}:{gate['of']}"
    gap = " gap" if "maxGap" in gate else ""
    by = f" by {shown(gate['segment'])}" if gate.get("segment") is not None else ""
    versus = f" against {shown(gate['versus'])}" if gate.get("versus") is not None else ""
    return f"{metric}{gap}{by}{versus}"


def estimate_of(found: Interval, entry: dict[str, Any], z: float) -> Estimate:
    """An interval as plain values."""
    low, high = found.ends(z)
    return Estimate(
        value=rounded(found.value),
        low=rounded(low),
        high=rounded(high),
        method=found.method,
        samples=entry.get("samples"),
        events=found.events,
    )


def plain_estimate(entry: dict[str, Any]) -> Estimate:
    """A value without an interval."""
    return Estimate(value=entry["value"], samples=entry.get("samples"), events=entry.get("events"))
