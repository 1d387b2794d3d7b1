"""The diagnosis of small histories by hand, its file and statuses, and hostile input.

`test_diagnose_scenarios` has the stories of the table of causes, from simulated data.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.diagnose.diagnosis import BROKEN, VERDICTS, diagnose
from mlspec.runtime.diagnose.facts import stepped
from mlspec.runtime.diagnose.settings import settings_of
from mlspec.runtime.diagnose.view import Point, view_of
from mlspec.runtime.measure.measured import Measured, Series, history_name, write

from .captures import AT, DAY, stamp
from .support import Ran, run
from .worlds import catalog

VERSION = {"segment": "model_version", "segment_value": "14"}
LIVE = {"metric": "recall", "output": "score", "role": "live"}


def config(**monitoring: Any) -> dict[str, Any]:
    return {
        "metrics": {"recall": {"direction": "maximize"}},
        "data": {"columns": [{"name": "amount", "nullShare": 0.05}]},
        "monitoring": {
            "interval": DAY,
            "capture": {"uri": "/nowhere", "id": "id"},
            "labels": {"uri": "/nowhere", "column": "label", "delay": 0},
            "prediction": {"output": "score", "threshold": 0.5},
            "drift": {
                "columns": [
                    {"column": "amount", "subject": "feature", "method": "psi", "threshold": 0.2, "minSamples": 100}
                ]
            },
            "quality": {"bounds": [{"metric": "recall", "min": 0.6, "minSamples": 50}]},
            "diagnoses": catalog(),
            **monitoring,
        },
    }


def measured(monitor: Any, days: int, *series: Series) -> Measured:
    """A measurement so many days before the diagnosis."""
    at = float(AT - days * DAY)
    return Measured(monitor=monitor, time=at, window=(at - DAY, at), series=series)


def quality(days: int, value: float, samples: int = 400, half: float = 0.04, **labels: str) -> Measured:
    ends = {"": value, "_low": value - half, "_high": value + half}
    own = {**LIVE, **labels}
    return measured(
        "quality",
        days,
        *(Series(name=f"mlspec_quality{end}", labels=own, value=each) for end, each in ends.items()),
        Series(name="mlspec_quality_samples", labels=own, value=samples),
        Series(
            name="mlspec_quality_samples", labels={**own, "segment": "model_version", "segment_value": "14"}, value=9
        ),
    )


def drift(days: int, value: float, **more: float) -> Measured:
    labels = {"subject": "feature", "column": "amount", "method": "psi"}
    found = {"mlspec_drift_distance": value, "mlspec_drift_samples": 5000.0, **more}
    return measured("drift", days, *(Series(name=name, labels=labels, value=each) for name, each in found.items()))


def labels(days: int, mean: float = 0.2, newest: float = 0.5, coverage: float = 0.9) -> Measured:
    return measured(
        "labels",
        days,
        Series(name="mlspec_label_newest_timestamp_seconds", labels={}, value=AT - (days + newest) * DAY),
        Series(name="mlspec_label_coverage_ratio", labels={}, value=coverage),
        Series(name="mlspec_label_rows", labels={}, value=2000),
        Series(name="mlspec_label_mean", labels={}, value=mean),
    )


BROKEN_DATA = measured("data", 0, Series(name="mlspec_data_violation_ratio", labels={"column": "amount"}, value=0.9))


def capture(days: int) -> Measured:
    return measured("capture", days, Series(name="mlspec_capture_rows", labels={}, value=2000))


def calm(first: int = 4) -> list[Measured]:
    """Days on which nothing happens, up to and including the day of the diagnosis."""
    return [one for day in range(first + 1) for one in (quality(day, 0.7), drift(day, 0.02), labels(day), capture(day))]


def verdict(*more: Measured, **monitoring: Any) -> tuple[str, str | None, bool]:
    """Later measurements of the same time replace earlier ones."""
    found = diagnose(view_of([*calm(), *more], AT), settings_of(config(**monitoring)))
    return found.verdict, found.cause, found.retrain


# By hand


def test_nothing_is_raised() -> None:
    assert verdict() == ("healthy", None, False)


def test_a_fall_without_drift_is_that_of_the_concept() -> None:
    assert verdict(quality(0, 0.5)) == ("retrain", "concept-drift", True)


def test_a_bar_inside_the_interval_is_no_fall() -> None:
    assert verdict(quality(0, 0.58)) == ("healthy", None, False)


def test_a_fall_on_too_few_observations_is_no_fall() -> None:
    assert verdict(quality(0, 0.2, samples=49)) == ("healthy", None, False)


def test_drift_below_its_noise_is_none() -> None:
    assert verdict(drift(0, 0.5, mlspec_drift_noise_distance=0.6)) == ("healthy", None, False)


def test_drift_on_too_few_rows_is_none() -> None:
    assert verdict(drift(0, 0.5, mlspec_drift_samples=99)) == ("healthy", None, False)


@pytest.mark.parametrize(("share", "expected"), [(0.05, "healthy"), (0.051, "fix-data")])
def test_nulls_are_compared_with_the_expectation(share: float, expected: str) -> None:
    nulls = measured("data", 0, Series(name="mlspec_null_ratio", labels={"column": "amount"}, value=share))
    assert verdict(nulls)[0] == expected


def test_trap_a_model_is_not_trained_on_the_day_that_its_labels_changed() -> None:
    """A fall of recall with a jump of the share of positives is what a changed definition of labels looks like."""
    assert verdict(quality(0, 0.5), labels(0, mean=0.35)) == ("fix-labels", "label-fault", False)


def test_trap_late_labels_come_before_everything_that_labels_show() -> None:
    assert verdict(quality(0, 0.5), labels(0, newest=2.5)) == ("wait", "label-lag", False)
    assert verdict(quality(0, 0.5), labels(0, coverage=0.6)) == ("wait", "label-lag", False)


def test_trap_the_share_of_positives_is_no_coverage() -> None:
    """Where no label means negative, the source only delivers positives, and fewer of them are not late."""
    source = {"uri": "/nowhere", "column": "label", "delay": 0, "unlabeled": "negative"}
    assert verdict(labels(0, coverage=0.6), labels=source) == ("healthy", None, False)


@pytest.mark.parametrize("monitor", ["quality", "drift", "labels", "capture"])
def test_trap_a_monitor_that_is_silent_for_two_intervals_decides_first(monitor: str) -> None:
    """What no job measures looks like what does not happen."""
    history = [one for one in calm(6) if one.monitor != monitor or one.time < AT - 2 * DAY]
    found = diagnose(view_of(history, AT), settings_of(config()))
    assert (found.verdict, found.retrain) == ("fix-monitoring", False)
    kept = [one for one in calm(6) if one.monitor != monitor or one.time <= AT - 2 * DAY]
    assert diagnose(view_of(kept, AT), settings_of(config())).verdict == "healthy"


def test_an_estimate_raises_and_never_clears() -> None:
    """The estimate is good, and the measured quality is not: that is no reason to be calm."""
    good = Series(name="mlspec_quality_estimate", labels={"metric": "recall", "output": "score"}, value=0.75)
    ends = [good.but(name=f"{good.name}_{side}", value=value) for side, value in (("low", 0.72), ("high", 0.78))]
    fallen = quality(0, 0.5)
    assert verdict(fallen.but(series=(*fallen.series, good, *ends))) == ("retrain", "concept-drift", True)


def test_an_unexplained_estimate_is_unknown() -> None:
    """The estimate falls, and no input drifts: nothing in the table looks like that."""
    bad = Series(name="mlspec_quality_estimate", labels={"metric": "recall", "output": "score"}, value=0.4)
    ends = [bad.but(name=f"{bad.name}_{side}", value=value) for side, value in (("low", 0.35), ("high", 0.45))]
    fine = quality(0, 0.7)
    assert verdict(fine.but(series=(*fine.series, bad, *ends))) == ("unknown", None, False)


@pytest.mark.parametrize(
    ("broken", "expected"), [(2, ("fix-data", "upstream-change", False)), (4, ("retrain", "concept-drift", True))]
)
def test_trap_labels_of_a_data_break_that_is_fixed_are_no_reason_to_train(
    broken: int, expected: tuple[str, str, bool]
) -> None:
    """Labels take two days, so the quality of today is that of the rows of two days ago."""
    late = quality(0, 0.3).but(window=(AT - 3.0 * DAY, AT - 2.0 * DAY))
    data = [
        measured("data", day, Series(name="mlspec_data_violation_ratio", labels={"column": "amount"}, value=value))
        for day in range(6)
        for value in [0.9 if day == broken else 0.0]
    ]
    assert verdict(late, *data) == expected


@pytest.mark.parametrize("labeled", [False, True])
def test_trap_the_quality_of_the_version_before_does_not_train_again(labeled: bool) -> None:
    """Version 15 went live yesterday, and labels are those of version 14, or also those of version 15."""

    def captured(day: int, version: str) -> Measured:
        own = {"segment": "model_version", "segment_value": version}
        return measured("capture", day, Series(name="mlspec_capture_rows", labels=own, value=2000))

    counted = Series(
        name="mlspec_quality_samples", labels={**LIVE, "segment": "model_version", "segment_value": "15"}, value=60
    )
    good, low = quality(1, 0.7), quality(0, 0.3)
    if labeled:
        good, low = (one.but(series=(*one.series, counted)) for one in (good, low))
    versions = [captured(day, "15" if day < 2 else "14") for day in range(5)]
    expected = ("retrain", True) if labeled else ("wait", False)
    assert verdict(good, low, *versions)[::2] == expected


def test_a_cause_that_no_measurement_decides_is_not_ruled_out() -> None:
    own = {"license-change": {"retrain": False, "signals": ["quality-drop"], "action": "call the vendor"}}
    found = diagnose(view_of([*calm(), quality(0, 0.5)], AT), settings_of(config(diagnoses={**own, **catalog()})))
    assert (found.verdict, found.retrain) == ("unknown", False)
    assert "license-change is not ruled out: no measurement decides it, only an engineer" in [
        one.says for one in found.evidence
    ]


def test_the_order_of_the_configuration_decides() -> None:
    """With labels and data both broken, the cause that comes first is the verdict; training never comes first."""
    history = [*calm(), quality(0, 0.5), labels(0, newest=3)]
    history.append(
        measured("data", 0, Series(name="mlspec_data_violation_ratio", labels={"column": "amount"}, value=0.9))
    )
    assert diagnose(view_of(history, AT), settings_of(config())).cause == "upstream-change"
    turned = dict(reversed(catalog().items()))
    assert diagnose(view_of(history, AT), settings_of(config(diagnoses=turned))).cause == "label-lag"


def test_measurements_of_later_do_not_exist_yet() -> None:
    history = [*calm(), quality(0, 0.2)]
    assert diagnose(view_of(history, AT - 1), settings_of(config())).verdict == "healthy"


def test_labels_of_overlapping_windows_count_once() -> None:
    """Five days of 2,000 labels are 10,000."""
    for least, expected in ((10_000, "retrain"), (10_001, "wait")):
        assert verdict(quality(0, 0.5), retraining={"minNewLabels": least})[0] == expected


def counted(rows: float) -> list[Measured]:
    """The newest labels with how many are new."""
    return [measured("labels", 0, *labels(0).series, Series(name="mlspec_label_new_rows", labels={}, value=rows))]


def test_the_count_since_training_replaces_that_of_the_history() -> None:
    """The history has two weeks, and a model may be live for longer."""
    for rows, expected in ((29_999, "wait"), (30_000, "retrain")):
        assert verdict(quality(0, 0.5), *counted(rows), retraining={"minNewLabels": 30_000})[0] == expected


ON_NEW_LABELS = {"minNewLabels": 30_000, "triggers": ["new-labels"]}


def test_enough_new_labels_justify_a_run_without_any_damage() -> None:
    assert verdict(*counted(30_000), retraining=ON_NEW_LABELS) == ("retrain", None, True)
    assert verdict(*counted(29_999), retraining=ON_NEW_LABELS) == ("healthy", None, False)
    assert verdict(*counted(30_000), retraining={"minNewLabels": 30_000}) == ("healthy", None, False)


def test_trap_new_labels_do_not_justify_a_run_on_a_fault() -> None:
    nulls = measured("data", 0, Series(name="mlspec_null_ratio", labels={"column": "amount"}, value=0.4))
    assert verdict(nulls, *counted(30_000), retraining=ON_NEW_LABELS)[0] == "fix-data"
    skew = {"serving-skew": catalog()["serving-skew"]}
    unknown = {"license-change": {"retrain": False, "signals": ["feature-drift"], "action": "call the vendor"}}
    drifts = drift(0, 0.5)
    found = verdict(drifts, *counted(30_000), retraining=ON_NEW_LABELS, diagnoses={**unknown, **skew})
    assert found[2] is False


@pytest.mark.parametrize(
    ("past", "value", "expected"),
    [
        ([0.02, 0.03, 0.02], 0.5, True),
        ([0.02, 0.1, 0.19, 0.28], 0.37, False),
        ([], 0.5, False),
        ([0.5, 0.5], 0.5, False),
    ],
)
def test_a_step_and_a_ramp(past: list[float], value: float, expected: bool) -> None:
    points = tuple(Point(time=float(index), value=each) for index, each in enumerate(past))
    assert stepped(points, value, 0.2) is expected


def test_every_cause_of_the_catalog_has_a_function() -> None:
    assert set(VERDICTS) == set(catalog())
    for name, (_, verdict) in VERDICTS.items():
        assert catalog()[name]["retrain"] == (verdict == "retrain")


# The command


class Asked:
    """A folder with a history and a configuration."""

    def __init__(self, folder: Path, *more: Measured, **monitoring: Any) -> None:
        self.folder, self.out = folder, folder / "diagnosis.json"
        self.config = config(**monitoring)
        (folder / "history").mkdir()
        for one in [*calm(), *more]:
            write(folder / "history" / history_name(one), one)

    def run(self, *more: str) -> Ran:
        (self.folder / "config.json").write_text(json.dumps(self.config))
        files = ("--config", self.folder / "config.json", "--measured", self.folder / "history", "--out", self.out)
        return run("runtime", "diagnose", *files, "--at", stamp(AT), *more)


@pytest.mark.parametrize(
    ("more", "by_hand", "in_job"),
    [
        ([], 42, 0),  # a schedule asked for a run, and nothing speaks against it
        ([quality(0, 0.5)], 0, 0),
        ([BROKEN_DATA], 42, 42),
        ([quality(0, 0.5), labels(0, mean=0.4)], 42, 42),
        ([quality(0, 0.5), labels(0, newest=3)], 42, 0),
    ],
)
def test_the_statuses(tmp_path: Path, more: list[Measured], by_hand: int, in_job: int) -> None:
    asked = Asked(tmp_path, *more)
    assert (asked.run().status, asked.run("--in-job").status) == (by_hand, in_job)


def test_the_file_says_what_led_to_the_verdict(tmp_path: Path) -> None:
    asked = Asked(tmp_path, BROKEN_DATA)
    ran = asked.run()
    found = json.loads(asked.out.read_text())
    assert (found["version"], found["time"], found["verdict"], found["cause"]) == (1, AT, "fix-data", "upstream-change")
    assert found["retrain"] is False
    assert found["evidence"] == [
        {
            "says": "`amount` violates its expectations in more rows than expected",
            "series": {"name": "mlspec_data_violation_ratio", "labels": {"column": "amount"}},
            "value": 0.9,
            "limit": 0.01,
        }
    ]
    assert {"cause": "silent-monitor", "why": "none of its signals is raised"} in found["ruledOut"]
    assert found["action"] == catalog()["upstream-change"]["action"]
    assert ran.out.splitlines()[0] == "fix-data: upstream-change"


def test_running_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    asked = Asked(tmp_path, quality(0, 0.5))
    asked.run()
    first = asked.out.read_bytes()
    asked.run()
    assert asked.out.read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "diagnosis.json", "history"]


def test_a_file_that_is_still_being_written_is_no_measurement(tmp_path: Path) -> None:
    asked = Asked(tmp_path)
    (tmp_path / "history" / f".quality-{AT}.json.part").write_text("{")
    assert asked.run().status == 42


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 2}', '{"version": 1, "monitor": "quality"}', "[" * 10**5]
)
@pytest.mark.parametrize("in_job", [False, True])
def test_a_broken_measurement_is_one_clear_line(tmp_path: Path, content: str, in_job: bool) -> None:
    asked = Asked(tmp_path)
    (tmp_path / "history" / "quality-1.json").write_text(content)
    ran = asked.run(*(["--in-job"] if in_job else []))
    assert ran.status == (42 if in_job else 1)
    assert len(ran.err.splitlines()) == 1
    assert "quality-1.json" in ran.err
    assert not asked.out.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"diagnoses": {}}, "`monitoring` has no `diagnoses`"),
        ({"diagnoses": {"x": {}}}, "the cause x in `monitoring.diagnoses` does not say whether to `retrain`"),
        ({"diagnoses": {"x": {"retrain": True, "signals": 3}}}, "has no list of `signals`"),
        ({"interval": 0}, "`interval` in the configuration is not a number"),
        ({"drift": {"columns": [{"column": "a"}]}}, "needs a text `subject`"),
        ({"quality": {"bounds": [{"metric": "recall"}]}}, "has neither `min`, `max`, nor `versus`"),
        ({"retraining": {"onDataFault": "maybe"}}, "is neither `stop` nor `continue`"),
        ({"retraining": {"triggers": "new-labels"}}, "`monitoring.retraining.triggers` is not a list"),
        ({"retraining": {"minNewLabels": "many"}}, "`minNewLabels` in the configuration is not a number"),
        ({"labels": [1]}, "`labels` in the configuration is not a mapping"),
    ],
)
def test_a_bad_configuration_is_one_clear_line(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    asked = Asked(tmp_path, **changes)
    ran = asked.run()
    assert ran.status == 1
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1
    with pytest.raises(Unreadable):
        settings_of(asked.config)


def test_without_a_history_nothing_is_healthy(tmp_path: Path) -> None:
    asked = Asked(tmp_path)
    for path in (tmp_path / "history").iterdir():
        path.unlink()
    assert asked.run().status == 42
    assert json.loads(asked.out.read_text())["verdict"] == "fix-monitoring"


def test_wrong_usage() -> None:
    assert run("runtime", "diagnose", "--out", "x").status == 2


def test_a_diagnosis_needs_the_standard_library_only() -> None:
    """So that it runs on a public image of Python, from a ConfigMap."""
    code = "import sys, mlspec.runtime.diagnose.command; print({'numpy', 'pyarrow', 'yaml'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def test_broken_verdicts_are_verdicts() -> None:
    assert set(BROKEN) <= {verdict for _, verdict in VERDICTS.values()} | {"fix-features"}
