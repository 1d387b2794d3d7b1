"""How often to train, how old a model may get, and how long a drop in quality stays unnoticed and uncorrected.

A model loses quality as the world changes: scored on the newest labels, older models are worse (E. Breck et al., The ML
test score, 2017, test Model 4: the effect of model staleness is known). The spec may state that decay, and how much
quality may be lost. A model is replaced before it has lost that much, even if one run fails: two gaps, a run, and a
rollout later.

Traps that this module handles: a drop in quality shows only in labels, so nothing sees it before the label delay is
over and enough labels have arrived to tell it from chance; the next run starts when the schedule says so; a model that
was just trained still has to pass its shadow stage and its canary.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Count, Duration, Margin, Measure, Percent, Rate
from ...because import Because, decision, first
from ...system import Condition, Decay
from ..budget.prices import MONTH, monthly
from ..choose import count, number, readable
from .observed import ALL_ROWS, ONE_CLASS, SHARES
from .precision import auc_variance, needed
from .samples import GateSample

if TYPE_CHECKING:
    from .. import Plan
    from ..training import TrainingPlan

__all__ = ["CADENCES", "CadencePlan", "countable", "recorded"]

DAY = 86400

LEAST = 1e-6
"""The smallest loss of a metric that anyone could measure."""

LONGEST = 36500 * 24
"""The most hours that a duration of the plan has: a century."""

CADENCES = {"0 3 * * *": 1, "0 3 * * 1": 7, "0 3 1 * *": 31, "0 3 1 */3 *": 92}
"""The schedules that are proposed, with the longest time between two runs in days: night, week, month, and quarter."""


class CadencePlan:
    """The age of the live model, and the time that a drop in quality lasts."""

    def __init__(self, plan: Plan, training: TrainingPlan) -> None:
        self.plan = plan
        self.training = training

    @property
    def decay(self) -> Decay | None:
        """The stated decay."""
        retraining = self.plan.system.retraining
        return retraining.decay if retraining is not None else None

    @property
    def quality(self) -> GateSample | None:
        """The minimum quality in production, if the spec states one."""
        quality, evaluation = self.plan.system.monitoring.quality, self.plan.system.evaluation
        if quality is None or evaluation is None or quality.of is not None or quality.segment is not None:
            return None
        return GateSample(self.plan, evaluation, quality)

    # How long a new model takes

    @cached_property
    def run(self) -> Because[Duration]:
        """How long a run takes: its fits, otherwise at most its deadline."""
        return self.training.work if self.training.work is not None else _at_most(self.training.deadline)

    @cached_property
    def rollout(self) -> Because[Duration]:
        """How long a new version takes to replace the old one: the shadow stage, then all steps of the canary."""
        serving = [one for one in self.plan.online.values() if one.model.value == self.training.model.value]
        canaries = [one.canary for one in serving if one.canary.progressive.value]
        if not canaries:
            return _at_once(tuple(one.canary.progressive for one in serving))
        shadows = tuple(c.shadow_stage.duration for c in canaries if c.shadow_stage is not None)
        return _rollout(shadows, tuple(canary.length for canary in canaries))

    @cached_property
    def gap(self) -> Because[Duration] | None:
        """The longest time between two runs; None without a schedule."""
        return self.training.longest_gap if self.training.cadence is not None else None

    # Age

    @cached_property
    def oldest(self) -> Because[Duration] | None:
        """The age of the live model when the next one replaces it, if every run produces one."""
        return _oldest(self.gap, self.run, self.rollout) if self.gap is not None else None

    @cached_property
    def tolerated(self) -> Because[float] | None:
        """How much of the metric may be lost in production, zero or less if quality is already too low.

        None if the spec does not say it in numbers.
        """
        if self.quality is None:
            return None
        gate, known = self.quality.gate, self.quality.known
        if gate.versus is not None and gate.versus.value == "champion" and gate.margin is not None:
            return _of_margin(gate.margin, known.value if known is not None else None)
        limit = first(gate.min, gate.max)
        if limit is None or known is None:
            return None
        return _of_limit(limit, known.value, known.of, 1 if gate.min is not None else -1)

    @cached_property
    def expires(self) -> Because[Duration] | None:
        """The age at which a model has lost what is tolerated; None if decay or tolerance are unknown."""
        if self.decay is None or self.tolerated is None or self.quality is None or self.tolerated.value <= 0:
            return None
        evaluation = self.plan.system.evaluation
        if evaluation is None or evaluation.primary.value != self.quality.gate.metric.value:
            return None  # the decay is that of the primary metric
        return _expires(self.decay, self.tolerated, evaluation.primary)

    @property
    def too_rare(self) -> bool:
        """Whether a model expires before the next one replaces it, if every run produces one."""
        return self.expires is not None and self.oldest is not None and self.oldest.value > self.expires.value

    @cached_property
    def proposed(self) -> Because[str] | None:
        """The least frequent schedule at which one run may fail before the model expires; None if none is enough."""
        if self.expires is None:
            return None
        allowed = [schedule for schedule in CADENCES if self._lasts(schedule)]
        return _proposed(self.expires, self.run, self.rollout, allowed[-1]) if allowed else None

    def _lasts(self, schedule: str) -> bool:
        assert self.expires is not None
        late = 2 * CADENCES[schedule] * DAY + self.run.value.amount + self.rollout.value.amount
        return late <= self.expires.value.amount and self.run.value.amount < CADENCES[schedule] * DAY

    @cached_property
    def max_age(self) -> Because[Duration] | None:
        """The age that fires an alert: as stated, otherwise the one that the decay or the schedule suggests."""
        given = self._limit
        if given is not None or self.expires is not None:
            return first(given, self.expires)
        return _one_may_fail(self.gap, self.run, self.rollout) if self.gap is not None else None

    @property
    def limited(self) -> bool:
        """Whether the spec states that age, so that an alert fires."""
        return self._limit is not None

    @property
    def _limit(self) -> Because[Duration] | None:
        retraining = self.plan.system.retraining
        return retraining.max_model_age if retraining is not None else None

    # A drop in quality

    @cached_property
    def labeled(self) -> Because[float] | None:
        """The observations behind the quality metric that get a label per day; None if they are unknown."""
        rows = self._rows
        if rows is None or self.quality is None:
            return None
        labels, metric = self.plan.system.data.labels, self.quality.gate.metric.value
        share = labels.positive_share if labels is not None else None
        if labels is None or share is None or metric in ALL_ROWS:
            return rows
        return _observed(rows, share, ONE_CLASS.get(metric))

    @property
    def _rows(self) -> Because[float] | None:
        """The predictions per day that are recorded."""
        return recorded(self.plan, self.training.model.value)

    @cached_property
    def window(self) -> Because[Duration] | None:
        """How long labels must be collected to tell a drop by what is tolerated from chance."""
        quality, metrics = self.quality, self.plan.system.metrics
        if quality is None or quality.known is None or self.tolerated is None or self.labeled is None:
            return None
        metric = metrics[quality.gate.metric.value.partition("@")[0]]
        if metric.min is None or metric.max is None or (metric.min.value, metric.max.value) != (0, 1):
            return None  # nothing bounds its variance
        if not LEAST <= self.tolerated.value < 1 or not 0 < quality.known.value.value < 1 or not self.labeled.value:
            return None
        labels = self.plan.system.data.labels
        share = labels.positive_share if labels is not None else None
        return _window(quality.gate, quality.known.value, self.tolerated, self.labeled, share)

    @cached_property
    def detected(self) -> Because[Duration] | None:
        """How long after a drop in quality it can be known at the earliest."""
        labels = self.plan.system.data.labels
        if self.window is None or labels is None:
            return None
        return _detected(labels.delay, self.window)

    @cached_property
    def recovered(self) -> Because[Duration] | None:
        """How long after a drop in quality a new model has replaced the old one, at the latest."""
        return _recovered(self.detected, self.gap, self.run, self.rollout) if self.detected is not None else None


def recorded(plan: Plan, model: str) -> Because[float] | None:
    """The predictions of a model per day that are recorded; None if their number is unknown."""
    capture = plan.system.monitoring.capture
    for service in plan.online.values():
        rate = first(service.traffic("mean"), service.traffic("peak"))
        if service.model.value == model and rate is not None:
            return _requests(rate, capture.sample if capture is not None else None)
    for batch in plan.batch.values():
        if batch.model.value == model and batch.total is not None:
            return _items(batch.total, monthly(batch.part.schedule))
    return None


# Decisions


@decision
def _at_most(deadline: Because[Duration]) -> tuple[Duration, str]:
    return deadline.value, f"at most the deadline of {readable(deadline.value)}"


@decision
def _at_once(_: tuple[Because[bool], ...]) -> tuple[Duration, str]:
    return Duration(0), "no steps: the next version replaces the live one at once"


@decision
def _rollout(shadows: tuple[Because[Duration], ...], canaries: tuple[Because[Duration], ...]) -> tuple[Duration, str]:
    longest = max(canaries, key=lambda length: length.value)
    shadow = max(shadows, key=lambda length: length.value, default=None)
    if shadow is None:
        return longest.value, f"{readable(longest.value)} of canary"
    total = Duration(longest.value.amount + shadow.value.amount)
    return total, f"{readable(shadow.value)} of shadow stage plus {readable(longest.value)} of canary"


def _sum(*parts: tuple[Because[Duration] | None, str]) -> tuple[Duration, str]:
    """The sum of the durations that are not zero, and how it comes about."""
    some = [(part.value, what) for part, what in parts if part is not None and part.value.amount]
    total = sum((value.amount for value, _ in some), Decimal(0))
    return Duration(_whole(total)), " + ".join(f"{readable(value)} {what}" for value, what in some)


def _whole(amount: Decimal) -> int:
    """Whole minutes for anything longer than an hour: seconds of a sum of days say nothing."""
    return int(amount) if amount < 3600 else math.ceil(amount / 60) * 60


@decision
def _oldest(gap: Because[Duration], run: Because[Duration], rollout: Because[Duration]) -> tuple[Duration, str]:
    return _sum((gap, "between two runs"), (run, "of training"), (rollout, "of rollout"))


@decision
def _one_may_fail(gap: Because[Duration], run: Because[Duration], rollout: Because[Duration]) -> tuple[Duration, str]:
    twice = Because(Duration(2 * gap.value.amount), "", (gap,))
    total, said = _sum((twice, "between three runs"), (run, "of training"), (rollout, "of rollout"))
    return total, f"{said}, so that one run may fail"


@decision
def _of_margin(margin: Because[Margin], known: Because[float] | None) -> tuple[float, str]:
    amount = -float(margin.value.amount)  # a positive margin asks for more than the champion has
    if not margin.value.relative:
        return amount, f"the margin of {margin.value} in `monitoring.quality`"
    if known is None:
        return 0.0, "the margin is relative, and the metric of the live version is unknown"
    return amount * abs(known.value), f"{margin.value} of {known.value:g}, the margin in `monitoring.quality`"


@decision
def _of_limit(limit: Because[Measure], known: Because[float], of: str, side: int) -> tuple[float, str]:
    """From the known value to the limit, on the side that is allowed: above a minimum, or below a maximum."""
    apart = side * (known.value - float(limit.value.amount))
    already = "nothing is left: " if apart <= 0 else ""
    return apart, f"{already}from {known.value:g} of the {of} to the limit of {limit.value} in `monitoring.quality`"


@decision
def _expires(decay: Decay, tolerated: Because[float], metric: Because[str]) -> tuple[Duration, str]:
    hours = math.floor(min(LONGEST, tolerated.value / decay.loss.value * float(decay.over.value) / 3600 + 1e-9))
    lost = f"{metric.value} gets {decay.loss.value:g} worse in {decay.over.value}"
    return Duration(hours * 3600), f"{lost}, and {tolerated.value:.3g} is tolerated"


@decision
def _proposed(
    expires: Because[Duration], run: Because[Duration], rollout: Because[Duration], schedule: str
) -> tuple[str, str]:
    days = CADENCES[schedule]
    twice = Because(Duration(2 * days * DAY), "", ())
    total, said = _sum((twice, "for two gaps"), (run, "of training"), (rollout, "of rollout"))
    why = f"{said} = {readable(total)}, so one run may fail before the model expires after {readable(expires.value)}"
    return schedule, why


@decision
def _requests(rate: Because[Rate], share: Because[Percent] | None) -> tuple[float, str]:
    rows = float(rate.value) * DAY
    if share is None:
        return rows, f"{rate.value} x 1d = {number(rows)} predictions per day"
    kept = rows * float(share.value)
    return kept, f"{rate.value} x 1d x {share.value} captured = {number(kept)} predictions per day"


@decision
def _items(items: Because[Count], runs: Because[Decimal]) -> tuple[float, str]:
    rows = float(items.value) * float(runs.value) * 24 / MONTH
    return rows, f"{number(float(runs.value))} runs of {items.value} items in {MONTH} h"


@decision
def _observed(rows: Because[float], share: Because[Percent], which: str | None) -> tuple[float, str]:
    negative = Percent(1 - share.value.amount)
    part = {"positive": share.value, "negative": negative, None: min(share.value, negative)}[which]
    found = rows.value * float(part)
    what = f"are {which}" if which is not None else "are in the rarer class"
    return found, f"{part} of {number(rows.value)} {what}: {rows.reason}"


@decision
def _window(
    quality: Condition,
    known: Because[float],
    tolerated: Because[float],
    daily: Because[float],
    share: Because[Percent] | None,
) -> tuple[Duration, str]:
    metric, after = quality.metric.value, max(0.0, known.value - tolerated.value)
    rarer = min(float(share.value), 1 - float(share.value)) if share is not None else 0.5
    many = needed(_variance(metric, known.value, rarer), _variance(metric, after, rarer), tolerated.value)
    asked = int(quality.min_samples.value) if quality.min_samples is not None else 0
    said = (
        f"{count(max(many, asked), 'observation')} that show a drop of {tolerated.value:.3g} (one-sided 5%, power 80%)"
    )
    if asked > many:
        said = f"{count(asked, 'observation')} that `minSamples` asks for"
    hours = math.ceil(min(LONGEST, max(many, asked) / daily.value * 24))
    return Duration(hours * 3600), f"{said}, at {number(daily.value)} per day: {daily.reason}"


def _variance(metric: str, value: float, rarer: float) -> float:
    """The variance of one observation: at most 1/4 for anything between 0 and 1 (T. Popoviciu, 1935)."""
    if metric in SHARES:
        return value * (1 - value)
    return auc_variance(value, rarer) if metric == "roc_auc" and value >= 0.5 else 0.25


@decision
def _detected(delay: Because[Duration] | None, window: Because[Duration]) -> tuple[Duration, str]:
    total, said = _sum((delay, "until labels arrive"), (window, "to collect enough of them"))
    return total, f"{said}: {window.reason}"


@decision
def _recovered(
    detected: Because[Duration], gap: Because[Duration] | None, run: Because[Duration], rollout: Because[Duration]
) -> tuple[Duration, str]:
    parts = ((detected, "to notice"), (gap, "until the next run"), (run, "of training"), (rollout, "of rollout"))
    total, said = _sum(*parts)
    return total, said if gap is not None else f"{said}; runs start manually"


@decision
def countable(rows: Because[float], kept: Because[Duration], delay: Because[Duration] | None) -> tuple[int, str]:
    """How many labels can be new: those of predictions that are old enough for one, and are still kept."""
    length = Duration(max(Decimal(0), kept.value.amount - (delay.value.amount if delay is not None else 0)))
    days = float(length.amount) / DAY
    less = f" less {readable(delay.value)} until labels arrive" if delay is not None else ""
    return int(rows.value * days), f"{rows.reason}, for {readable(kept.value)}{less}"
