"""Each row of the table of causes, simulated from data over several seeds: what happens, and what the diagnosis says.

The quality is measured by the code of the runtime, from outcomes that are drawn. Each fault begins on day 8 of 14.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlspec.runtime.measure.measured import Series
from mlspec.runtime.quality import estimate

from .worlds import BIAS, DAY, FEATURES, ROWS, START, WEIGHTS, Fault, Today, diagnosed, sigmoid

pytestmark = pytest.mark.slow

SEEDS = (1, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in (2, 3)))
DAYS = 14
BEGINS = 8


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer bootstrap samples: the intervals of estimates get rougher, and a world takes a second."""
    monkeypatch.setattr(estimate, "RESAMPLES", 39)
    monkeypatch.setattr(estimate, "CELLS", 100)


def since(change: Fault) -> Fault:
    """A fault that begins, and stays."""

    def fault(today: Today) -> None:
        if today.day >= BEGINS:
            change(today)

    return fault


def nothing(today: Today) -> None:
    """A day like all others."""


def exported(monitor: str, name: str, value: float, **labels: str) -> tuple[str, Series]:
    return monitor, Series(name=name, labels=labels, value=value)


# Faults


def upstream_break(today: Today) -> None:
    """From one day on, an upstream team sends cents instead of euros, and a fifth of the values is missing."""
    broken = today.day >= BEGINS
    today.extra = [
        exported("data", "mlspec_null_ratio", 0.2 if broken else 0.001, column="x1"),
        exported("data", "mlspec_data_violation_ratio", 0.7 if broken else 0.0, column="x1"),
    ]
    if broken:
        today.seen = today.x * np.array([100.0, *[1.0] * 7])


def unit_change(today: Today) -> None:
    """The same within the expectations: only the distribution of one column shows it."""
    today.seen = today.x + np.array([1.5, *[0.0] * 7])


def serving_skew(today: Today) -> None:
    """A release computes a feature in another way. No input drifts, because inputs are logged before that."""
    broken = today.day >= BEGINS
    today.extra = [exported("skew", "mlspec_skew_ratio", 0.3 if broken else 0.0, column="x2")]
    if broken:
        today.version = np.full(ROWS, "15")
        today.score_of = lambda x: sigmoid(x @ (WEIGHTS * np.array([1, -1, *[1] * 6])) + BIAS)


def worse(random: np.random.Generator, x: Any) -> Any:
    """A model that learned less: its scores are right on average, and rank badly."""
    return sigmoid(x @ (0.15 * WEIGHTS) + BIAS + random.normal(0, 1.2, len(x)))


def bad_version(today: Today) -> None:
    """A promotion replaces the model."""
    today.version = np.full(ROWS, "15")
    today.score_of = lambda x: worse(today.random, x)


def bad_canary(today: Today) -> None:
    """Half of the requests go to a new version, at the same time."""
    new = np.arange(ROWS) % 2 == 0
    today.version = np.where(new, "15", "14")
    today.score_of = lambda x: np.where(new, worse(today.random, x), sigmoid(x @ WEIGHTS + BIAS))


def label_fault(today: Today) -> None:
    """A source of labels changes its definition: a fifth of all negatives are called positive."""

    def relabel(label: Any) -> Any:
        return np.maximum(label, (today.random.random(ROWS) < 0.2).astype(float))

    today.relabel = relabel


def wrong_join(today: Today) -> None:
    """The labels belong to other rows: as frequent as before, and unrelated to the scores."""
    today.relabel = today.random.permutation


def label_lag(today: Today) -> None:
    """Half of the labels have not arrived, and the positives arrive first."""
    today.covered = 0.5


def season(today: Today) -> None:
    """On the last day of each week, other people use the service, and the model is worse for them."""
    if today.day % 7 == 6:
        today.x = 0.3 * today.x + 0.8


def traffic_mix(today: Today) -> None:
    """A campaign in one country, for which the model was always worse and inputs are different."""
    today.german = today.random.random(ROWS) < (0.8 if today.day < BEGINS else 0.2)
    french = ~today.german[:, None]
    today.x = np.where(french, 0.35 * today.x + 0.5, today.x)


def covariate_shift(today: Today) -> None:
    """Cases get harder day by day: they are more alike, and lie elsewhere."""
    far = min(1.0, max(0, today.day - 4) / 8)
    today.x = today.x * (1 - 0.65 * far) + 0.8 * far


def prior_shift(today: Today) -> None:
    """Outcomes become more frequent, and the cases of each class stay as they are."""
    x = today.random.normal(0, 1, (6 * ROWS, len(FEATURES)))
    label = today.random.random(6 * ROWS) < sigmoid(x @ WEIGHTS + BIAS)
    positives = int(ROWS * 0.5)
    rows = np.concatenate((np.flatnonzero(label)[:positives], np.flatnonzero(~label)[: ROWS - positives]))
    rows = today.random.permutation(rows)
    today.drawn = x[rows], label[rows].astype(float)


def concept_drift(today: Today) -> None:
    """The same inputs mean something else; outcomes are about as frequent as before."""
    today.weights = WEIGHTS * np.array([0.1, 1, 0.1, 1, -0.5, 1, 1, 1.5])


def feedback_loop(today: Today) -> None:
    """Almost no case is decided without the model any more, and its predictions move."""
    closed = today.day >= BEGINS
    today.extra = [exported("loop", "mlspec_exploration_ratio", 0.005 if closed else 0.05)]
    if closed:
        today.x = 0.5 * today.x - 0.5


def silent_monitor(today: Today) -> None:
    """The job that measures drift died, and the quality falls."""
    concept_drift(today)
    today.silent = ("drift",)


def stale_features(today: Today) -> None:
    """The pipeline of features stopped."""
    at = START + (min(today.day, BEGINS) + 1) * DAY - 3600
    today.extra = [exported("features", "mlspec_feature_newest_timestamp_seconds", at, view="per_card")]


def benign_drift(today: Today) -> None:
    """Other cases, for which the model is as good."""
    today.x = today.x + 0.4 * np.sign(WEIGHTS) * np.array([1, 1, 1, 0, 0, 0, 0, 0])
    today.bias = BIAS


STORIES: dict[str, tuple[Fault, str, str | None, bool]] = {
    "nothing happens": (nothing, "healthy", None, False),
    "upstream break": (upstream_break, "fix-data", "upstream-change", False),
    "one column changes its unit": (since(unit_change), "fix-features", "upstream-change", False),
    "stale features": (stale_features, "fix-features", "upstream-change", False),
    "serving skew": (serving_skew, "fix-features", "serving-skew", False),
    "bad version": (since(bad_version), "roll-back", "bad-version", False),
    "bad canary": (since(bad_canary), "roll-back", "bad-version", False),
    "label fault": (since(label_fault), "fix-labels", "label-fault", False),
    "labels of other rows": (since(wrong_join), "fix-labels", "label-fault", False),
    "label lag": (since(label_lag), "wait", "label-lag", False),
    "traffic mix": (traffic_mix, "watch", "traffic-mix", False),
    "covariate shift": (covariate_shift, "retrain", "population-shift", True),
    "prior shift": (since(prior_shift), "retrain", "prior-shift", True),
    "concept drift": (since(concept_drift), "retrain", "concept-drift", True),
    "feedback loop": (feedback_loop, "fix-labels", "feedback-loop", False),
    "silent monitor": (since(silent_monitor), "fix-monitoring", "silent-monitor", False),
    "benign drift": (since(benign_drift), "watch", None, False),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("story", STORIES)
def test_the_verdict_of_each_story(story: str, seed: int) -> None:
    fault, verdict, cause, retrain = STORIES[story]
    found = diagnosed(seed, DAYS, fault)
    assert (found.verdict, found.cause, found.retrain) == (verdict, cause, retrain), found.document()
    if verdict != "healthy":
        assert found.evidence
    assert found.action


@pytest.mark.parametrize("seed", SEEDS)
def test_a_season_is_no_drift(seed: int) -> None:
    found = diagnosed(seed, 28, season)
    assert (found.verdict, found.cause, found.retrain) == ("watch", "seasonality", False), found.document()


# What stays unknown, and what the configuration decides


@pytest.mark.parametrize("seed", SEEDS)
def test_a_quality_that_was_never_good_is_unknown(seed: int) -> None:
    """Nothing changed since the first measurement, so no cause that is a change fits."""
    found = diagnosed(seed, DAYS, concept_drift)
    assert (found.verdict, found.retrain) == ("unknown", False), found.document()


@pytest.mark.parametrize("seed", SEEDS)
def test_drift_without_any_measured_quality_is_unknown(seed: int) -> None:
    def unlabeled(today: Today) -> None:
        covariate_shift(today)
        today.covered = 0.0

    found = diagnosed(seed, DAYS, unlabeled)
    assert (found.verdict, found.retrain) == ("unknown", False), found.document()


@pytest.mark.parametrize("seed", SEEDS)
def test_without_labels_that_count_no_cause_is_guessed(seed: int) -> None:
    """A fall of the quality while most labels are missing is label lag, whatever else is true."""

    def late(today: Today) -> None:
        if today.day >= BEGINS:
            concept_drift(today)
            label_lag(today)

    found = diagnosed(seed, DAYS, late)
    assert (found.verdict, found.retrain) == ("wait", False), found.document()


def test_continue_on_a_data_fault_looks_for_other_causes() -> None:
    def both(today: Today) -> None:
        today.extra = [exported("data", "mlspec_data_violation_ratio", 0.4 * (today.day >= BEGINS), column="x1")]
        if today.day >= BEGINS:
            concept_drift(today)

    assert diagnosed(1, DAYS, both).verdict == "fix-data"
    lenient = diagnosed(1, DAYS, both, onDataFault="continue")
    assert (lenient.verdict, lenient.retrain) == ("retrain", True)
    assert ("upstream-change", "`onDataFault: continue`: values violate expectations, and training may go on") in (
        lenient.ruled_out
    )


def test_continue_on_a_changed_feature_does_not_stop_at_it() -> None:
    stopped = diagnosed(1, DAYS, since(unit_change))
    lenient = diagnosed(1, DAYS, since(unit_change), onFeatureChange="continue")
    assert stopped.verdict == "fix-features"
    assert lenient.cause != "upstream-change"


@pytest.mark.parametrize(("asked", "verdict"), [(1000, "retrain"), (1_000_000, "wait")])
def test_too_few_new_labels_wait(asked: int, verdict: str) -> None:
    found = diagnosed(1, DAYS, since(concept_drift), minNewLabels=asked)
    assert (found.verdict, found.cause, found.retrain) == (verdict, "concept-drift", verdict == "retrain")
