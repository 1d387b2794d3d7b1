"""How much drift is noise: the population stability index (PSI) that two equal distributions reach by chance.

PSI = sum of (p_i - q_i) ln(p_i / q_i) over bins. For n and m rows of the same distribution in k bins, it is
asymptotically (1/n + 1/m) times a chi-square variable with k - 1 degrees of freedom (B. Yurdakul, Statistical
properties of population stability index, dissertation, Western Michigan University, 2018). The common fixed thresholds,
0.1 and 0.2, ignore n: with 200 rows on both sides and 10 bins, 1 in 100 comparisons exceeds 0.21 by chance.

More columns mean more chances of a false alarm. With alpha as the total, each column gets alpha / columns (Bonferroni).
The approximation is optimistic for few rows, where bins are empty: below 1,000 rows, a nominal 1% is 1.2% to 1.7% in
simulation, and a permutation of the reference gives a better floor.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cache, cached_property
from typing import TYPE_CHECKING

from ....schema.units import Count, Duration, Percent, Rate
from ...because import Because, decision, first, fixed
from ...system import Drift
from ..budget.prices import MONTH, monthly
from ..choose import count, number

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["DriftPlan", "chi_square_quantile", "noise_floor"]


class DriftPlan:
    """How large a difference between two distributions must be to count as drift."""

    def __init__(self, plan: Plan, part: Drift) -> None:
        self.plan = plan
        self.part = part

    @cached_property
    def seen(self) -> Because[int] | None:
        """The number of predictions per window; None if it is unknown, or if the environment has several services."""
        online, batch = [*self.plan.online.values()], [*self.plan.batch.values()]
        if len(online) + len(batch) != 1:
            return None
        if batch:
            items = batch[0].total
            return _items(items, monthly(batch[0].part.schedule), self.part.window) if items is not None else None
        rate = first(online[0].traffic("mean"), online[0].traffic("peak"))
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
    def columns(self) -> Because[int]:
        """The number of features that are compared."""
        signatures = [model.signature for model in self.plan.system.models.values() if model.signature is not None]
        inputs = [tensor.name for signature in signatures for tensor in signature.inputs]
        return _columns(tuple(inputs), tuple(column.own_name for column in self.part.columns.values()))

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


def noise_floor(sample: int, reference: int, columns: int = 1, bins: int = 10, alpha: float = 0.01) -> float:
    """The PSI that only a share `alpha` of windows without drift exceeds in any column."""
    return (1 / sample + 1 / reference) * chi_square_quantile(1 - alpha / columns, bins - 1)


@cache
def chi_square_quantile(probability: float, degrees: int) -> float:
    """The quantile of the chi-square distribution, by bisection of its distribution function P(k/2, x/2), the
    regularized lower incomplete gamma function (Abramowitz and Stegun, 26.4.19).
    """
    low, high = 0.0, float(degrees)
    while _gamma(degrees / 2, high / 2) < probability:
        low, high = high, 2 * high
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _gamma(degrees / 2, middle / 2) < probability else (low, middle)
    return high


def _gamma(a: float, x: float) -> float:
    """P(a, x): for small x, its series (Abramowitz and Stegun, 6.5.29); otherwise Legendre's continued fraction for the
    complement (6.5.31), evaluated by Lentz's method, as in Numerical Recipes, section 6.2.
    """
    if x <= 0:
        return 0.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        step = a
        while term > total * 1e-16:
            step += 1
            term *= x / step
            total += term
        return scale * total
    b = x + 1 - a
    c, d = 1e300, 1 / b
    fraction = d
    for i in range(1, 500):
        b += 2
        d = 1 / (b - i * (i - a) * d)
        c = b - i * (i - a) / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return 1 - scale * fraction
