"""All facts at once, and the signals that they raise: the same ones as those of the alerts."""

from __future__ import annotations

from functools import cached_property

from ...compiler.exported import Signal
from ...compiler.record import Record
from . import facts
from .facts import Drifted, Low, evidence
from .settings import Settings
from .view import Evidence, View

__all__ = ["Opinion", "Seen"]

COVERED = 0.1
"""The relative fall of the coverage of labels that matters."""


class Opinion(Record):
    """Whether something is the cause. None if the measurements cannot tell."""

    yes: bool | None
    why: str
    evidence: tuple[Evidence, ...] = ()
    verdict: str = ""
    """The verdict, where a cause has several."""


class Seen:
    """The facts of a view. Each is computed once."""

    def __init__(self, view: View, settings: Settings) -> None:
        self.view, self.settings = view, settings

    @cached_property
    def silent(self) -> tuple[Evidence, ...]:
        return facts.silent(self.view, self.settings)

    @cached_property
    def violated(self) -> tuple[Evidence, ...]:
        return facts.violated(self.view, self.settings)

    @cached_property
    def violated_then(self) -> tuple[Evidence, ...]:
        """What was wrong with the rows whose quality is low now."""
        return facts.violated_then(self.view, self.settings) if self.low or self.low_segments else ()

    @cached_property
    def skewed(self) -> tuple[Evidence, ...]:
        return facts.skewed(self.view, self.settings)

    @cached_property
    def stale(self) -> tuple[Evidence, ...]:
        return facts.stale(self.view, self.settings)

    @cached_property
    def features(self) -> tuple[Drifted, ...]:
        return facts.drifted(self.view, self.settings, "feature")

    @cached_property
    def predictions(self) -> tuple[Drifted, ...]:
        return facts.drifted(self.view, self.settings, "prediction")

    @cached_property
    def low(self) -> tuple[Low, ...]:
        return facts.low(self.view, self.settings)

    @cached_property
    def low_segments(self) -> tuple[Low, ...]:
        found = (facts.low(self.view, self.settings, segment) for segment in self.settings.segments)
        return tuple(low for each in found for low in each)

    @cached_property
    def estimated(self) -> tuple[Evidence, ...]:
        return facts.estimate_low(self.view, self.settings)

    @cached_property
    def late(self) -> tuple[Evidence, ...]:
        """Labels that arrive later than they should, or for fewer predictions than before."""
        settings, found = self.settings, []
        measured = self.view.newest("labels")
        for one in self.view.series("mlspec_label_newest_timestamp_seconds"):
            limit = (settings.delay or 0.0) + 2 * settings.interval
            if measured is not None and measured.time - one.value > limit:
                found.append(evidence("the newest prediction with a label is older than labels take", one, limit))
        for one in self.view.series("mlspec_label_coverage_ratio"):
            before = self.view.before(one)
            # where no label means negative, the coverage is the share of positives, which has its own check
            if not settings.negative and before is not None and one.value < before * (1 - COVERED):
                says = "fewer predictions have a label than before"
                found.append(evidence(says, one, before * (1 - COVERED)))
        return tuple(found)

    @cached_property
    def closing(self) -> tuple[Evidence, ...]:
        """The share of cases that are decided without the model fell."""
        found = []
        for one in self.view.series("mlspec_exploration_ratio"):
            before = self.view.before(one)
            if before and one.value < before / 2:
                found.append(evidence("fewer cases are decided without the model than before", one, before / 2))
        return tuple(found)

    @cached_property
    def signals(self) -> dict[Signal, tuple[Evidence, ...]]:
        """The signals that are raised, with what raises them."""
        every: dict[Signal, tuple[Evidence, ...]] = {
            "monitor-silent": self.silent,
            "data-violation": self.violated,
            "skew": self.skewed,
            "features-stale": self.stale,
            "feature-drift": tuple(map(_of_drift, self.features)),
            "prediction-drift": tuple(map(_of_drift, self.predictions)),
            "quality-drop": tuple(map(_of_low, (*self.low, *self.low_segments))),
            "estimate-drop": self.estimated,
            "labels-late": self.late,
            "loop-broken": self.closing,
        }
        return {signal: found for signal, found in every.items() if found}


def _of_drift(one: Drifted) -> Evidence:
    return evidence(
        f"`{one.column.name}` drifted in {'a step' if one.step else 'several steps'}", one.series, one.limit
    )


def _of_low(one: Low) -> Evidence:
    group = one.series.labels.get("segment_value")
    whom = f" for {one.series.labels['segment']} {group}" if group is not None else ""
    return evidence(f"{one.bar.metric}{whom} misses its bar with its whole interval", one.series, one.limit)
