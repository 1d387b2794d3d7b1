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
RECORDS = f"mlspec_recorder_records_total{{{RECORDER}}}"


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


def recorded(sampled: float = 10, **lost: float) -> dict[str, str]:
    """The series of a recorder that gets 100 requests per minute: `sampled` are to be recorded, and some are lost."""
    reasons = {"no-id": 0.0, "queue": 0.0, "failed": 0.0, **{why.replace("_", "-"): n for why, n in lost.items()}}
    counts = {REQUESTS: 100.0, RECORDS: sampled - sum(lost.values()), dropped("not-sampled"): 100 - sampled}
    counts |= {dropped(reason): lost for reason, lost in reasons.items()}
    return {series: f"0+{count}x60" for series, count in counts.items()}


@cache
def lossy_of(sample: str, where: str) -> dict[str, Any]:
    """The alert if another share of the predictions is recorded, or if the body has the ID."""
    settings = [
        f"monitoring.capture.sample={sample}",
        *(["monitoring.capture.headers=null"] if where == "body" else []),
    ]
    made = mlspec.compile(
        ROOT / "examples" / "fraud-scorer" / "mlspec.yaml",
        today="2026-11-23", settings=settings, environments=["production"],
    )  # fmt: skip
    groups = load(files(made)["production/monitoring/rules.yaml"])["groups"]
    (found,) = [rule for group in groups for rule in group["rules"] if rule.get("alert") == "CaptureLossy"]
    return dict(found)


def said(lost: str) -> str:
    return f"fraud-scorer: {lost} of the predictions that should be recorded are lost"


Cases = tuple[tuple[dict[str, str], int, str | None], ...]


@pytest.mark.slow
def test_records_that_are_lost_open_a_ticket(tmp_path: Path) -> None:
    """If all predictions are recorded. Of 100 requests per minute, 2 are lost: 2%."""
    lossy, requests = lossy_of("100%", "header"), {REQUESTS: "0+100x60"}
    assert (lossy["labels"]["severity"], lossy["labels"]["failure"]) == ("ticket", "loop")
    cases: Cases = (
        ({**requests, dropped("disk"): "0+2x60"}, 20, said("2%")),
        ({**requests, dropped("disk"): "0+2x60"}, 14, None),
        ({**requests, dropped("disk"): "0+1x60", dropped("queue"): "0+1x60"}, 20, said("2%")),
        ({**requests, dropped("disk"): "0+1x60"}, 40, None),  # at the limit
        ({**requests, dropped("failed"): "0+50x60"}, 40, None),
        ({REQUESTS: "0x60", dropped("disk"): "0x60"}, 40, None),  # no requests
        ({f"{key[:-1]},pod=\"b\"}}" if "disk" in key else key: value for key, value in
          {**requests, dropped("disk"): "0+2x60"}.items()}, 20, said("2%")),
    )  # fmt: skip
    proves_each(tmp_path, [lossy], [(series, [(minute, lossy, told)]) for series, minute, told in cases])


@pytest.mark.slow
def test_trap_what_is_lost_of_a_sample_is_a_small_share_of_all_requests(tmp_path: Path) -> None:
    """If a tenth is recorded, half of it is 5% of all requests; of a sample of 1%, even all of it is at the limit."""
    lossy = lossy_of("10%", "header")
    cases: Cases = (
        (recorded(queue=0.5), 20, said("5%")),
        (recorded(disk=0.5), 20, said("5%")),
        (recorded(queue=0.05), 40, None),
        (recorded(no_id=5), 20, said("5%")),
        (recorded(no_id=0.5), 40, None),  # of all requests, not of the sample
        (recorded(failed=5), 40, None),
        (recorded(sampled=0), 40, None),
        (dict.fromkeys(recorded(), "0x60"), 40, None),  # no requests
        ({**dict.fromkeys(recorded(), "0x60"), REQUESTS: "0+100x60", dropped("no-id"): "0+100x60"}, 20, said("100%")),
    )
    proves_each(tmp_path, [lossy], [(series, [(minute, lossy, told)]) for series, minute, told in cases])
    rare = lossy_of("1%", "header")
    proves_each(tmp_path, [rare], [(recorded(sampled=1, queue=1), [(20, rare, said("100%"))])])


@pytest.mark.slow
def test_trap_connections_that_cannot_be_read_are_no_losses(tmp_path: Path) -> None:
    """A gateway with HTTP/2 sends everything on one connection. It is counted once, and no request is."""
    unread, lossy = rule("CaptureUnread"), rule("CaptureLossy")
    name = f"mlspec_recorder_unread_connections_total{{{RECORDER}}}"
    assert (unread["labels"]["severity"], unread["labels"]["failure"]) == ("ticket", "loop")
    told = (
        "fraud-scorer: the recorder could not read 1 of the connections of the last day, so their predictions are not "
        "recorded"
    )
    quiet = dict.fromkeys(recorded(), "0x60")
    cases: Cases = (
        ({**quiet, name: "0x9 1x50"}, 10, told),
        ({**quiet, name: "1x60"}, 0, told),  # before the first scrape
        ({**quiet, name: "0x60"}, 40, None),
        ({name: "0x9 1x1500"}, 1449, told),
        ({name: "0x9 1x1500"}, 1450, None),
    )
    proves_each(tmp_path, [unread], [(series, [(minute, unread, said)]) for series, minute, said in cases])
    proves_each(tmp_path, [lossy], [({**quiet, name: "1x60"}, [(40, lossy, None)])])


@pytest.mark.slow
def test_trap_an_id_in_the_body_is_only_read_after_most_losses(tmp_path: Path) -> None:
    lossy = lossy_of("10%", "body")
    cases: Cases = (
        (recorded(queue=0.5), 40, None),  # of all requests
        (recorded(queue=5), 20, said("5%")),
        (recorded(disk=0.5), 20, said("5%")),
    )
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
