"""The alerts on training runs, run by promtool: each alert fires when it must, and otherwise stays silent.

The run is hourly and may take half an hour. It counts as missed after 75 minutes (the gap plus 15 minutes), and
training is stale after 150 minutes (two gaps plus the deadline).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .retraining import objects
from .scenes import promtool, told_at

HOURLY = {"retraining__schedule": "0 * * * *", "training__fit": "20m", "training__deadline": "30m"}
CRONJOB = '{namespace="default",cronjob="fraud-retrain"}'

CREATED = {
    f"kube_cronjob_info{CRONJOB}": "1x100",
    f"kube_cronjob_created{CRONJOB}": "0x100",
}
"""Created at midnight, without a run so far. One sample every five minutes."""

HEALTHY = {
    **CREATED,
    f"kube_cronjob_status_last_schedule_time{CRONJOB}": "_x12 3600x11 7200x11 10800x11 14400x40",
    f"kube_cronjob_status_last_successful_time{CRONJOB}": "_x14 4200x11 7800x11 11400x11 15000x40",
}
"""Runs that start every hour on the hour, and succeed ten minutes later."""


def failed(run: str, started: int, since: int) -> dict[str, str]:
    """A run that started at some second, and is failed from some sample on."""
    job = f'namespace="default",job_name="{run}"'
    return {
        f"kube_job_status_start_time{{{job}}}": f"_x{since - 1} {started}x60",
        f'kube_job_failed{{{job},condition="true"}}': f"_x{since - 1} 1x60",
    }


def groups(tmp_path: Path) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = objects(tmp_path, **HOURLY)["PrometheusRule"]["spec"]["groups"]
    return made


def test_rules_pass_promtool(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": groups(tmp_path)}))
    done = promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_a_ticket_with_a_runbook(tmp_path: Path) -> None:
    rules = groups(tmp_path)[0]["rules"]
    assert [rule["alert"] for rule in rules] == [
        "TrainingJobAbsent",
        "TrainingRunMissed",
        "TrainingRunFailed",
        "TrainingStale",
    ]
    for rule in rules:
        assert rule["labels"]["severity"] == "ticket"
        assert rule["labels"]["owner"] == rule["labels"]["receiver"] == "payments"
        assert rule["annotations"]["runbook_url"] == "https://runbooks.example.com/fraud"


@pytest.mark.parametrize(
    ("alert", "series", "minute", "summary"),
    [
        ("TrainingJobAbsent", {}, 30, "Prometheus has no metrics for the CronJob, so no other alert can fire"),
        ("TrainingJobAbsent", {}, 29, None),
        ("TrainingJobAbsent", HEALTHY, 200, None),
        ("TrainingRunMissed", CREATED, 76, "no run has started for 1h 16m 0s"),
        ("TrainingRunMissed", CREATED, 75, None),
        ("TrainingRunMissed", HEALTHY, 230, None),
        ("TrainingStale", CREATED, 151, "no run has succeeded for 2h 31m 0s"),
        ("TrainingStale", CREATED, 150, None),
        ("TrainingStale", HEALTHY, 230, None),
        (
            "TrainingRunFailed",
            {**CREATED, **failed("fraud-retrain-60", 3600, 15)},
            80,
            "a run failed after all retries, and no run has succeeded since",
        ),
        ("TrainingRunFailed", {**HEALTHY, **failed("fraud-retrain-60", 3600, 13)}, 230, None),  # still in the history
        ("TrainingRunFailed", {**CREATED, **failed("fraud-retrain-1-60", 3600, 15)}, 90, None),  # another CronJob's
    ],
)
def test_alert(tmp_path: Path, alert: str, series: dict[str, str], minute: int, summary: str | None) -> None:
    said = f"fraud-retrain: {summary}" if summary is not None else None
    done = told_at(tmp_path, groups(tmp_path), alert, series, minute, said)
    assert done.returncode == 0, done.stdout + done.stderr
