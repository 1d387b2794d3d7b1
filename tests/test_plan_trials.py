"""What trials cost, and what more of them find: arithmetic by hand, and simulated searches."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.plan.budget.trials import TrialsPlan

from .test_plan_cost import cost

# A training pod costs 0.24 for 8 cores, 0.16 for 32 GiB, and 2 for two accelerators: 2.4 EUR per hour, and a fit 2 h.
TUNING = {"trials": 12, "parameters": {"depth": {"type": "int", "min": 1, "max": 99}}}


def trials(tmp_path: Path, **training: Any) -> TrialsPlan:
    changes: dict[str, Any] = {f"training__{key}": value for key, value in {"tuning": TUNING, **training}.items()}
    found = cost(tmp_path, **changes).plan.trials
    assert found is not None
    return found


def values(found: TrialsPlan) -> tuple[float, float, float]:
    assert found.each is not None
    assert found.all is not None
    assert found.even is not None
    return found.each.value, found.all.value, found.even.value


def test_a_trial_is_a_fit(tmp_path: Path) -> None:
    """2 h x 2.4 EUR/h = 4.80 EUR, and 12 of them 57.60 EUR."""
    assert values(trials(tmp_path)) == pytest.approx((4.8, 57.6, 57.6))


def test_a_trial_is_a_fit_per_fold_and_member(tmp_path: Path) -> None:
    """5 folds x 3 members x 4.80 EUR = 72 EUR; 12 trials cost 864 EUR."""
    found = trials(tmp_path, crossValidation={"folds": 5}, ensemble={"method": "seeds", "size": 3})
    assert values(found) == pytest.approx((72.0, 864.0, 864.0))
    assert found.each is not None
    assert found.each.reason.startswith("15 fits of 2h (5 folds x 3 ensemble members) x 2.4 EUR/h")


@pytest.mark.parametrize("parallel", [1, 4])
def test_trials_at_once_cost_the_same(parallel: int, tmp_path: Path) -> None:
    assert values(trials(tmp_path, tuning={**TUNING, "parallel": parallel}))[1] == pytest.approx(57.6)


def test_a_fit_of_unknown_duration_has_no_cost(tmp_path: Path) -> None:
    found = trials(tmp_path, fit=None)
    assert (found.each, found.all, found.even) == (None, None, None)
    assert found.improves.value == pytest.approx(1 / 13)


def test_a_search_costs_what_the_bill_says(tmp_path: Path) -> None:
    """The bill counts the fits of a month, and a run with a search also has a final fit."""
    made = cost(tmp_path, training__tuning={**TUNING, "when": "manual"})
    assert made.plan.trials is not None
    assert "24 h x 2.4 EUR/h = 57.6 EUR" in made.parts["tuning"].reason
    assert values(made.plan.trials)[1] == pytest.approx(57.6)


@pytest.mark.parametrize("many", [1, 5, 20])
def test_the_odds_of_an_improvement_are_those_of_simulated_searches(many: int, tmp_path: Path) -> None:
    """20,000 random searches of a space with any distribution of quality: the standard error is 0.35%."""
    chance, next_one, as_many = random.Random(many), 0, 0
    for _ in range(20_000):
        found = [chance.lognormvariate(0, 2) for _ in range(2 * many)]
        best = max(found[:many])
        next_one += found[many] > best
        as_many += max(found[many:]) > best
    told = trials(tmp_path, tuning={**TUNING, "trials": many}).improves.value
    assert next_one / 20_000 == pytest.approx(told, abs=0.0105)
    assert as_many / 20_000 == pytest.approx(0.5, abs=0.0105)
