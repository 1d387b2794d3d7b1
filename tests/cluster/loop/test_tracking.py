"""Tracking with a real MLflow server: what it stores of runs whose code never mentions versions, images, or systems.

The code gets the variables of the emitted pods, and no others.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import mlspec

from ...prometheus import free_port
from ...support import changed, dumped, loaded
from ...validation import load
from .environments import environment
from .test_search import SEARCH, SETTINGS

ROOT = Path(__file__).parents[3]
SPEC = ROOT / "examples" / "fraud-scorer" / "mlspec.yaml"

TRAIN = """
import mlflow
with mlflow.start_run():
    mlflow.log_params({"learning_rate": 0.03, "max_depth": 6})
    mlflow.log_metric("roc_auc", 0.91, step=1)
    mlflow.log_metric("roc_auc", 0.944, step=2)
"""

TRIAL = """
import json, os
from pathlib import Path
import mlflow
here = Path(os.environ["MLSPEC_OUTPUT"])
x = json.loads(Path(os.environ["MLSPEC_PARAMETERS"]).read_text())["parameters"]["x"]
with mlflow.start_run():
    mlflow.log_param("x", x)
    mlflow.log_metric("loss", x * x)
(here / "metrics.json").write_text(json.dumps({"metrics": {"loss": {"value": x * x}}}))
"""

RUN = "fraud-scorer-retrain-29403060"


class Server:
    """A tracking server with a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        backend = f"sqlite:///{folder}/mlflow.db"
        words = ["server", "--backend-store-uri", backend, "--artifacts-destination", str(folder / "artifacts")]
        mlflow = environment("mlflow") / "bin" / "mlflow"
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [mlflow, *words, "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": f"{mlflow.parent}:/usr/bin:/bin", "HOME": str(folder)},
                start_new_session=True,
            )

    def ready(self) -> None:
        until = time.monotonic() + 90
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if urllib.request.urlopen(f"{self.url}/health", timeout=2).status == 200:
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError((self.folder / "log").read_text())

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    def ask(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.url}/api/2.0/mlflow/{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def runs(self, experiment: str) -> list[dict[str, Any]]:
        """The runs of an experiment, oldest first."""
        found = self.ask(f"experiments/get-by-name?experiment_name={experiment}")["experiment"]["experiment_id"]
        asked = {"experiment_ids": [found], "order_by": ["attributes.start_time ASC"]}
        runs: list[dict[str, Any]] = self.ask("runs/search", asked)["runs"]
        return runs


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("mlflow"))
    try:
        made.ready()
        yield made
    finally:
        made.close()


def tags(run: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def container(spec: Path, cron: str, name: str) -> dict[str, Any]:
    """A container of a CronJob in production."""
    files = mlspec.compile(spec).bundles["production"].files
    pod = load(files[f"retraining/cronjob-{cron}.yaml"])["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    found: dict[str, Any] = next(
        one for one in [*pod.get("initContainers", []), *pod["containers"]] if one["name"] == name
    )
    return found


def variables(made: dict[str, Any], server: Server) -> dict[str, str]:
    """The variables as the kubelet sets them, in order, with the local server in place of that of the cluster."""
    found: dict[str, str] = {}
    for one in made["env"]:
        fields = {"metadata.labels['batch.kubernetes.io/job-name']": RUN, "metadata.namespace": "fraud"}
        field = one.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        if field is not None or "value" in one:
            found[one["name"]] = fields[field] if field is not None else _expanded(one["value"], found)
    return {**found, "MLFLOW_TRACKING_URI": server.url}


def _expanded(value: str, before: dict[str, str]) -> str:
    """As Kubernetes does (third_party/forked/golang/expansion): `$$` is `$`, and unknown names stay."""
    return re.sub(
        r"\$(?:\$|\(([^)]*)\))",
        lambda found: "$" if found[1] is None else before.get(found[1], found[0]),
        value,
    )


def python(code: str, given: dict[str, str], folder: Path) -> None:
    """Run code of the author as the container does: in a folder that is no repository, with the pod's variables."""
    done = subprocess.run(
        [environment("mlflow") / "bin" / "python", "-c", code],
        env=given,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def written(folder: Path, **changes: object) -> Path:
    """The example with some values changed, next to its releases and the platform file."""
    (folder / ".git").mkdir()
    shutil.copy(ROOT / "examples" / "mlspec.platform.yaml", folder)
    shutil.copytree(SPEC.parent, folder / "system", ignore=shutil.ignore_patterns("out"))
    made = folder / "system" / "mlspec.yaml"
    made.write_text(dumped(changed(loaded(made.read_text()), **changes)))
    return made


@pytest.fixture(scope="module")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run of the `train` step of the example, as the server stores it."""
    python(TRAIN, variables(container(SPEC, "retrain", "train"), server), tmp_path_factory.mktemp("run"))
    [found] = server.runs("fraud-scorer")
    return found


def test_a_run_is_stored_with_its_code_data_image_and_results(run: dict[str, Any]) -> None:
    assert {one["key"]: one["value"] for one in run["data"]["params"]} == {"learning_rate": "0.03", "max_depth": "6"}
    assert {one["key"]: one["value"] for one in run["data"]["metrics"]} == {"roc_auc": 0.944}
    assert run["info"]["status"] == "FINISHED"
    stored = tags(run)
    assert stored["mlflow.docker.image.uri"] == loaded(SPEC.read_text())["training"]["image"]
    assert {key: value for key, value in stored.items() if key.startswith("mlspec.")} == {
        "mlspec.system": "fraud-scorer",
        "mlspec.environment": "production",
        "mlspec.model": "fraud-scorer",
        "mlspec.run": RUN,
        "mlspec.step": "train",
        "mlspec.data.chargebacks": f"as-of-run:{RUN}",  # whose `verdict.json` has the version
    }


def test_trap_mlflow_finds_no_commit_outside_a_repository(server: Server, run: dict[str, Any], tmp_path: Path) -> None:
    """An image contains the code and not its repository, so MLflow itself would store no version of the code."""
    given = variables(container(SPEC, "retrain", "train"), server)
    del given["MLFLOW_RUN_CONTEXT"]
    python(TRAIN, {**given, "MLFLOW_EXPERIMENT_NAME": "bare"}, tmp_path)
    [bare] = server.runs("bare")
    assert "mlflow.source.git.commit" not in tags(bare)
    assert tags(run)["mlflow.source.git.commit"] == "4e91102"


def test_trap_a_user_id_without_a_name_has_no_user(run: dict[str, Any]) -> None:
    """MLflow asks for the name of the user, and the numeric user of a pod has none in the image."""
    assert tags(run)["mlflow.user"] == "fraud-scorer"


def test_trap_a_pinned_version_and_text_like_a_variable(server: Server, tmp_path: Path) -> None:
    """A pinned version is known when the pod is written. Only mlspec's own references are replaced."""
    sources = loaded(SPEC.read_text())["data"]["sources"]
    for source in sources:
        source["version"] = {"kind": "iceberg", "id": "3821550127947089009"}
    revision = '$(HOME) "quoted" {braces} $$'
    spec = written(tmp_path, training__revision=revision, data__sources=sources)
    python(
        TRAIN, {**variables(container(spec, "retrain", "train"), server), "MLFLOW_EXPERIMENT_NAME": "other"}, tmp_path
    )
    [found] = server.runs("other")
    assert tags(found)[f"mlspec.data.{sources[1]['name']}"] == "iceberg:3821550127947089009"
    assert tags(found)["mlflow.source.git.commit"] == revision


def test_trap_a_server_refuses_host_names_that_it_does_not_know(server: Server) -> None:
    """Since MLflow 3.5, a server answers only for addresses of private networks. `docs/training-contract.md` says what
    to set for the name of a Service.
    """
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.ask("experiments/search?max_results=1", Host="mlflow.mlops:5000")
    with refused.value:  # an error is the answer, which is read through a socket
        assert refused.value.code == 403
    assert "--allowed-hosts" in (ROOT / "docs" / "training-contract.md").read_text()


def test_the_login_of_an_access_is_what_clients_send(tmp_path: Path) -> None:
    """The names of the variables, against the client itself."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.send_response(401)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        code = "import mlflow\ntry:\n    mlflow.search_experiments()\nexcept mlflow.MlflowException:\n    pass"
        given = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "secret", "HOME": str(tmp_path)}
        python(code, {**given, "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{listener.server_port}"}, tmp_path)
        listener.shutdown()
    assert set(seen) == {"Basic YW5uOnNlY3JldA=="}


def test_the_trials_of_a_search_are_stored_with_their_numbers(server: Server, tmp_path: Path) -> None:
    spec = written(tmp_path, training__tuning__when="schedule", training__tuning__schedule="0 3 1 * *")
    given = variables(container(spec, "search", "search"), server)
    here = tmp_path / "search"
    (here / "out").mkdir(parents=True)
    (here / "trial.py").write_text(TRIAL)
    program = [str(environment("mlflow") / "bin" / "python"), str(here / "trial.py")]
    space = {"x": {"type": "double", "min": -1.0, "max": 1.0}}
    settings = {**SETTINGS, "trials": 2, "parameters": space, "train": ["true"], "evaluate": program}
    (here / "search.json").write_text(json.dumps(settings))
    (here / "training.json").write_text(json.dumps({"version": 1, "run": {"tune": False}}))
    done = subprocess.run(
        [environment("optuna") / "bin" / "python", "-c", SEARCH, str(here)],
        env={**given, "MLFLOW_EXPERIMENT_NAME": "trials", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    runs = server.runs("trials")
    found = [(tags(run)["mlspec.trial"], tags(run)["mlspec.fold"], tags(run)["mlspec.step"]) for run in runs]
    assert found == [("0", "0", "evaluate"), ("1", "0", "evaluate")]
    assert {tags(run)["mlspec.run"] for run in runs} == {RUN}
    best = json.loads((here / "out" / "best.json").read_text())
    assert min(run["data"]["metrics"][0]["value"] for run in runs) == best["metric"]["value"]
