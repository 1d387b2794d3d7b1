"""The observations that a window in production has, worked by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mlspec
from mlspec.compiler.plan.data.quality import QualityPlan

from .rules import findings
from .support import EXAMPLES, ROOT, changed, compile_text, dumped, files, loaded


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


WEEKLY = (ROOT / "tests" / "errors" / "MLS796-a-weekly-run" / "mlspec.yaml").read_text()


def of_batch(folder: Path, schedule: str, **monitoring: object) -> mlspec.Result:
    """A batch service of 700,000 items, whose predictions are captured and judged."""
    changes = {f"monitoring__{key}": value for key, value in monitoring.items()}
    folder.mkdir(exist_ok=True)
    made = dumped(changed(loaded(WEEKLY), serving__schedule=schedule, **changes))
    return compile_text(folder, made, platform=(ROOT / "tests" / "errors" / "mlspec.platform.yaml").read_text())


DRIFT = {"reference": "s3://models/churn/profile.json", "prediction": {"method": "psi", "threshold": 0.2}}
MONTHLY = "`interval: 31d` under `monitoring`, and have Prometheus keep `63d` or more"


@pytest.mark.parametrize(
    ("schedule", "monitoring", "said"),
    [
        ("0 4 * * 1", {}, "`interval: 7d` under `monitoring`"),
        ("0 4 * * 1", {"interval": "7d"}, None),
        ("0 4 * * 1-5", {"interval": "2d"}, "`interval: 3d` under `monitoring`"),
        ("0 4 1 * *", {}, MONTHLY),
        ("0 4 * * *", {}, None),
        ("0 */6 * * *", {}, None),
        ("0 4 * * 1", {"interval": "7d", "drift": {**DRIFT, "window": "1d"}}, "`window: 7d` under `monitoring.drift`"),
        ("0 4 * * 1", {"drift": {**DRIFT, "window": "7d"}}, None),
        ("0 4 * * 1", {"quality": None, "rules": [{"metric": "capture-age", "max": "8d"}]}, None),
        ("0 4 * * 1", {"quality": None, "rules": [{"metric": "null-rate", "max": "1%"}]}, "`interval: 7d`"),
        ("0 4 * * 1", {"measured": "elsewhere"}, None),
    ],
)
def test_trap_the_alerts_on_a_weekly_run_fire_every_week(
    schedule: str, monitoring: dict[str, object], said: str | None, tmp_path: Path
) -> None:
    """A day without a run has no predictions, so none of its labels, and nothing to judge."""
    found = [one.help for one in of_batch(tmp_path, schedule, **monitoring).diagnostics if one.id == "MLS796"]
    assert len(found) == (said is not None)
    assert all(one.startswith(f"write {said}") for one in found)


def test_a_weekly_run_that_is_measured_each_week_is_well(tmp_path: Path) -> None:
    """30 days until labels arrive, two weeks for the job, a week until the next run, and two hours for that."""
    result = of_batch(tmp_path, "0 4 * * 1", interval="7d")
    assert result.diagnostics == ()
    [rules] = [text for path, text in files(result).items() if path.endswith("rules-model.yaml")]
    [limit] = re.findall(r"mlspec_label_newest_timestamp_seconds\{.*\}\) > (\d+)", rules)
    assert int(limit) == (30 + 14 + 7) * 86400 + 7200


def test_a_window_has_all_items_of_a_run_or_none(tmp_path: Path) -> None:
    """5% of 700,000 are positive, in a window of a day as in one of a week, and twice as many in two."""
    for interval, rows in (("1d", 35_000), ("7d", 35_000), ("14d", 70_000)):
        result = of_batch(tmp_path / interval, "0 4 * * 1", interval=interval)
        found = result._compiled.environments[0].plan.quality
        assert found is not None
        assert found.seen is not None
        assert found.seen.value == pytest.approx(rows, abs=rows / 500)


def test_trap_the_newest_prediction_is_as_old_as_the_last_run(tmp_path: Path) -> None:
    """A week, two hours for the run, and ten minutes until its file is seen."""
    for most, said in (("2h", ["write `max: 8d`"]), ("7d", ["write `max: 8d`"]), ("8d", [])):
        rules = [{"metric": "capture-age", "max": most}]
        found = of_batch(tmp_path / most, "0 4 * * 1", interval="7d", rules=rules).diagnostics
        assert [one.help for one in found if one.id == "MLS795"] == said


@pytest.mark.parametrize(
    ("mean", "sample", "most", "said"),
    [
        ("1/h", "100%", "20m", ["write `max: 72m`"]),
        ("1/h", "100%", "72m", []),
        ("10/h", "10%", "20m", ["write `max: 72m`"]),
        ("20/s", "100%", "11m", []),
        ("20/s", "100%", "9m", ["write `max: 12m`, or finish files sooner with `monitoring.capture.every`"]),
    ],
)
def test_trap_a_prediction_an_hour_is_up_to_an_hour_old(
    mean: str, sample: str, most: str, said: list[str], tmp_path: Path
) -> None:
    fragment = f"""
constraints: {{throughput: {{mean: {mean}, peak: 60/s}}}}
monitoring:
  capture: {{by: client, to: s3://feedback/fraud, id: payment_id, sample: {sample}}}
  rules: [{{metric: capture-age, max: {most}}}]
"""
    assert [one.help for one in findings(tmp_path, "MLS795", fragment)] == said


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
