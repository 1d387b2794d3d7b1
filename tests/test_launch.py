"""`mlspec runtime launch` against an API server that a test plays, over HTTP on the loopback interface."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mlspec.runtime.cluster import ApiServer
from mlspec.runtime.launch import Launch, launch

ALL = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/ml/trainjobs"
NAME = "fraud-retrain-40dfdd9b"
ONE = f"{ALL}/{NAME}"
JOB = f"/apis/batch/v1/namespaces/ml/jobs/{NAME}-node-0"

MANIFEST = {
    "apiVersion": "trainer.kubeflow.org/v1alpha1",
    "kind": "TrainJob",
    "metadata": {"generateName": "fraud-retrain-", "namespace": "ml", "labels": {"mlspec/run": "$(MLSPEC_RUN)"}},
    "spec": {"volumes": [{"claimName": "$(MLSPEC_CLAIM)"}], "trainer": {"numNodes": 2}},
}

Respond = Callable[[str, str], tuple[int, dict[str, Any]]]


class Server:
    """What it was asked, and a function that answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.tokens: set[str | None] = set()
        self.respond: Respond = lambda method, path: (404, {"message": f"{method} {path}"})
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def _handle(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                owner.bodies.append(json.loads(self.rfile.read(size)) if size else None)
                owner.asked.append((self.command, self.path))
                owner.tokens.add(self.headers.get("Authorization"))
                status, body = owner.respond(self.command, self.path)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _handle  # noqa: N815

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def condition(kind: str, **more: str) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": kind, "status": "True", **more}]}}


class Cluster:
    """A cluster in which a TrainJob ends after some looks at it."""

    def __init__(self, *states: dict[str, Any], job: dict[str, Any] | None = None, left: int = 0) -> None:
        self.states = list(states)
        self.job = job
        self.left = left
        """How often a TrainJob of an earlier try is still there."""
        self.created = False

    def __call__(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        if path == JOB:
            return (200, self.job) if self.job is not None else (404, {})
        if method == "POST":
            self.created = True
            return 201, {}
        if method == "DELETE":
            return 200, {}
        if not self.created:
            self.left -= 1
            return (200, {}) if self.left >= 0 else (404, {"message": "not found"})
        return 200, self.states.pop(0) if len(self.states) > 1 else self.states[0]


def run(tmp_path: Path, server: Server, manifest: str | None = None) -> int:
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "trainjob.json").write_text(json.dumps(MANIFEST) if manifest is None else manifest)
    what = Launch(manifest=tmp_path / "trainjob.json", run="fraud-retrain-29384840", pod="fraud-retrain-x", uid="u-1")
    before, now = signal.getsignal(signal.SIGTERM), [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    try:
        return launch(what, ApiServer(server.address, tmp_path), sleep=sleep, clock=lambda: now[0])
    finally:
        signal.signal(signal.SIGTERM, before)


def test_all_nodes_finish(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.respond = Cluster(condition("Suspended"), {}, {}, condition("Complete"))
    assert run(tmp_path, server) == 0
    assert server.asked == [("GET", ONE), ("POST", ALL), *[("GET", ONE)] * 4]
    assert server.tokens == {"Bearer secret"}
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("created")] == [
        "waiting in the queue",
        "waiting for the nodes",
        "all nodes have finished",
    ]


def test_the_train_job_belongs_to_the_pod_and_mounts_its_volume(tmp_path: Path, server: Server) -> None:
    server.respond = Cluster(condition("Complete"))
    run(tmp_path, server)
    (body,) = [body for body in server.bodies if body is not None]
    assert body["metadata"] == {
        "name": NAME,
        "namespace": "ml",
        "labels": {"mlspec/run": "fraud-retrain-29384840"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "fraud-retrain-x", "uid": "u-1"}],
    }
    assert body["spec"]["volumes"] == [{"claimName": "fraud-retrain-x-run"}]


@pytest.mark.parametrize(
    ("job", "status"),
    [
        ({"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "PodFailurePolicy"}]}}, 42),
        ({"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}}, 1),
        ({}, 1),
        (None, 1),
    ],
)
def test_the_exit_status_is_that_of_the_nodes(
    tmp_path: Path, server: Server, job: dict[str, Any] | None, status: int
) -> None:
    server.respond = Cluster(condition("Failed", message="jobset failed"), job=job)
    assert run(tmp_path, server) == status


def test_trap_an_earlier_try_still_trains(tmp_path: Path, server: Server) -> None:
    """Two groups of nodes would write to the same model, so the new one waits until the old one is gone."""
    server.respond = Cluster(condition("Complete"), left=2)
    assert run(tmp_path, server) == 0
    assert [method for method, _ in server.asked] == ["GET", "DELETE", "GET", "DELETE", "GET", "POST", "GET"]
    assert server.bodies[1] == {"propagationPolicy": "Foreground"}


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_what_the_api_server_refuses_is_not_retried(
    tmp_path: Path, server: Server, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    server.respond = lambda method, _: (status, {"message": "no"}) if method == "POST" else (404, {})
    assert run(tmp_path, server) == 42
    assert "the API server refuses the TrainJob: no" in capsys.readouterr().err


def test_a_forbidden_look_is_final(tmp_path: Path, server: Server) -> None:
    server.respond = lambda *_: (403, {"message": "forbidden"})
    assert run(tmp_path, server) == 42


def test_a_busy_server_is_asked_again_and_a_silent_one_ends_the_run(tmp_path: Path, server: Server) -> None:
    cluster, busy = Cluster(condition("Complete")), iter([500, 429, 401, 503])

    def respond(method: str, path: str) -> tuple[int, dict[str, Any]]:
        status = next(busy, None)
        return (status, {}) if status is not None else cluster(method, path)

    server.respond = respond
    assert run(tmp_path, server) == 0
    server.respond = lambda *_: (503, {})
    assert run(tmp_path, server) == 1


def test_a_deleted_train_job_is_a_crash(tmp_path: Path, server: Server) -> None:
    server.respond = lambda method, _: (201, {}) if method == "POST" else (404, {})
    assert run(tmp_path, server) == 1


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"metadata": {}}', '{"metadata": {"generateName": "a-"}}'])
def test_a_broken_manifest_is_final(tmp_path: Path, server: Server, manifest: str) -> None:
    assert run(tmp_path, server, manifest) == 42
    assert server.asked == []


def test_a_missing_manifest_is_a_crash(tmp_path: Path, server: Server) -> None:
    what = Launch(manifest=tmp_path / "none.json", run="a", pod="b", uid="c")
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert launch(what, ApiServer(server.address, tmp_path)) == 1
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_pod_that_is_told_to_stop_deletes_its_nodes_at_once(tmp_path: Path, server: Server) -> None:
    """As process 1 of a container, Python ignores SIGTERM unless it handles it."""
    server.respond = Cluster({})
    (tmp_path / "token").write_text("secret")
    (tmp_path / "trainjob.json").write_text(json.dumps(MANIFEST))
    program = (
        "import sys; from pathlib import Path; from mlspec.runtime.cluster import ApiServer; "
        "from mlspec.runtime.launch import Launch, launch; here = Path(sys.argv[1]); "
        "what = Launch(manifest=here / 'trainjob.json', run='fraud-retrain-29384840', pod='p', uid='u'); "
        "sys.exit(launch(what, ApiServer(sys.argv[2], here)))"
    )
    command = [sys.executable, "-c", program, str(tmp_path), server.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "waiting" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 143
    assert server.asked[-1] == ("DELETE", ONE)


def test_outside_a_pod_it_says_what_is_missing() -> None:
    bare = {key: value for key, value in os.environ.items() if not key.startswith(("MLSPEC_", "KUBERNETES_"))}
    ran = subprocess.run(
        [sys.executable, "-m", "mlspec", "runtime", "launch"], capture_output=True, text=True, env=bare, check=False
    )
    assert ran.returncode == 2
    assert "nothing to launch without --in-job" in ran.stderr
