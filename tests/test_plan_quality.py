"""The observations that a window in production has, worked by hand."""

from __future__ import annotations

import mlspec
from mlspec.compiler.plan.data.quality import QualityPlan

from .support import EXAMPLES


def quality(*settings: str) -> QualityPlan:
    [spec] = [path for path in EXAMPLES if path.name == "fraud-scorer"]
    compiled = mlspec.compile(spec / "mlspec.yaml", settings=list(settings))._compiled
    found = next(one.plan for one in compiled.environments if one.name == "production").quality
    assert found is not None
    return found


def seen(*settings: str) -> int | None:
    found = quality(*settings).seen
    return found.value if found is not None else None


def test_the_observations_of_an_area_under_the_curve_are_those_of_the_rarer_class() -> None:
    """23/s x 86,400 s x 10% x 2 days = 397,440; 0.2% of them are frauds."""
    assert seen() == 794
    assert seen("monitoring.drift.window=1d") == 397
    assert seen("monitoring.interval=4d") == 1589, "the longer one of the two"


def test_trap_a_verdict_needs_more_observations_than_a_window_has() -> None:
    """One day of the example had 397 frauds, and a verdict needs 400, so it never had one."""
    [spec] = [path for path in EXAMPLES if path.name == "fraud-scorer"]

    def found(*settings: str) -> list[str]:
        report = mlspec.compile(spec / "mlspec.yaml", settings=list(settings))
        return [one.message for one in report.diagnostics if one.id == "MLS794"]

    assert found() == []
    (message,) = found("monitoring.drift.window=1d")
    assert message == "a verdict on `roc_auc` needs 400 observations, and a window has 397"


def test_trap_the_help_offers_a_window_and_a_share_that_the_spec_does_not_have() -> None:
    """All predictions are captured, and nothing compares distributions."""
    [spec] = [path for path in EXAMPLES if path.name == "fraud-scorer"]

    def help_(*settings: str) -> str:
        report = mlspec.compile(spec / "mlspec.yaml", settings=["monitoring.quality.minSamples=9000000", *settings])
        return next(one.help for one in report.diagnostics if one.id == "MLS794")

    window = "write a longer `monitoring.interval`"
    drift = f"{window} or `monitoring.drift.window`"
    assert help_() == f"{drift}, capture a larger share of predictions, or lower `minSamples`"
    assert help_("monitoring.capture.sample=100%") == f"{drift}, or lower `minSamples`"
    whole = ("monitoring.capture.sample=100%", "monitoring.drift=null", "retraining.triggers=[quality-drop]")
    assert help_(*whole) == f"{window}, or lower `minSamples`"


def test_the_observations_of_other_metrics() -> None:
    """Of a recall, the positives; of a false-positive rate, the negatives; of the accuracy, all rows."""
    known = {"recall": 794, "false_positive_rate": 396645, "accuracy": 397440}
    for metric, rows in known.items():
        assert (
            seen(
                f"monitoring.quality.metric={metric}",
                "monitoring.quality.versus=null",
                "monitoring.quality.margin=null",
                "monitoring.quality.min=0.1",
            )
            == rows
        )


def test_what_jobs_of_the_author_measure_is_unknown() -> None:
    assert seen("monitoring.measured=elsewhere") is None
