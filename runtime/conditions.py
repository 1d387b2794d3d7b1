"""Conditions: one bound on one metric, and whether a measured value meets it.

Arithmetic on values is decimal, so that 0.943 minus 0.002 is exactly 0.941. The value of a segment is based on few
rows, so it is judged by the unfavorable end of its confidence interval. Among many segments, one looks bad by chance,
so the interval is widened by their number (Bonferroni). Too few samples are "not enough data", and never a pass.
"""

from __future__ import annotations

from decimal import Decimal
from math import sqrt
from statistics import NormalDist
from typing import Any, Literal

from ..compiler.record import Record

__all__ = [
    "ERROR",
    "Answer",
    "Bound",
    "Measured",
    "Outcome",
    "Rival",
    "Unreadable",
    "Unusable",
    "bound_of",
    "ends",
    "judged",
    "measured",
    "number",
    "outside",
    "plain",
    "shown",
    "too_few",
    "wilson",
]

ERROR = 0.05
"""The probability that any one segment counts against the model, or for it, by chance alone."""

LARGEST = Decimal("1e300")
"""A larger value cannot be a measurement, and floats overflow."""

Answer = Literal["pass", "fail", "too-few"]


class Unreadable(Exception):  # noqa: N818 - an expected result, not a fault of the program
    """An input does not have the format that the training contract requires."""


class Bound(Record):
    """The bound on a metric: a minimum or a maximum."""

    limit: Decimal
    least: bool
    words: str
    """The limit in words, with its origin."""
    low: Decimal | None = None
    """The smallest possible value of the metric; None if there is none."""
    high: Decimal | None = None

    @property
    def unit_interval(self) -> bool:
        """Whether the metric is between 0 and 1, so that the variance of a mean is at most p (1 - p)."""
        return self.low == 0 and self.high == 1

    def keeps(self, value: Decimal) -> bool:
        """Whether a value meets the bound."""
        return value >= self.limit if self.least else value <= self.limit


class Rival(Record):
    """A known result that the model is compared with."""

    value: Decimal
    words: str


class Measured(Record):
    """One value of `metrics.json`."""

    value: Decimal
    samples: int | None = None
    """The number of rows that it was measured on."""
    events: int | None = None
    """The number of independent observations behind it, such as positives for recall."""
    interval: tuple[Decimal, Decimal, float] | None = None
    """Its confidence interval, with the confidence level."""


class Outcome(Record):
    """The result of comparing one value with a bound."""

    answer: Answer
    words: str
    found: Decimal | None = None
    surely: Decimal | None = None
    """The end of the confidence interval that was compared with the limit."""


def number(thing: object) -> Decimal | None:
    """A number from JSON that arithmetic works with; None for NaN, infinities, and booleans."""
    if isinstance(thing, bool) or not isinstance(thing, (int, float)):
        return None
    exact = Decimal(repr(thing))
    return exact if exact.is_finite() and abs(exact) <= LARGEST else None


class Unusable(Exception):  # noqa: N818
    """The problem with one entry of `metrics.json`."""


def measured(entry: object) -> Measured:
    """One entry of `metrics.json`."""
    if entry is None:
        raise Unusable("it is not in metrics.json")
    if not isinstance(entry, dict):
        raise Unusable("its entry in metrics.json is not a mapping")
    value = number(entry.get("value"))
    if value is None:
        raise Unusable("its value in metrics.json is not a number")
    counts = {key: _count(entry, key) for key in ("samples", "events")}
    samples, events = counts["samples"], counts["events"]
    if samples is not None and events is not None and events > samples:
        raise Unusable(f"its `events` in metrics.json are more than its `samples`: {events:,} of {samples:,}")
    return Measured(value=value, interval=_interval(entry, value), **counts)


def _count(entry: dict[str, Any], key: str) -> int | None:
    if key not in entry:
        return None
    given = number(entry[key])
    if given is None or given < 0 or given != given.to_integral_value():
        raise Unusable(f"its `{key}` in metrics.json is not a count")
    return int(given)


def _interval(entry: dict[str, Any], value: Decimal) -> tuple[Decimal, Decimal, float] | None:
    if not {"low", "high", "confidence"} & set(entry):
        return None
    low, high, confidence = number(entry.get("low")), number(entry.get("high")), number(entry.get("confidence", 0.95))
    if low is None or high is None or not low <= value <= high:
        raise Unusable("its value in metrics.json is not between its `low` and its `high`")
    if confidence is None or not Decimal("0.5") <= confidence <= Decimal("0.999999"):
        raise Unusable("its `confidence` in metrics.json is not between 0.5 and 0.999999")
    return low, high, float(confidence)


def bound_of(gate: dict[str, Any], metric: dict[str, Any], rival: Rival | None) -> Bound:
    """The bound that a gate of the configuration sets. A margin is how much better than the rival's the value must be:
    above it if the metric is maximized, and below it if the metric is minimized. A `relative` margin is a share of the
    rival's value.
    """
    low, high = _given(metric, "min"), _given(metric, "max")
    direction, relative = metric.get("direction", "maximize"), gate.get("relative", False)
    if direction not in ("maximize", "minimize") or not isinstance(relative, bool):
        raise Unreadable("the configuration has an invalid `direction` or `relative`")
    for key, least in (("min", True), ("max", False)):
        limit = _given(gate, key)
        if limit is not None:
            words = f"at {'least' if least else 'most'} {plain(limit)}"
            return Bound(limit=limit, least=least, words=words, low=low, high=high)
    margin, least = _given(gate, "margin") or Decimal(0), direction == "maximize"
    if rival is None:
        raise Unreadable("the configuration has a gate without a bound")
    beyond = outside(rival.value, low, high)
    if beyond is not None:
        raise Unreadable(f"the result of {rival.words} is impossible: {beyond}")
    step = margin * abs(rival.value) if relative else margin
    limit = rival.value + step if least else rival.value - step
    if abs(limit) > LARGEST:
        raise Unreadable("the configuration has a bound that is too large to compute with")
    said = f"{plain(margin * 100)}%" if relative else plain(margin)
    words = f"at {'least' if least else 'most'} {plain(limit)}: {plain(rival.value)} of {rival.words}"
    return Bound(limit=limit, least=least, words=f"{words}, margin {said}", low=low, high=high)


def _given(holder: dict[str, Any], key: str) -> Decimal | None:
    """A number of the configuration; None if it is not there."""
    if key not in holder:
        return None
    given = number(holder[key])
    if given is None:
        raise Unreadable(f"`{key}` in the configuration is not a number")
    return given


def outside(value: Decimal, low: Decimal | None, high: Decimal | None) -> str | None:
    """What is wrong with a value outside the range of its metric: often, it is a percentage."""
    if (low is None or value >= low) and (high is None or value <= high):
        return None
    allowed = f"at least {plain(low)}" if low is not None else ""
    if high is not None:
        allowed = f"between {plain(low)} and {plain(high)}" if low is not None else f"at most {plain(high)}"
    share = (
        f" (write {_exact(value / 100)}, not {_exact(value)})" if low == 0 and high == 1 and 1 < value <= 100 else ""
    )
    return f"{_exact(value)} is outside the range of the metric, which is {allowed}{share}"


def judged(entry: object, bound: Bound, needed: tuple[int | None, int | None], segments: int = 0) -> Outcome:
    """Compare one entry of `metrics.json` with a bound.

    `needed` contains the gate's own minimum of events and the evaluation's minimum of rows. The first one that is set
    applies. `segments` is the number of values that are judged together, or 0 for the whole test set.
    """
    try:
        found = measured(entry)
    except Unusable as wrong:
        return Outcome(answer="fail", words=str(wrong))
    beyond = outside(found.value, bound.low, bound.high)
    if beyond is not None:
        return Outcome(answer="fail", words=beyond, found=found.value)
    few = too_few(found, *needed)
    if few is None and segments and found.events == 0:
        few = "it is based on no events"
    if few is not None:
        return Outcome(answer="too-few", words=f"not enough data: {few}", found=found.value)
    if not segments:
        answer: Answer = "pass" if bound.keeps(found.value) else "fail"
        return Outcome(answer=answer, words=plain(found.value), found=found.value)
    surely = _surely(found, bound, NormalDist().inv_cdf(1 - ERROR / segments))
    if surely is None:
        return Outcome(answer="fail", words="metrics.json has neither `low` and `high` nor `events`", found=found.value)
    words = f"{plain(found.value)}, {'lower' if bound.least else 'upper'} confidence limit {plain(surely)}"
    return Outcome(answer="pass" if bound.keeps(surely) else "fail", words=words, found=found.value, surely=surely)


def too_few(found: Measured, own: int | None, rows: int | None) -> str | None:
    """A gate's own minimum applies to the events behind its metric; the evaluation's minimum applies to test rows."""
    if own is not None:
        has, least = (found.samples if found.events is None else found.events), own
    else:
        has, least = found.samples, 0 if rows is None else rows
    if least == 0:
        return None
    if has is None:
        return f"{least:,} samples are required, but metrics.json does not say how many there are"
    return f"{has:,} of {least:,} samples" if has < least else None


def _surely(found: Measured, bound: Bound, z: float) -> Decimal | None:
    """The unfavorable end of the confidence interval, at `z` standard errors; None if it is unknown."""
    both = ends(found, bound, z)
    return both[0 if bound.least else 1] if both is not None else None


def ends(found: Measured, bound: Bound, z: float) -> tuple[Decimal, Decimal] | None:
    """The confidence interval, at `z` standard errors; None if it is unknown.

    A given interval is rescaled as a normal interval. Without one, the score interval of a proportion is valid for
    every mean of values between 0 and 1, whose variance is never larger (Bhatia and Davis, 2000).
    """
    if found.interval is not None:
        low, high, confidence = found.interval
        scale = Decimal(repr(z / NormalDist().inv_cdf((1 + confidence) / 2)))
        return found.value - (found.value - low) * scale, found.value + (high - found.value) * scale
    if not bound.unit_interval or not found.events or not 0 <= found.value <= 1:
        return None
    low_end, high_end = wilson(float(found.value), found.events, z)
    return Decimal(repr(round(low_end, 6))), Decimal(repr(round(high_end, 6)))


def wilson(share: float, events: int, z: float) -> tuple[float, float]:
    """The score interval of a proportion of `events` observations, at `z` standard errors (Wilson, 1927)."""
    n = float(events)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _exact(value: Decimal) -> str:
    """A number with all its digits, unless it has very many: 1.0000001 is more than 1."""
    return str(float(value)).removesuffix(".0")


def plain(value: Decimal) -> str:
    """A number in plain notation, with up to six significant digits."""
    return f"{float(value):.6g}"


def shown(text: str) -> str:
    """A name from an input, shortened to one line, whatever it contains."""
    line = text if text.isprintable() else text.encode("unicode_escape").decode()
    return line if len(line) <= 60 else f"{line[:57]}..."
