"""The alerts of batch inference, run by promtool: each alert fires when it must, and otherwise stays silent.

The run is hourly and may take half an hour. It counts as missed after 75 minutes (the gap plus 15 minutes), and the
scores are stale after 150 minutes (two gaps plus the deadline).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.emit.dump import plain

from .batch import compiled, spec
from .scenes import promtool, told_at

HOURLY = {"serving__schedule": "0 * * * *", "constraints__deadline": "30m"}
CRONJOB = '{namespace="default",cronjob="demand"}'

# The series that exist once the CronJob is created, at the epoch; one sample every five minutes.
CREATED = {f"kube_cronjob_info{CRONJOB}": "1x60", f"kube_cronjob_created{CRONJOB}": "0x60"}

# Runs that start on the hour and succeed ten minutes later.
HEALTHY = {
    **CREATED,
    f"kube_cronjob_status_last_schedule_time{CRONJOB}": "_x12 3600x11 7200x11 10800x11 14400x11",
    f"kube_cronjob_status_last_successful_time{CRONJOB}": "_x14 4200x11 7800x11 11400x11 15000x11",
}


SUCCEEDED_UNTIL_TWO = {f"kube_cronjob_status_last_successful_time{CRONJOB}": "_x14 4200x11 7800x60"}
STOPPED = {
    f"kube_cronjob_status_last_schedule_time{CRONJOB}": "_x12 3600x60",
    f"kube_cronjob_status_last_successful_time{CRONJOB}": "_x14 4200x60",
}


def late(since: str) -> str:
    return f"no run has succeeded since one was due {since} ago; the deadline is 30m"


def failed(name: str, start: int, since: int) -> dict[str, str]:
    """A Job that started at some second and is failed from some sample on. It stays in the history."""
    own = f'namespace="default",job_name="{name}"'
    return {
        f"kube_job_status_start_time{{{own}}}": f"_x{start // 300} {start}x60",
        f'kube_job_failed{{{own},condition="true"}}': f"_x{since} 1x60",
        f'kube_job_failed{{{own},condition="false"}}': f"_x{since} 0x60",
    }


def retried(name: str) -> dict[str, str]:
    """A Job that continues after one of its pods has failed."""
    own = f'namespace="default",job_name="{name}"'
    return {
        f"kube_job_status_start_time{{{own}}}": "_x12 3600x60",
        f'kube_job_status_failed{{{own},reason=""}}': "_x12 1x60",
    }


def groups(tmp_path: Path) -> list[dict[str, Any]]:
    made = spec(**HOURLY, releases__lightgbm__trainedAt="1970-01-01T00:00:00Z", retraining={"maxModelAge": "1h"})
    bundle = compiled(tmp_path, made).environments[0].bundle
    (rules,) = [artifact for artifact in bundle.artifacts if artifact.path == "monitoring/rules.yaml"]
    found: list[dict[str, Any]] = plain(rules.body)["groups"]
    return found


def test_rules_pass_promtool(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": groups(tmp_path)}))
    done = promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_name_their_receiver_and_their_runbook(tmp_path: Path) -> None:
    alerts = [rule for rule in groups(tmp_path)[0]["rules"] if "alert" in rule]
    assert [(rule["alert"], rule["labels"]["severity"]) for rule in alerts] == [
        ("BatchJobAbsent", "page"),
        ("BatchRunMissed", "ticket"),
        ("BatchRunFailed", "ticket"),
        ("BatchDeadlineMissed", "page"),
        ("BatchScoresStale", "page"),
        ("ModelTooOld", "ticket"),
        ("GPUFailed", "ticket"),
        ("GPUMemoryUnrepaired", "ticket"),
    ]
    for rule in alerts:
        assert rule["labels"]["owner"] == rule["labels"]["receiver"] == "supply"
        assert rule["annotations"]["runbook_url"] == "https://runbooks.example.com/demand"


def test_only_a_declared_deadline_pages(tmp_path: Path) -> None:
    """Without one, the planner only limits how long a run may take."""
    bundle = compiled(tmp_path, spec(constraints__deadline=None)).environments[0].bundle
    (rules,) = [artifact for artifact in bundle.artifacts if artifact.path == "monitoring/rules.yaml"]
    found = [rule.get("alert") for rule in plain(rules.body)["groups"][0]["rules"]]
    assert "BatchDeadlineMissed" not in found
    assert "BatchScoresStale" in found


@pytest.mark.parametrize(
    ("alert", "series", "minute", "summary"),
    [
        ("BatchJobAbsent", {}, 30, "Prometheus has no metrics for the CronJob, so no other alert can fire"),
        ("BatchJobAbsent", {}, 29, None),
        ("BatchJobAbsent", HEALTHY, 200, None),
        ("BatchRunMissed", CREATED, 76, "no run has started for 1h 16m 0s"),
        ("BatchRunMissed", CREATED, 75, None),
        (
            "BatchRunMissed",
            {**HEALTHY, f"kube_cronjob_status_last_schedule_time{CRONJOB}": "_x12 3600x60"},
            136,
            "no run has started for 1h 16m 0s",
        ),
        ("BatchRunMissed", HEALTHY, 230, None),
        (
            "BatchScoresStale",
            CREATED,
            151,
            "no run has succeeded for 2h 31m 0s, so the scores are stale",
        ),  # no run so far
        ("BatchScoresStale", CREATED, 150, None),
        (
            "BatchScoresStale",
            {**HEALTHY, f"kube_cronjob_status_last_successful_time{CRONJOB}": "_x14 4200x60"},
            221,
            "no run has succeeded for 2h 31m 0s, so the scores are stale",
        ),
        ("BatchScoresStale", HEALTHY, 230, None),
        (
            "BatchRunFailed",
            {**CREATED, **failed("demand-60", 3600, 15)},
            80,
            "a run failed after all retries, and no run has succeeded since",
        ),
        (
            "BatchRunFailed",
            {**HEALTHY, **failed("demand-180", 10800, 37)},
            186,
            "a run failed after all retries, and no run has succeeded since",
        ),
        ("BatchRunFailed", {**HEALTHY, **failed("demand-180", 10800, 37)}, 230, None),  # still in the history
        ("BatchRunFailed", {**CREATED, **retried("demand-60")}, 90, None),
        ("BatchRunFailed", {**CREATED, **failed("demand-extra-60", 3600, 15)}, 90, None),  # another CronJob's
        # the run of 3:00 fails at its deadline of half an hour, or waits for a node: the last success was at 2:10
        ("BatchDeadlineMissed", {**HEALTHY, **SUCCEEDED_UNTIL_TWO}, 215, late("35m 0s")),
        ("BatchDeadlineMissed", {**HEALTHY, **SUCCEEDED_UNTIL_TWO}, 214, None),
        ("BatchDeadlineMissed", {**HEALTHY, **SUCCEEDED_UNTIL_TWO}, 239, late("59m 0s")),
        ("BatchDeadlineMissed", {**HEALTHY, **SUCCEEDED_UNTIL_TWO}, 245, late("1h 5m 0s")),  # the next one is due
        ("BatchDeadlineMissed", {**HEALTHY, **SUCCEEDED_UNTIL_TWO}, 170, None),
        # the run of 4:00 succeeds
        (
            "BatchDeadlineMissed",
            {**HEALTHY, f"kube_cronjob_status_last_successful_time{CRONJOB}": "_x14 4200x11 7800x23 15000x11"},
            255,
            None,
        ),
        # no run starts after that of 1:00, which succeeded: 75 minutes and the deadline later
        ("BatchDeadlineMissed", {**CREATED, **STOPPED}, 166, late("1h 46m 0s")),
        ("BatchDeadlineMissed", {**CREATED, **STOPPED}, 165, None),
        ("BatchDeadlineMissed", CREATED, 106, late("1h 46m 0s")),  # nor does the first one
        ("BatchDeadlineMissed", CREATED, 105, None),
        *(("BatchDeadlineMissed", HEALTHY, minute, None) for minute in (20, 65, 96, 130, 156, 190, 216, 250)),
        ("BatchDeadlineMissed", {}, 250, None),
        ("ModelTooOld", HEALTHY, 61, "the model was trained 1h 1m 0s ago; the limit is 1h"),
        ("ModelTooOld", HEALTHY, 60, None),
    ],
)
def test_alert(tmp_path: Path, alert: str, series: dict[str, str], minute: int, summary: str | None) -> None:
    said = f"demand: {summary}" if summary is not None else None
    done = told_at(tmp_path, groups(tmp_path), alert, series, minute, said)
    assert done.returncode == 0, done.stdout + done.stderr


CLOSE = [
    ("0 * * * *", "57m"),
    ("* * * * *", "30s"),
    ("0 6,14,22 * * *", "440m"),
]
"""Schedules and deadlines: of the first two, the next run is due before Prometheus can know that one is late."""


def proven(folder: Path, schedule: str, deadline: str, old: str, new: str) -> list[int]:
    """The exit status of promtool for each file of unit tests, with a text of the rules replaced."""
    made = spec(serving__schedule=schedule, constraints__deadline=deadline, constraints__items=None)
    files = {one.path: one.text for one in compiled(folder, made).environments[0].bundle.files()}
    assert old in files["monitoring/rules.yaml"]
    (folder / "rules.yaml").write_text(files["monitoring/rules.yaml"].replace(old, new))
    tests = [path for path in files if path.startswith("monitoring/tests")]
    for path in tests:
        (folder / Path(path).name).write_text(files[path])
    return [promtool(folder, "test", "rules", Path(path).name).returncode for path in tests]


@pytest.mark.slow
@pytest.mark.parametrize(("schedule", "deadline"), CLOSE)
def test_a_run_is_late_although_the_next_one_is_due(schedule: str, deadline: str, tmp_path: Path) -> None:
    assert set(proven(tmp_path, schedule, deadline, "offset", "offset")) == {0}


@pytest.mark.slow
@pytest.mark.parametrize(("schedule", "deadline", "limit"), [("0 * * * *", "57m", "1h2m"), ("* * * * *", "30s", "6m")])
def test_the_proof_notices_that_the_next_run_hides_one_that_is_late(
    schedule: str, deadline: str, limit: str, tmp_path: Path
) -> None:
    """Without the offset, the time since a run was due never reaches its limit."""
    assert any(proven(tmp_path, schedule, deadline, f" offset {limit})\n", f") > {limit}\n".replace(limit, "3720")))


def test_a_success_counts_although_the_cronjob_was_created_again(tmp_path: Path) -> None:
    """The run of 1:00 succeeded at 1:10; at 1:20, another CronJob replaces the one that says so."""
    due, success = (f"kube_cronjob_status_last_{what}_time{CRONJOB}" for what in ("schedule", "successful"))
    series = {
        f"kube_cronjob_info{CRONJOB}": "1x60",
        f"kube_cronjob_created{CRONJOB}": "0x15 4800x40",
        due: "_x12 3600x3 stale _x7 7200x20",
        success: "_x14 4200x1 stale _x10 7800x20",
    }
    for minute in (85, 95, 99, 115, 124, 129, 140):
        done = told_at(tmp_path, groups(tmp_path), "BatchDeadlineMissed", series, minute, None)
        assert done.returncode == 0, done.stdout + done.stderr
