"""What a trial of a hyperparameter search costs, and what more of them can be expected to find.

The best of n independent samples is the best of n + m with probability n / (n + m), whatever the metric and the search
space are, if all samples are equally likely to be the best (the theory of records: K. N. Chandler, The distribution and
frequency of record values, Journal of the Royal Statistical Society B 14, 1952). So the next trial is better than all
before with 1 / (n + 1), and as many again are with one half. Whether that is worth the cost depends on what quality is
worth, which a spec does not say.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.money import HourlyPrice
from ....schema.units import Duration
from ...because import Because, because, decision
from ...system import Tuning
from ..choose import count, number
from ..training import fit

if TYPE_CHECKING:
    from .. import Plan
    from ..training import TrainingPlan

__all__ = ["TrialsPlan"]


class TrialsPlan:
    """The trials of one search."""

    def __init__(self, plan: Plan, training: TrainingPlan, tuning: Tuning) -> None:
        self.plan = plan
        self.training = training
        self.tuning = tuning

    @cached_property
    def price(self) -> Because[HourlyPrice]:
        """The price of the pod that the trials run in."""
        return self.plan.cost.training_price(self.training)

    @cached_property
    def fits(self) -> Because[int]:
        """The fits of one trial."""
        validation, ensemble = self.training.part.cross_validation, self.training.part.ensemble
        searching = because(True, "the fits of a search", self.tuning.when)
        folds = fit.folds(validation.folds, validation.when, searching) if validation is not None else fit.one_fold()
        return _fits(folds, ensemble.size if ensemble is not None else None)

    @cached_property
    def each(self) -> Because[float] | None:
        """The cost of one trial, in the currency of the prices; None if the duration of a fit is unknown."""
        once = self.training.part.fit
        return _each(once, self.fits, self.price) if once is not None else None

    @cached_property
    def all(self) -> Because[float] | None:
        """The cost of all trials."""
        return _all(self.each, self.tuning.trials, self.price) if self.each is not None else None

    @cached_property
    def improves(self) -> Because[float]:
        """The probability that one more trial is better than all before it."""
        return _improves(self.tuning.trials)

    @cached_property
    def even(self) -> Because[float] | None:
        """The cost of the trials that find a better one with a probability of one half."""
        return _even(self.all, self.tuning.trials) if self.all is not None else None


@decision
def _fits(folds: Because[int], members: Because[int] | None) -> tuple[int, str]:
    parts = [count(folds.value, "fold")] if folds.value > 1 else []
    parts += [count(members.value, "ensemble member")] if members is not None else []
    many = folds.value * (members.value if members is not None else 1)
    return many, " x ".join(parts) or "one fit per trial"


@decision
def _each(once: Because[Duration], fits: Because[int], price: Because[HourlyPrice]) -> tuple[float, str]:
    amount = once.value.amount / Decimal(3600) * fits.value * price.value.amount
    how = f" ({fits.reason})" if fits.value > 1 else ""
    return float(amount), f"{count(fits.value, 'fit')} of {once.value}{how} x {price.value}; per pod: {price.reason}"


@decision
def _all(each: Because[float], trials: Because[int], price: Because[HourlyPrice]) -> tuple[float, str]:
    one = f"{number(each.value)} {price.value.currency}"
    return each.value * trials.value, f"{count(trials.value, 'trial')} x {one}, without the final fit"


@decision
def _improves(trials: Because[int]) -> tuple[float, str]:
    many = trials.value + 1
    return 1 / many, f"1 / {many:,}, as each of {many:,} independent samples is equally likely to be the best"


@decision
def _even(whole: Because[float], trials: Because[int]) -> tuple[float, str]:
    last = "is the last one" if trials.value == 1 else f"is one of the last {trials.value:,}"
    return whole.value, (
        f"{count(trials.value, 'more trial')}: the best of {2 * trials.value:,} independent samples {last} with 50%; "
        "whether that pays depends on what a better model is worth, which the spec does not say"
    )
