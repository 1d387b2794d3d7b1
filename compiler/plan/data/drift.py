"""How much drift is noise: the distance that two equal distributions reach by chance (`noise`).

The population stability index (PSI) is the sum of (p_i - q_i) ln(p_i / q_i) over bins. Its common fixed thresholds, 0.1
and 0.2, ignore the number of rows: with 200 rows on both sides and 10 bins, 1 in 100 comparisons exceeds 0.21 by
chance.

More columns mean more chances of a false alarm. With alpha as the total, each column gets alpha / columns (Bonferroni).
The approximation is optimistic for few rows, where bins are empty: below 1,000 rows, a nominal 1% is 1.2% to 1.7% in
simulation, and a permutation of the reference gives a better floor.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Count, Duration, Percent, Rate
from ...because import Because, decision, first, fixed
from ...noise import chi_square_quantile, enough, floor_of, noise_floor
from ...row import Row
from ...system import Drift, DriftMethod
from ..budget.prices import MONTH, monthly
from ..choose import assumed, count, number
from ..serving.batch import BatchPlan
from ..serving.recording import single

if TYPE_CHECKING:
    from .. import Plan
    from ..service import ServicePlan

__all__ = ["DriftPlan", "Watched"]


class Watched(Row):
    """One measure of drift, and when it raises an alert."""

    method: Because[str]
    threshold: Because[float]
    least: Because[int]


class DriftPlan:
    """How large a difference between two distributions must be to count as drift."""

    def __init__(self, plan: Plan, part: Drift) -> None:
        self.plan = plan
        self.part = part

    @cached_property
    def seen(self) -> Because[int] | None:
        """The number of predictions per window; None if it is unknown, or if nothing names the service."""
        service = self._service
        if service is None:
            return None
        if isinstance(service, BatchPlan):
            items = service.total
            return _items(items, monthly(service.part.schedule), self.part.window) if items is not None else None
        rate = first(service.traffic("mean"), service.traffic("peak"))
        capture = self.plan.system.monitoring.capture
        share = capture.sample if capture is not None else None
        return _requests(rate, self.part.window, share) if rate is not None else None

    @cached_property
    def sample(self) -> Because[int] | None:
        """The minimum number of rows in a window that is evaluated."""
        return _sample(self.part.min_samples) if self.part.min_samples is not None else self.seen

    @cached_property
    def reference(self) -> Because[int] | None:
        """The number of rows in the reference: the training rows, else the same number as in the window."""
        train = self.plan.history.train
        if train is not None and train.value:
            return train
        return _as_many(self.sample) if self.sample is not None else None

    @cached_property
    def profile(self) -> Because[str] | None:
        """Where the reference is: as configured, otherwise that of the live version that is measured, or of the only
        one.
        """
        live = self.plan.live
        return first(self.part.reference, live.profile if live is not None else None)

    @cached_property
    def _service(self) -> ServicePlan | BatchPlan | None:
        """The service that is measured, else the only one."""
        if self.plan.measuring is not None:
            return self.plan.measuring.service
        found: list[ServicePlan | BatchPlan] = [*self.plan.online.values(), *self.plan.batch.values()]
        return found[0] if len(found) == 1 else None

    @cached_property
    def columns(self) -> Because[int]:
        """The number of features that are compared: those with one value, of the model that is measured."""
        service, models = self._service, self.plan.system.models
        about = [models[service.model.value]] if service is not None else [*models.values()]
        inputs = [tensor for model in about if model.signature is not None for tensor in model.signature.inputs]
        compared = [one.name for one in inputs if service is None or single(service, one)]
        if self.part.features is None and self.part.columns:
            compared = [name for name in compared if name.value in self.part.columns]
        return _columns(tuple(compared), tuple(column.own_name for column in self.part.columns.values()))

    @cached_property
    def of_features(self) -> Because[float] | None:
        """The noise floor of feature PSI."""
        return self._floor(self.columns)

    @cached_property
    def of_prediction(self) -> Because[float] | None:
        """The noise floor of prediction PSI."""
        return self._floor(fixed(1, "predictions are one column"))

    @cached_property
    def above(self) -> dict[str, Because[float]]:
        """The PSI thresholds of features, predictions, and single columns: the configured threshold, or the noise floor
        if that is higher. Other measures are not included, because their noise depends on the reference itself.
        """
        asked = {"features": self.part.features, **self.part.columns}
        wanted = [(name, method, self.of_features) for name, method in asked.items()]
        wanted.append(("prediction", self.part.prediction, self.of_prediction))
        return {
            name: _above(method.method, method.threshold, floor)
            for name, method, floor in wanted
            if method is not None and method.method.value == "psi"
        }

    @cached_property
    def watched(self) -> dict[str, Watched]:
        """What alerts compare: all features, the prediction, and single columns that have their own measure."""
        asked = {"features": self.part.features, **self.part.columns, "prediction": self.part.prediction}
        return {name: self._watched(name, method) for name, method in asked.items() if method is not None}

    def _watched(self, name: str, method: DriftMethod) -> Watched:
        alone = name == "prediction"
        columns = fixed(1, "predictions are one column") if alone else self.columns
        floor = self._floor_of(method, columns)
        return Watched(
            method=method.method,
            threshold=_above(method.method, method.threshold, floor),
            least=self._least(method, columns),
        )

    def _floor_of(self, method: DriftMethod, columns: Because[int]) -> Because[float] | None:
        if method.method.value == "psi":
            return self._floor(columns)
        if self.sample is None or self.reference is None or not self.sample.value:
            return None
        return _floor_of(method.method, self.sample, self.reference, columns, self.part.bins, self.part.false_alarms)

    def _least(self, method: DriftMethod, columns: Because[int]) -> Because[int]:
        """The fewest rows of a window for a verdict: as configured, or as many as the threshold needs."""
        if self.part.min_samples is not None:
            return _sample(self.part.min_samples)
        reference = self.plan.history.train
        known = reference if reference is not None and reference.value else None
        needs = _enough(method.method, method.threshold, known, columns, self.part.bins, self.part.false_alarms)
        return assumed("monitoring.drift.minSamples", needs.value, needs.why, needs)

    @cached_property
    def lookback(self) -> Because[Duration]:
        """How long a distance must stay above its threshold, so that two windows in a row are."""
        return _lookback(self.part.window)

    def _floor(self, columns: Because[int]) -> Because[float] | None:
        if self.sample is None or self.reference is None or not self.sample.value:
            return None
        return _floor(self.sample, self.reference, columns, self.part.bins, self.part.false_alarms)


@decision
def _requests(rate: Because[Rate], window: Because[Duration], share: Because[Percent] | None) -> tuple[int, str]:
    seen, said = rate.value.amount * window.value.amount, f"{rate.value} x {window.value}"
    if share is None:
        return int(seen), f"{said} = {number(float(seen))} predictions per window"
    kept = int(seen * share.value.amount)
    return kept, f"{said} x {share.value} captured = {number(kept)} predictions per window"


@decision
def _items(items: Because[Count], runs: Because[Decimal], window: Because[Duration]) -> tuple[int, str]:
    within = max(1, math.floor(float(runs.value * window.value.amount) / (MONTH * 3600) + 1e-9))
    return int(items.value) * within, f"{count(within, 'run')} of {number(float(items.value))} items per {window.value}"


@decision
def _sample(least: Because[Count]) -> tuple[int, str]:
    return int(least.value), f"a window needs at least {least.value} rows"


@decision
def _as_many(sample: Because[int]) -> tuple[int, str]:
    return sample.value, "assuming a reference of the same size, because the number of training rows is unknown"


@decision
def _columns(inputs: tuple[Because[str], ...], named: tuple[Because[str], ...]) -> tuple[int, str]:
    columns = max(1, len({name.value for name in (*inputs, *named)}))
    return columns, count(columns, "feature column")


@decision
def _above(_: Because[str], threshold: Because[float], floor: Because[float] | None) -> tuple[float, str]:
    if floor is None:
        return threshold.value, "as configured; the noise is unknown, because no sample size is declared"
    if floor.value > threshold.value:
        return floor.value, f"the configured {threshold.value} is within the noise; the noise floor is {floor.reason}"
    return threshold.value, f"as configured, and above the noise floor of {floor.value}: {floor.reason}"


@decision
def _floor(
    sample: Because[int],
    reference: Because[int],
    columns: Because[int],
    bins: Because[int],
    false_alarms: Because[Percent],
) -> tuple[float, str]:
    alpha = float(false_alarms.value)
    floor = round(noise_floor(sample.value, reference.value, columns.value, bins.value, alpha), 4)
    quantile = chi_square_quantile(1 - alpha / columns.value, bins.value - 1)
    few = "; optimistic below 1,000 rows, where a permutation of the reference is better" if sample.value < 1000 else ""
    return floor, (
        f"(1/{sample.value:,} + 1/{reference.value:,}) x {quantile:.2f}, the chi-square quantile with "
        f"{count(bins.value - 1, 'degree')} of freedom for false alarms of {false_alarms.value} / "
        f"{count(columns.value, 'column')}{few}"
    )


@decision
def _floor_of(
    method: Because[str],
    sample: Because[int],
    reference: Because[int],
    columns: Because[int],
    bins: Because[int],
    false_alarms: Because[Percent],
) -> tuple[float, str]:
    alpha = float(false_alarms.value)
    floor = floor_of(method.value, sample.value, reference.value, columns.value, bins.value, alpha)
    return round(floor, 4), (
        f"the {method.value} distance of {count(sample.value, 'row')} from {count(reference.value, 'row')} without "
        f"drift, for false alarms of {false_alarms.value} / {count(columns.value, 'column')}"
    )


@decision
def _enough(
    method: Because[str],
    threshold: Because[float],
    reference: Because[int] | None,
    columns: Because[int],
    bins: Because[int],
    false_alarms: Because[Percent],
) -> tuple[int, str]:
    rows = reference.value if reference is not None else None
    alpha = float(false_alarms.value)
    needs = enough(method.value, threshold.value, rows, columns.value, bins.value, alpha)
    if needs is None:
        assert reference is not None
        return reference.value, f"as many as the reference, whose noise alone exceeds {threshold.value}"
    return needs, f"with fewer rows, noise exceeds {threshold.value}"


@decision
def _lookback(window: Because[Duration]) -> tuple[Duration, str]:
    length = Duration(window.value.amount * 5 / 4)
    return length, "the next window, and a quarter of one for a late job"
