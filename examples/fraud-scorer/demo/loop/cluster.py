"""What stands in for the cluster: the API server, as far as the exporter asks it, and a pod for each run.

The API knows one CronJob, that of the bundle, and its Jobs. A Job runs the containers of its template one after another
as processes of this machine, with the commands, arguments, and variables of the training contract.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["Cluster", "Run", "Step"]

Object = dict[str, Any]


class Step:
    """One container of a run that has ended."""

    def __init__(self, name: str, status: int, began: float, ended: float, said: str) -> None:
        self.name, self.status, self.began, self.ended, self.said = name, status, began, ended, said


class Run:
    """A Job. Its steps write below `folder`."""

    def __init__(self, name: str, folder: Path, job: Object) -> None:
        self.name, self.folder, self.job = name, folder, job
        self.began, self.steps = time.time(), list[Step]()
        self.thread: threading.Thread | None = None

    @property
    def succeeded(self) -> bool:
        """Whether every step exited with 0."""
        return bool(self.steps) and all(step.status == 0 for step in self.steps)

    def step(self, name: str) -> Step | None:
        """The step of a name, if it ran."""
        return next((one for one in self.steps if one.name == name), None)

    def read(self, step: str, file: str) -> Any:
        """A JSON file that a step wrote."""
        return json.loads((self.folder / step / file).read_text())


class Cluster:
    """`cron_job` is the compiled object, and `config` writes `training.json` of this moment and returns its path."""

    def __init__(
        self, port: int, folder: Path, cron_job: Callable[[], Object], config: Callable[[Path], Path],
        text: Callable[[str], str],
    ) -> None:  # fmt: skip
        self.runs: list[Run] = []
        self._cron_job, self._config, self._text, self._folder = cron_job, config, text, folder
        self._metadata: Object = {"uid": "b1f0c1de-0000-4000-8000-000000000001", "resourceVersion": "1"}
        self._lock, self._child = threading.Lock(), None
        self._ended = False
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="api", daemon=True).start()

    def close(self) -> None:
        """End the server, and the step that runs."""
        self._ended = True
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
        self._server.shutdown()
        self._server.server_close()

    # The API

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Object]:
        """The answer to a request, as Kubernetes gives it."""
        made = self._cron_job()
        name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
        at = f"/apis/batch/v1/namespaces/{namespace}"
        with self._lock:
            if (method, path) == ("GET", f"{at}/cronjobs/{name}"):
                return 200, self._shown(made)
            if (method, path) == ("PATCH", f"{at}/cronjobs/{name}"):
                return self._patched(made, body)
            if (method, path) == ("GET", f"{at}/jobs"):
                return 200, {"items": [run.job for run in self.runs]}
            if (method, path) == ("POST", f"{at}/jobs"):
                return self._created(body)
        return 404, {"message": f"{method} {path}: the demo knows the CronJob {name}, and its Jobs"}

    def _shown(self, made: Object) -> Object:
        return {**made, "metadata": {**made["metadata"], **self._metadata}, "status": {}}

    def _patched(self, made: Object, body: Any) -> tuple[int, Object]:
        if body["metadata"]["resourceVersion"] != self._metadata["resourceVersion"]:
            return 409, {"message": "the object has been modified"}
        annotations = {**self._metadata.get("annotations", {}), **body["metadata"]["annotations"]}
        version = str(int(self._metadata["resourceVersion"]) + 1)
        self._metadata = {**self._metadata, "annotations": annotations, "resourceVersion": version}
        return 200, self._shown(made)

    def _created(self, job: Any) -> tuple[int, Object]:
        name = job["metadata"]["name"]
        if any(run.name == name for run in self.runs):
            return 409, {"message": f'jobs.batch "{name}" already exists'}
        run = Run(name, self._folder / name, job)
        job["status"] = {"startTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.began))}
        self.runs.append(run)
        run.thread = threading.Thread(target=self._work, args=(run,), name=name)
        run.thread.start()
        return 201, job

    def by_hand(self, name: str, variables: dict[str, str]) -> Run:
        """Start a run as `kubectl create job --from=cronjob/...` does, with other values of some variables."""
        made = self._cron_job()
        template = made["spec"]["jobTemplate"]
        owner = {"kind": "CronJob", "name": made["metadata"]["name"], "uid": self._metadata["uid"]}
        job = {"metadata": {"name": name, "ownerReferences": [owner]}, "spec": json.loads(json.dumps(template["spec"]))}
        pod = job["spec"]["template"]["spec"]
        for container in pod["initContainers"]:
            container["env"] += [{"name": name, "value": value} for name, value in variables.items()]
        with self._lock:
            self._created(job)
        return self.runs[-1]

    # The pod

    def _work(self, run: Run) -> None:
        pod = run.job["spec"]["template"]["spec"]
        run.folder.mkdir(parents=True)
        config = self._config(run.folder)
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            step = self._container(run, config, container)
            run.steps.append(step)
            if step.status != 0 or self._ended:
                break
        kind = "Complete" if run.succeeded else "Failed"
        run.job["status"]["conditions"] = [{"type": kind, "status": "True"}]

    def _container(self, run: Run, config: Path, container: Object) -> Step:
        name, began = container["name"], time.time()
        own = run.folder / name
        own.mkdir()
        given = {one["name"]: self._text(one["value"]) for one in container["env"] if "value" in one}
        variables = {
            **given, "MLSPEC_CONFIG": str(config), "MLSPEC_INPUT": str(run.folder), "MLSPEC_OUTPUT": str(own),
            "MLSPEC_RUN": run.name, "GIT_TOKEN": "a bare repository asks for none", "HOME": str(run.folder),
        }  # fmt: skip
        words = [self._text(word) for word in (*container["command"], *container.get("args", []))]
        words = [sys.executable, "-m", "mlspec", *words[1:]] if words[0] == "mlspec" else [sys.executable, *words[1:]]
        self._child = subprocess.Popen(
            words, cwd=own, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        said = self._child.communicate()[0].decode(errors="replace")
        (run.folder / f"{name}.log").write_text(said)
        return Step(name, self._child.returncode, began, time.time(), said)


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, found = cluster.answer(self.command, self.path, body)
            content = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _any  # noqa: N815 - the names in the base class

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Nothing: the exporter's own log has what it asked for."""

    return Handler
