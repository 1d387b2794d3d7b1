"""The alerts on the loop's own failures, run by promtool: lost records, and jobs that fail."""

from __future__ import annotations

import re
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.emit.artifact import Target
from mlspec.compiler.kinds import Kind
from mlspec.targets.monitoring import scheduled

from .retraining import TARGET, compiled, spec
from .scenes import proves_each, told_at
from .support import ROOT, compile_text, files
from .test_search_job import SEARCHED, TUNING
from .validation import load

Rules = list[dict[str, Any]]

RECORDER = 'job="fraud/fraud-scorer-capture",namespace="fraud"'
REQUESTS = f"mlspec_recorder_requests_total{{{RECORDER}}}"


def dropped(reason: str) -> str:
    return f'mlspec_recorder_dropped_total{{{RECORDER},reason="{reason}"}}'


@cache
def of_fraud() -> dict[str, list[dict[str, Any]]]:
    """The groups of rules of the example, by name."""
    made = files(mlspec.compile(ROOT / "examples" / "fraud-scorer" / "mlspec.yaml", today="2026-11-23"))
    found = [load(text) for name, text in made.items() if name.startswith("production/monitoring/rules")]
    return {group["name"]: group["rules"] for one in found for group in one["groups"]}


def rule(name: str) -> dict[str, Any]:
    (found,) = [one for one in of_fraud()["mlspec-fraud-scorer-capture"] if one["alert"] == name]
    return found


@pytest.mark.slow
def test_records_that_are_lost_open_a_ticket(tmp_path: Path) -> None:
    """Of 100 requests per minute, 2 are lost: 2%."""
    lossy, requests = rule("CaptureLossy"), {REQUESTS: "0+100x60"}
    assert (lossy["labels"]["severity"], lossy["labels"]["failure"]) == ("ticket", "loop")
    said = "fraud-scorer: 2% of the predictions are not recorded"
    cases: tuple[tuple[dict[str, str], int, str | None], ...] = (
        ({**requests, dropped("store"): "0+2x60"}, 20, said),
        ({**requests, dropped("store"): "0+2x60"}, 14, None),
        ({**requests, dropped("store"): "0+1x60", dropped("queue"): "0+1x60"}, 20, said),
        ({**requests, dropped("store"): "0+1x60"}, 40, None),  # at the limit
        ({**requests, dropped("not-sampled"): "0+90x60", dropped("failed"): "0+50x60"}, 40, None),
        ({REQUESTS: "0x60", dropped("store"): "0x60"}, 40, None),  # no requests
        ({f"{key[:-1]},pod=\"b\"}}" if "store" in key else key: value for key, value in
          {**requests, dropped("store"): "0+2x60"}.items()}, 20, said),
    )  # fmt: skip
    proves_each(tmp_path, [lossy], [(series, [(minute, lossy, told)]) for series, minute, told in cases])


@pytest.mark.slow
def test_a_recorder_that_no_one_scrapes_opens_a_ticket(tmp_path: Path) -> None:
    absent = rule("CaptureAbsent")
    fired = {**absent, "labels": {**absent["labels"], "job": "fraud/fraud-scorer-capture"}}
    said = "fraud-scorer: Prometheus sees no recorder, so no loss of predictions would be noticed"
    proves_each(
        tmp_path,
        [absent],
        [({}, [(15, fired, said)]), ({}, [(14, fired, None)]), ({REQUESTS: "0x60"}, [(40, fired, None)])],
    )


def test_without_a_recorder_there_is_no_alert_on_it() -> None:
    made = mlspec.compile(ROOT / "examples" / "minimal" / "mlspec.yaml", today="2026-11-23")
    assert "CaptureLossy" not in "".join(files(made).values())


# Jobs


def _emit(system: Any, plan: Any) -> Any:
    yield from TARGET.emit(system, plan)
    if plan.training is not None:
        yield partial(scheduled.of_search, plan.training)


WITH_SEARCH = Target(name="retraining", summary="", emit=_emit, kinds={"PrometheusRule": Kind(), **TARGET.kinds})


def of_search(tmp_path: Path, **tuning: object) -> Rules:
    made = compiled(tmp_path, spec(**{**SEARCHED, "training__tuning": {**TUNING, **tuning}}), targets=(WITH_SEARCH,))
    bodies = [load(file.text) for file in made.environments[0].bundle.files() if "rules-search" in file.path]
    return [group for body in bodies for group in body["groups"]]


def jobs(tmp_path: Path, kind: str) -> tuple[Rules, str, str]:
    """The groups of rules, the namespace, and the CronJob."""
    if kind == "Search":
        return of_search(tmp_path, schedule="0 * * * *"), "default", "fraud-search"
    rules_ = of_fraud()["mlspec-fraud-scorer-features"]
    return [{"name": "features", "rules": rules_}], "fraud", "fraud-scorer-features"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Search", "Feature"])
def test_a_job_that_fails_opens_a_ticket_until_one_succeeds(tmp_path: Path, kind: str) -> None:
    groups, namespace, name = jobs(tmp_path, kind)
    owner = f'namespace="{namespace}",cronjob="{name}"'
    job = f'namespace="{namespace}",job_name="{name}-60"'
    failed = {
        f"kube_job_status_start_time{{{job}}}": "_x11 3600x60",
        f'kube_job_failed{{{job},condition="true"}}': "_x14 1x60",
    }
    succeeded = f"kube_cronjob_status_last_successful_time{{{owner}}}"
    what = {"Search": "search of hyperparameters", "Feature": "materialization of features"}[kind]
    said = f"{name}: a {what} failed after all retries, and none has succeeded since"
    for series, minute, summary in (
        (failed, 80, said),
        (failed, 65, None),
        ({**failed, succeeded: "_x10 3000x60"}, 80, said),
        ({**failed, succeeded: "_x10 3000x6 4800x60"}, 100, None),
        ({one.replace(name, "another"): values for one, values in failed.items()}, 80, None),
    ):
        done = told_at(tmp_path, groups, f"{kind}RunFailed", series, minute, summary)
        assert done.returncode == 0, (minute, done.stdout + done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Search", "Feature"])
def test_a_job_that_does_not_start_opens_a_ticket(tmp_path: Path, kind: str) -> None:
    """The search is hourly, with 15 minutes of grace, and features are computed every five."""
    groups, namespace, name = jobs(tmp_path, kind)
    owner = f'namespace="{namespace}",cronjob="{name}"'
    what = {"Search": "search of hyperparameters", "Feature": "materialization of features"}[kind]
    late, shown = {"Search": (80, "1h 20m 0s"), "Feature": (25, "25m 0s")}[kind]
    created = {f"kube_cronjob_created{{{owner}}}": "0x60", f"kube_cronjob_info{{{owner}}}": "1x60"}
    missed = f"{name}: no {what} has started for {shown}"
    absent = f"{name}: Prometheus has no metrics for the CronJob, so no other alert on its runs can fire"
    for alert, series, minute, summary in (
        (f"{kind}RunMissed", created, late, missed),
        (f"{kind}RunMissed", created, late - 10, None),
        (f"{kind}JobAbsent", {}, 30, absent),
        (f"{kind}JobAbsent", created, 60, None),
    ):
        done = told_at(tmp_path, groups, alert, series, minute, summary)
        assert done.returncode == 0, (alert, minute, done.stdout + done.stderr)


def test_a_search_without_a_schedule_has_no_alerts(tmp_path: Path) -> None:
    assert of_search(tmp_path, when="every-run", schedule=None) == []


def test_a_folder_that_is_no_address_is_one_finding(tmp_path: Path) -> None:
    """What compares the folders of environments reads only what is valid."""
    text = (ROOT / "tests" / "errors" / "MLS754-two-environments" / "mlspec.yaml").read_text()
    folder = re.search(r"to: (s3://[^\s,}]+)", text)
    assert folder is not None
    result = compile_text(tmp_path, text.replace(folder[1], "nowhere"))
    assert [one.id for one in result.diagnostics if "nowhere" in str(one)] == ["MLS006"]
    assert "MLS754" not in [one.id for one in result.diagnostics]
