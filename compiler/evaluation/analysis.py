"""Error analysis: the classes that the model takes for others, its calibration, and the worst segments."""

from __future__ import annotations

import math
from typing import Any

from ...runtime.conditions import wilson
from ..words import shown
from .measures import Z
from .report import CalibrationBin, ClassResult, ConfusionMatrix, Estimate, MetricResult
from .said import figure

__all__ = ["calibration", "calibration_error", "confusion", "excess"]


def share(events: int, of: int, z: float = Z) -> Estimate | None:
    """A share with Wilson's interval; None of nothing."""
    if not of:
        return None
    low, high = wilson(events / of, of, z)
    return Estimate(value=events / of, low=low, high=high, method="Wilson", samples=of, events=of)


def confusion(given: dict[str, Any] | None) -> ConfusionMatrix | None:
    """The predictions by class."""
    if given is None:
        return None
    labels, counts = given["labels"], given["counts"]
    classes = tuple(_of_class(at, labels, counts) for at in range(len(labels)))
    return ConfusionMatrix(labels=tuple(labels), counts=tuple(map(tuple, counts)), classes=classes)


def _of_class(at: int, labels: list[str], counts: list[list[int]]) -> ClassResult:
    own, predicted = counts[at], sum(row[at] for row in counts)
    others = [(many, labels[to]) for to, many in enumerate(own) if to != at and many]
    many, name = max(others, default=(0, ""))
    said = f"{shown(name)}: {many:,} of {sum(own):,} rows" if many else ""
    return ClassResult(
        name=labels[at],
        rows=sum(own),
        recall=share(own[at], sum(own)),
        precision=share(own[at], predicted),
        mistaken=said,
    )


def calibration(given: list[dict[str, Any]]) -> tuple[CalibrationBin, ...]:
    """The bins with their intervals."""
    bins = []
    for one in given:
        low, high = wilson(one["observed"], one["samples"], Z)
        observed = Estimate(value=one["observed"], low=low, high=high, method="Wilson", samples=one["samples"])
        bins.append(
            CalibrationBin(predicted=one["predicted"], observed=observed, off=not low <= one["predicted"] <= high)
        )
    return tuple(bins)


def calibration_error(bins: tuple[CalibrationBin, ...]) -> str:
    """The expected calibration error, next to that of a perfectly calibrated model with the same rows.

    Even if its score p is right, a bin of n rows has an error: a normal variable with a variance of p (1 - p) / n. The
    mean of its absolute value is sqrt(2 / pi) standard deviations, so the measured error is biased upward.
    """
    rows = sum(one.observed.samples or 0 for one in bins)
    if not rows:
        return ""
    found = by_chance = 0.0
    for one in bins:
        n, p = one.observed.samples or 0, one.predicted
        found += n / rows * abs(one.observed.value - p)
        by_chance += n / rows * math.sqrt(2 / math.pi * p * (1 - p) / max(1, n))
    return f"{figure(found)}; a perfectly calibrated model would have about {figure(by_chance)} on these rows"


def excess(overall: Estimate, part: MetricResult) -> float | None:
    """How much worse a segment is at least than all rows: the lower limit of its excess error; None without limits."""
    if part.estimate.low is None or part.estimate.high is None:
        return None
    if part.maximize:
        return overall.value - part.estimate.high
    return part.estimate.low - overall.value
