"""What a verdict on the quality in production compares: the series of a metric, and its bar."""

from __future__ import annotations

from ...compiler.because import Because, fixed, text
from ...compiler.plan.data.quality import QualityPlan
from ...compiler.record import Record
from .alert import Watched
from .jobs import number, series

__all__ = ["Verdict", "base_of", "compared", "fixed_bar", "labels_of", "of_rival"]

LIVE = fixed("live", "the version that serves")
ALL = fixed("", "all rows")
BY = "max by (segment_value) ({series})"


class Verdict(Record):
    """One bar, for all rows or for the values of a column."""

    watched: Watched
    quality: QualityPlan
    column: Because[str] | None
    value: Because[str]
    low: Because[str]
    high: Because[str]
    samples: Because[str]
    estimate: Because[str] | None
    estimate_end: Because[str] | None
    bar: Because[str]
    """The bar in PromQL."""
    said: Because[str]
    """The bar in words."""
    what: Because[str]
    """What is compared with the bar, in words."""
    of: Because[str]
    """The metric and the group, in words."""
    more: bool
    """Whether the bar is a minimum."""


def base_of(quality: QualityPlan, column: Because[str] | None) -> str:
    """The series whose interval is compared with the bar."""
    return "mlspec_quality" if fixed_bar(quality, column) is not None else "mlspec_quality_difference"


def fixed_bar(quality: QualityPlan, column: Because[str] | None) -> Because[float] | None:
    """The bar as a value; None if it is the distance from a rival on the same rows."""
    return quality.bar if column is None else quality.given


def labels_of(quality: QualityPlan, column: Because[str] | None, name: str) -> dict[str, Because[str]]:
    """The labels of a series: the metric, whose it is, and the group."""
    asked = quality.asked
    found: dict[str, Because[str]] = {"metric": asked.metric}
    if name.startswith("mlspec_quality_difference"):
        assert asked.versus is not None
        found["versus"] = asked.versus
    elif not name.startswith("mlspec_quality_estimate"):
        found["role"] = LIVE if asked.versus is None else LIVE.also(asked.versus)  # other rivals need other series
    if asked.of is not None and asked.of.value not in quality.plan.system.services:
        found["output"] = asked.of
    return {**found, "segment": column if column is not None else ALL}


def compared(watched: Watched, quality: QualityPlan, column: Because[str] | None) -> Verdict:
    """The series and the bar of one verdict."""
    bar = fixed_bar(quality, column)

    def of(name: str) -> Because[str]:
        return text(BY, series=series(watched, name, **labels_of(quality, column, name)))

    base = base_of(quality, column)
    more = quality.more_is_better.value or bar is None
    written = _of_difference(watched, quality, column) if bar is None else bar.map(number)
    whom = text(" for {column} {{{{ $labels.segment_value }}}}", column=column) if column is not None else ALL
    metric = quality.asked.metric
    versus = quality.asked.versus
    of_whom = what = text("{metric}{whom}", metric=metric, whom=whom)
    if bar is None and versus is not None:
        rival = "its result in the evaluation" if versus.value == "champion" else versus.value
        what = text(f"the difference of {{what}} from {rival}", what=of_whom).also(versus)
    estimated = bar is not None and quality.estimated.value
    return Verdict(
        watched=watched,
        quality=quality,
        column=column,
        value=of(base),
        low=of(f"{base}_low"),
        high=of(f"{base}_high"),
        samples=of("mlspec_quality_samples"),
        estimate=of("mlspec_quality_estimate") if estimated else None,
        estimate_end=of(f"mlspec_quality_estimate_{'high' if more else 'low'}") if estimated else None,
        bar=written.also(quality.more_is_better),
        said=written if bar is not None else _margin(quality),
        what=what,
        of=of_whom,
        more=more,
    )


def _of_difference(watched: Watched, quality: QualityPlan, column: Because[str] | None) -> Because[str]:
    """The margin in PromQL. A relative one is a share of what the rival has on the same rows."""
    asked = quality.asked
    if asked.margin is None:
        return fixed("0", "no worse than the rival")
    if not asked.margin.value.relative:
        return asked.margin.map(lambda margin: number(float(margin.amount)))
    return text(
        f"{{share}} * abs({BY})",
        share=asked.margin.map(lambda margin: number(float(margin.amount))),
        series=series(watched, "mlspec_quality", **of_rival(quality, column)),
    )


def of_rival(quality: QualityPlan, column: Because[str] | None) -> dict[str, Because[str]]:
    """The labels of the same series of the rival."""
    assert quality.asked.versus is not None
    return {**labels_of(quality, column, "mlspec_quality"), "role": quality.asked.versus}


def _margin(quality: QualityPlan) -> Because[str]:
    margin = quality.asked.margin
    return margin.map(str) if margin is not None else fixed("0", "no worse than the rival")
