"""The process that measures: when it measures, what it serves, and when it starts a training run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from mlspec.compiler.exported import CONTRACT
from mlspec.compiler.pace import settles
from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.diagnose import remote
from mlspec.runtime.diagnose.diagnosis import Diagnosis
from mlspec.runtime.exporter.ages import Ages
from mlspec.runtime.exporter.cluster import ANNOTATION, CRON_JOB, CRON_WORKFLOW, Api, ApiError, Schedule, local
from mlspec.runtime.exporter.command import Exporter, exporter
from mlspec.runtime.exporter.command import Request as Process
from mlspec.runtime.exporter.exposition import text_of
from mlspec.runtime.exporter.history import KEPT, History
from mlspec.runtime.exporter.jobs import Job, jobs_of
from mlspec.runtime.exporter.requests import asks, requested
from mlspec.runtime.exporter.rounds import BEFORE, Rounds
from mlspec.runtime.measure.measured import Measured, Series, write

DAY = 86_400.0
NOW = 1_764_028_800.0 + 3 * 3600  # three hours after midnight, UTC


def drift(at: float, value: float = 0.01) -> Measured:
    series = Series(name="mlspec_drift_distance", labels={"column": 'a "b"\\', "method": "psi"}, value=value)
    return Measured(monitor="drift", time=at, window=(at - DAY, at), series=(series,))


# When it measures


class Clock:
    """A job whose runs are recorded."""

    def __init__(self, fails: int = 0) -> None:
        self.ends: list[float] = []
        self.fails = fails

    def measure(self, at: float) -> tuple[Measured, ...]:
        if self.fails:
            self.fails -= 1
            raise OSError("the store is away")
        self.ends.append(at)
        return (drift(at),)

    @property
    def job(self) -> Job:
        return Job(name="drift", monitors=("drift",), period=DAY, measure=self.measure)


def run_all(rounds: Rounds, now: float) -> None:
    while rounds.run(now, lambda: now):
        pass


def test_the_newest_window_comes_first_and_then_those_before(tmp_path: Path) -> None:
    clock = Clock()
    run_all(Rounds((clock.job,), History(tmp_path), print), NOW)
    midnight = NOW - 3 * 3600
    assert clock.ends == [midnight - back * DAY for back in range(BEFORE)]


def test_a_window_is_measured_once_its_records_have_arrived(tmp_path: Path) -> None:
    clock, midnight = Clock(), NOW - 3 * 3600
    rounds = Rounds((clock.job,), History(tmp_path), print)
    run_all(rounds, midnight + settles(DAY) - 1)
    assert midnight not in clock.ends
    run_all(rounds, midnight + settles(DAY))
    assert clock.ends[-1] == midnight


def test_a_restart_measures_nothing_twice(tmp_path: Path) -> None:
    first, second = Clock(), Clock()
    run_all(Rounds((first.job,), History(tmp_path), print), NOW)
    run_all(Rounds((second.job,), History(tmp_path), print), NOW)
    assert second.ends == []


def test_a_failure_is_said_and_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    clock = Clock(fails=1)
    rounds = Rounds((clock.job,), History(tmp_path), said.append)
    run_all(rounds, NOW)
    midnight = NOW - 3 * 3600
    assert "drift: the store is away" in said
    assert midnight not in clock.ends
    assert rounds.succeeded == {}, "older windows are no success of the newest"
    run_all(rounds, NOW + settles(DAY))
    assert clock.ends[-1] == midnight
    assert rounds.succeeded == {"drift": NOW + settles(DAY)}


def test_a_broken_result_is_measured_again(tmp_path: Path) -> None:
    (tmp_path / "drift-1764028800.json").write_text('{"version": 1, "monitor":')
    assert History(tmp_path).all() == ()
    assert [*tmp_path.iterdir()] == []


def test_old_results_are_removed(tmp_path: Path) -> None:
    history = History(tmp_path)
    for day in range(KEPT + 3):
        history.add([drift(DAY * (day + 1))])
    assert [one.time for one in history.all()] == [DAY * (day + 1) for day in range(3, KEPT + 3)]
    assert len([*tmp_path.iterdir()]) == KEPT


def test_trap_results_of_rows_whose_labels_have_not_arrived_are_kept(tmp_path: Path) -> None:
    """With labels that take 45 days, whether the rows were broken is known from results of 45 days ago."""
    history = History(tmp_path, 45)
    for day in range(KEPT + 48):
        history.add([drift(DAY * (day + 1))])
    assert len(history.all()) == KEPT + 45


def test_what_is_asked_for_is_measured() -> None:
    monitoring: dict[str, Any] = {"interval": 3600, "capture": {"uri": "x", "id": "id"}}
    column = {"column": "a", "subject": "feature", "method": "psi", "threshold": 0.2}
    assert [job.name for job in jobs_of({"monitoring": monitoring})] == ["capture"]
    monitoring["drift"] = {"window": 86400, "columns": [column]}
    assert [(job.name, job.period) for job in jobs_of({"monitoring": monitoring})] == [
        ("drift", 86400.0),
        ("capture", 3600.0),
    ]
    monitoring["quality"] = {"bounds": [{"metric": "recall"}]}
    data = {"columns": [{"name": "a"}]}
    assert [job.name for job in jobs_of({"monitoring": monitoring, "data": data})] == ["drift", "data", "quality"]


def test_the_newest_result_of_the_feature_store_is_exported(tmp_path: Path) -> None:
    """The job that fills the store leaves a file for each of its runs."""
    monitoring = {"interval": 3600, "capture": {"uri": "x", "id": "id"}, "featureResults": str(tmp_path)}
    job = next(job for job in jobs_of({"monitoring": monitoring}) if job.name == "features")
    with pytest.raises(Unreadable, match="has no result of the job"):
        job.measure(NOW)
    for time_, newest in ((NOW - 7200, 5.0), (NOW - 60, 6.0)):
        series = Series(name="mlspec_feature_newest_timestamp_seconds", labels={"view": "card"}, value=newest)
        found = Measured(monitor="features", time=time_, window=(time_ - 60, time_), series=(series,))
        write(tmp_path / f"features-{int(time_)}.json", found)
    (tmp_path / "notes.txt").write_text("not a result")
    (result,) = job.measure(NOW)
    assert (result.time, [one.value for one in result.series]) == (NOW, [6.0])


# What it serves


def test_the_exposition_is_that_of_prometheus() -> None:
    text = text_of([drift(DAY, 0.25)], {"drift": 1.5}, {"namespace": "fraud", "service": "scorer"})
    assert text.splitlines() == [
        f"# HELP mlspec_drift_distance {next(one.help for one in CONTRACT if one.name == 'mlspec_drift_distance')}",
        "# TYPE mlspec_drift_distance gauge",
        'mlspec_drift_distance{column="a \\"b\\"\\\\",method="psi",namespace="fraud",service="scorer"} 0.25',
        "# HELP mlspec_monitor_last_success_timestamp_seconds When this job last finished successfully, in Unix time.",
        "# TYPE mlspec_monitor_last_success_timestamp_seconds gauge",
        'mlspec_monitor_last_success_timestamp_seconds{monitor="drift",namespace="fraud",service="scorer"} 1.5',
    ]


# When it starts a run


class Cluster:
    """The part of an API server that a run needs. It keeps objects, and counts resource versions."""

    def __init__(self) -> None:
        self.cron_job: dict[str, Any] = {
            "metadata": {"name": "fraud-retrain", "uid": "u1", "resourceVersion": "1", "annotations": {}},
            "spec": {"jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"backoffLimit": 1}}},
            "status": {},
        }
        self.jobs: dict[str, dict[str, Any]] = {}
        self.broken = 0
        self.asked: list[str] = []
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                cluster.asked.append(self.path)
                if self.path.partition("?")[0].endswith(("/jobs", "/workflows")):
                    self.answer(200, {"items": [*cluster.jobs.values()]})
                else:
                    self.answer(200, cluster.cron_job)

            def do_PATCH(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                metadata = cluster.cron_job["metadata"]
                assert self.headers["Content-Type"] == "application/merge-patch+json"
                if body["metadata"].pop("resourceVersion") != metadata["resourceVersion"]:
                    return self.answer(409, {"message": "the object has been modified"})
                metadata["annotations"] |= body["metadata"]["annotations"]
                metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
                return self.answer(200, cluster.cron_job)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if cluster.broken:
                    return self.answer(cluster.broken, {"message": "etcd is away"})
                name = body["metadata"]["name"]
                if name in cluster.jobs:
                    return self.answer(409, {"message": "already exists"})
                cluster.jobs[name] = body
                return self.answer(201, body)

            def answer(self, status: int, body: Any) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def _api(self) -> Api:
        return Api(url=f"http://127.0.0.1:{self.server.server_address[1]}", namespace="fraud")

    @property
    def named(self) -> Schedule:
        return Schedule(api=self._api, name="fraud-retrain", of=CRON_JOB)

    @property
    def of_argo(self) -> Schedule:
        """The same with a CronWorkflow of Argo Workflows."""
        self.cron_job["spec"] = {
            "workflowMetadata": {"labels": {"a": "b"}},
            "workflowSpec": {"workflowTemplateRef": {"name": "fraud-retrain"}},
        }
        return Schedule(api=self._api, name="fraud-retrain", of=CRON_WORKFLOW)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.server.shutdown()
    made.server.server_close()


def diagnosed(verdict: str = "retrain") -> Diagnosis:
    return Diagnosis(
        time=NOW,
        verdict=verdict,
        cause="concept-drift" if verdict == "retrain" else "upstream-change",
        retrain=verdict == "retrain",
        evidence=(),
        ruled_out=(),
        action="train on newer rows" if verdict == "retrain" else "fix the data",
    )


def test_a_run_looks_like_one_of_the_schedule(cluster: Cluster) -> None:
    answer = requested(cluster.named, 3 * DAY, NOW, diagnosed)
    assert (answer.outcome, answer.job) == ("started", f"fraud-retrain-{int(NOW) // 60}")
    (job,) = cluster.jobs.values()
    assert job["spec"] == {"backoffLimit": 1}
    assert job["metadata"]["labels"] == {"a": "b"}
    assert job["metadata"]["annotations"] == {"cronjob.kubernetes.io/instantiate": "manual"}
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("CronJob", "u1", True)
    assert cluster.cron_job["metadata"]["annotations"] == {ANNOTATION: str(int(NOW))}


def test_a_workflow_looks_like_one_of_the_schedule(cluster: Cluster) -> None:
    """Argo counts a Workflow for `Forbid`, and deletes it, if the CronWorkflow owns it and it has this label."""
    answer = requested(cluster.of_argo, 3 * DAY, NOW, diagnosed)
    assert (answer.outcome, answer.job) == ("started", f"fraud-retrain-{int(NOW)}")
    (run,) = cluster.jobs.values()
    assert (run["apiVersion"], run["kind"]) == ("argoproj.io/v1alpha1", "Workflow")
    assert run["spec"] == {"workflowTemplateRef": {"name": "fraud-retrain"}}
    assert run["metadata"]["labels"] == {"workflows.argoproj.io/cron-workflow": "fraud-retrain", "a": "b"}
    (owner,) = run["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("CronWorkflow", "u1", True)
    workflows = "/apis/argoproj.io/v1alpha1/namespaces/fraud/workflows"
    assert cluster.asked == [
        "/apis/argoproj.io/v1alpha1/namespaces/fraud/cronworkflows/fraud-retrain",
        f"{workflows}?labelSelector=workflows.argoproj.io/cron-workflow%3Dfraud-retrain",
    ]


@pytest.mark.parametrize("phase", [None, "Pending", "Running"])
def test_trap_workflows_queue_for_a_mutex(cluster: Cluster, phase: str | None) -> None:
    """A second one would wait and then train again. One that waits itself is pending, and a new one has no phase."""
    requested(cluster.of_argo, 0, NOW, diagnosed)
    (run,) = cluster.jobs.values()
    run["status"] = {"phase": phase} if phase is not None else {}
    answer = requested(cluster.of_argo, 0, NOW + 600, diagnosed)
    assert (answer.outcome, answer.why) == ("refused", f"the run fraud-retrain-{int(NOW)} is at work")


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Error"])
def test_the_cool_down_counts_from_the_last_workflow(cluster: Cluster, phase: str) -> None:
    run = {"metadata": {"name": "fraud-retrain-1", "ownerReferences": [{"uid": "u1"}]}}
    started = datetime.fromtimestamp(NOW - DAY, UTC).isoformat()
    cluster.jobs = {"fraud-retrain-1": {**run, "status": {"phase": phase, "startedAt": started}}}
    answer = requested(cluster.of_argo, 3 * DAY, NOW, diagnosed)
    assert (answer.outcome, answer.why) == (
        "refused",
        "the last run started 86400 s ago, and the cool-down is 259200 s",
    )
    assert requested(cluster.of_argo, DAY / 2, NOW, diagnosed).outcome == "started"


def test_the_cool_down_counts_from_the_last_scheduled_workflow(cluster: Cluster) -> None:
    cluster.cron_job["status"] = {"lastScheduledTime": datetime.fromtimestamp(NOW - 60, UTC).isoformat()}
    assert requested(cluster.of_argo, DAY, NOW, diagnosed).outcome == "refused"


def test_trap_a_short_period_is_not_measured_when_the_next_one_ends(tmp_path: Path) -> None:
    """The process looks at the clock twenty times in the shortest period, and at least every five seconds."""
    capture = {"uri": str(tmp_path), "id": "id"}
    own = {"capture": capture, "diagnoses": {"silent-monitor": {"retrain": False, "signals": ["monitor-silent"]}}}
    made = [Exporter({"monitoring": {**own, "interval": period}}, tmp_path / str(period)) for period in (20, DAY)]
    assert [one.pause for one in made] == [1.0, 5.0]


def test_outside_a_cluster_a_run_starts_through_an_address_of_this_machine(cluster: Cluster) -> None:
    found = local(f"http://127.0.0.1:{cluster.server.server_address[1]}/", "fraud")
    assert requested(Schedule(api=found, name="fraud-retrain", of=CRON_JOB), 0, NOW, diagnosed).outcome == "started"
    assert len(cluster.jobs) == 1


@pytest.mark.parametrize("url", ["http://10.0.0.1:8001", "https://127.0.0.1:8001", "127.0.0.1:8001", "http://[", ""])
def test_trap_an_api_server_elsewhere_is_refused_without_encryption(url: str) -> None:
    with pytest.raises(Unreadable, match="--api needs an address of this machine"):
        local(url, "fraud")


def test_a_data_break_starts_nothing(cluster: Cluster) -> None:
    answer = requested(cluster.named, 0, NOW, lambda: diagnosed("fix-data"))
    assert (answer.outcome, answer.why) == ("refused", "fix-data: upstream-change. fix the data")
    assert cluster.jobs == {}


def test_a_second_request_starts_nothing_while_the_run_is_at_work(cluster: Cluster) -> None:
    requested(cluster.named, 0, NOW, diagnosed)
    answer = requested(cluster.named, 0, NOW + 600, diagnosed)
    assert answer.outcome == "refused"
    assert answer.why.endswith("is at work")
    assert len(cluster.jobs) == 1


@pytest.mark.parametrize("kept", [True, False])
def test_the_cool_down_counts_from_the_last_run(cluster: Cluster, kept: bool) -> None:
    requested(cluster.named, 3 * DAY, NOW, diagnosed)
    (job,) = cluster.jobs.values()
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    if not kept:
        cluster.jobs.clear()  # Kubernetes removed the finished run
    early = requested(cluster.named, 3 * DAY, NOW + 3 * DAY - 1, diagnosed)
    assert (early.outcome, early.why) == (
        "refused",
        "the last run started 259199 s ago, and the cool-down is 259200 s",
    )
    assert requested(cluster.named, 3 * DAY, NOW + 3 * DAY, diagnosed).outcome == "started"


def test_a_run_of_the_schedule_counts_for_the_cool_down(cluster: Cluster) -> None:
    cluster.cron_job["status"]["lastScheduleTime"] = "2025-11-25T02:00:00Z"  # an hour before
    assert requested(cluster.named, 2 * 3600, NOW, diagnosed).outcome == "refused"
    assert requested(cluster.named, 3600, NOW, diagnosed).outcome == "started"


def test_of_two_requests_at_the_same_time_one_starts_a_run(cluster: Cluster) -> None:
    named, answers = cluster.named, []
    read = named.read()
    for _ in range(2):  # both have read the same object

        class Seen(Schedule):
            def read(self) -> dict[str, Any]:
                return read

        answers.append(requested(Seen(api=named.api, name=named.name, of=named.of), 0, NOW, diagnosed).outcome)
        cluster.jobs = {}  # the second one has not seen the first run either
    assert answers == ["started", "refused"]


def test_an_api_server_that_fails_is_an_error_that_alertmanager_tries_again(cluster: Cluster) -> None:
    cluster.broken = 500
    with pytest.raises(ApiError, match="500 etcd is away"):
        requested(cluster.named, 0, NOW, diagnosed)


def notification(**labels: str) -> dict[str, Any]:
    own = {"alertname": "ModelRetrainingDue", "namespace": "fraud", "system": "fraud-scorer", **labels}
    return {"version": "4", "status": "firing", "alerts": [{"status": "firing", "labels": own}]}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"alerts": "all"},
        {"alerts": [None, 7, {"status": "firing"}, {"status": "firing", "labels": []}]},
        notification(system="other"),
        notification(namespace="other"),
        notification(alertname="ModelQualityLow"),
        {"alerts": [{**notification()["alerts"][0], "status": "resolved"}]},
    ],
)
def test_what_is_no_request_is_ignored(body: Any) -> None:
    assert asks(body, "fraud", "fraud-scorer") is not None


def test_a_firing_alert_of_the_system_is_a_request() -> None:
    assert asks(notification(), "fraud", "fraud-scorer") is None


# The process


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    config = tmp_path / "monitor.json"
    config.write_text(
        json.dumps(
            {
                "version": 1,
                "system": "fraud-scorer",
                "run": {"cronJob": "fraud-retrain"},
                "monitoring": {
                    "service": "fraud-scorer",
                    "namespace": "fraud",
                    "interval": 60,
                    "capture": {"uri": str(tmp_path / "captured"), "id": "id"},
                    "diagnoses": {"silent-monitor": {"retrain": False, "signals": ["monitor-silent"]}},
                },
            }
        )
    )
    (tmp_path / "captured").mkdir()
    ports = [free_port(), free_port()]
    options = ["--config", str(config), "--state", str(tmp_path / "state"), "--host", "127.0.0.1"]
    options += ["--metrics-port", str(ports[0]), "--requests-port", str(ports[1])]
    command = [sys.executable, "-m", "mlspec", "runtime", "exporter", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as made:
        yield made, f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
        made.kill()


def free_port() -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = server.server_address[1]
    server.server_close()
    return int(port)


def answered(url: str, body: bytes | None = None) -> tuple[int, str]:
    for _ in range(300):
        try:
            with urlopen(Request(url, data=body), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as wrong:
            with wrong:
                return wrong.code, wrong.read().decode()
        except OSError:
            time.sleep(0.1)  # it has not started yet
    raise AssertionError(url)


@pytest.mark.slow
def test_the_process_answers_and_ends_when_it_is_told(process: tuple[subprocess.Popen[str], str, str]) -> None:
    made, metrics, requests = process
    assert answered(f"{metrics}/healthz") == (200, "ok\n")
    assert answered(f"{metrics}/metrics")[0] == 200
    assert json.loads(answered(f"{requests}/diagnosis")[1])["version"] == 1
    outside = json.loads(answered(f"{requests}/retrain", json.dumps(notification()).encode())[1])
    assert outside["outcome"] == "refused", "there is no API server here"
    assert answered(f"{requests}/retrain", b"{")[0] == 400
    assert answered(f"{requests}/retrain")[0] == 405
    assert answered(f"{requests}/elsewhere")[0] == 404
    assert answered(f"{metrics}/retrain", b"{}")[0] == 404, "the port of the metrics takes no requests"
    made.send_signal(signal.SIGTERM)
    out, err = made.communicate(timeout=30)
    assert (made.returncode, err) == (0, "")
    assert "request to train: refused" in out


def test_trap_a_process_that_broke_ends_as_if_it_was_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its container would be completed, and no alert on failures would see it."""
    (tmp_path / "monitor.json").write_text('{"version": 1, "monitoring": {"capture": {"uri": "x", "id": "id"}}}')

    def broken(_: Ages, ended: Event, __: object) -> None:
        ended.set()

    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(Ages, "watch", broken)
    asked = Process(
        config=str(tmp_path / "monitor.json"),
        state=str(tmp_path / "state"),
        host="127.0.0.1",
        metrics=free_port(),
        requests=free_port(),
    )
    try:
        assert exporter(asked) == 1
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_a_configuration_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "monitor.json").write_text("[")
    command = [sys.executable, "-m", "mlspec", "runtime", "exporter", "--config", str(tmp_path / "monitor.json")]
    ended = subprocess.run([*command, "--state", str(tmp_path)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("mlspec runtime exporter: ")
    assert len(ended.stderr.splitlines()) == 1


# The first step of a run


@pytest.mark.parametrize(
    ("verdict", "in_job", "by_hand"),
    [("fix-data", 42, 42), ("roll-back", 42, 42), ("healthy", 0, 42), ("unknown", 0, 42), ("retrain", 0, 0)],
)
def test_a_run_asks_for_the_diagnosis(tmp_path: Path, verdict: str, in_job: int, by_hand: int) -> None:
    document = {**diagnosed("retrain").document(), "verdict": verdict, "retrain": verdict == "retrain"}
    page = tmp_path / "diagnosis"
    page.write_text(json.dumps(document))
    for status, inside in ((in_job, True), (by_hand, False)):
        out = tmp_path / "out.json"
        request = remote.Request(url=page.as_uri(), out=str(out), in_job=inside)
        assert request.run() == status
        assert json.loads(out.read_text()) == document


def test_a_process_that_does_not_answer_stops_no_run_of_the_schedule(tmp_path: Path) -> None:
    waits: list[float] = []
    request = remote.Request(url=f"http://127.0.0.1:{free_port()}/", out=str(tmp_path / "d.json"), in_job=True)
    assert remote.run(request, waits.append) == 0
    found = json.loads((tmp_path / "d.json").read_text())
    assert (found["verdict"], found["retrain"]) == ("fix-monitoring", False)
    assert waits == [remote.PAUSE] * (remote.TRIES - 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "verdict": 7, "retrain": true}'])
def test_an_answer_that_is_no_diagnosis_ends_the_run(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page"
    page.write_text(text)
    request = remote.Request(url=page.as_uri(), out=str(tmp_path / "d.json"), in_job=True)
    assert remote.run(request, lambda _: None) == 42
    assert not (tmp_path / "d.json").exists()
