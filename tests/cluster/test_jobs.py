"""Batch runs and retraining as Kubernetes runs them: real Jobs of the emitted CronJobs, with real processes in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import mlspec

from ..support import EXAMPLES, objects
from .api import Object, path_of
from .control_plane import wait
from .ground import Ground
from .processes import runs
from .proof import Proof

COLUMNS = ("what", "seen")
SCORER = """
import os, pathlib, sys
folder, index = pathlib.Path(os.environ["TEST_FOLDER"]), int(os.environ["MLSPEC_PARTITION"])
tries = len(list(folder.glob(f"{index}.*")))
(folder / f"{index}.{tries}").write_text(os.environ["MLSPEC_RUN"] + " " + os.environ["MLSPEC_MODEL_VERSION"])
if index == 3:
    sys.exit(42)  # the contract: these items can never be scored, so do not try again
if index == 5 and tries == 0:
    sys.exit(1)  # the store was away for a moment
"""


def cron_of(made: list[Object], component: str) -> Object:
    """The one CronJob of a component."""
    crons = [body for body in made if body["kind"] == "CronJob"]
    [found] = [one for one in crons if one["metadata"]["labels"]["app.kubernetes.io/component"] == component]
    return found


@pytest.fixture(scope="module")
def batch(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> tuple[Object, Path]:
    """The batch service of an example, with its schedule set to every minute, and the folder that its runs write to."""
    (example,) = [path for path in EXAMPLES if path.name == "demand-forecast"]
    made: list[Object] = list(objects(mlspec.compile(example / "mlspec.yaml", environments=["production"])))
    cron = cron_of(made, "batch-predictor")
    folder = tmp_path_factory.mktemp("batch")
    (folder / "score.py").write_text(SCORER)
    namespace = cron["metadata"]["namespace"]
    ground.namespace(namespace)
    ground.jobs[namespace] = runs(ground.api, folder / "score.py", folder)
    ground.apply(body for body in made if body["kind"] != "Kustomization")
    ground.api.merge(path_of(cron), {"spec": {"schedule": "* * * * *", "timeZone": "UTC"}})
    return cron, folder


def job_of(ground: Ground, cron: Object) -> Object:
    """The first Job that the CronJob made."""

    def found() -> list[Object]:
        jobs = ground.api.items(_jobs(cron))
        return [job for job in jobs if job["metadata"]["ownerReferences"][0]["name"] == _name(cron)]

    wait(lambda: bool(found()), "the schedule", 130)
    job: Object = min(found(), key=lambda job: str(job["metadata"]["creationTimestamp"]))
    return job


def test_a_scheduled_run_scores_every_partition_as_the_contract_says(
    ground: Ground, proof: Proof, batch: tuple[Object, Path]
) -> None:
    cron, folder = batch
    job = job_of(ground, cron)
    ground.api.merge(path_of(cron), {"spec": {"suspend": True}})  # one run is enough
    job["apiVersion"], job["kind"] = "batch/v1", "Job"
    wait(lambda: _ended(ground.live(job)), "the run to end", 120)
    status: dict[str, Any] = ground.live(job)["status"]
    assert status["failedIndexes"] == "3", status
    assert status["completedIndexes"] == "0-2,4-23", status
    assert not (folder / "3.1").exists(), "42 means that no retry can help"
    assert (folder / "5.1").exists(), "another failure is tried again"
    run, version = (folder / "0.0").read_text().split()
    assert run == job["metadata"]["name"]
    assert version == cron["spec"]["jobTemplate"]["metadata"]["labels"]["app.kubernetes.io/version"]
    proof.row("Jobs", COLUMNS, "a scheduled batch run of 24 partitions", "23 scored, one retried, one given up by 42")


def test_a_run_that_was_missed_starts_late_and_once(ground: Ground, proof: Proof) -> None:
    """The controller was away, or the CronJob was suspended: `startingDeadlineSeconds` lets the run start later."""
    (example,) = [path for path in EXAMPLES if path.name == "demand-forecast"]
    made: list[Object] = list(objects(mlspec.compile(example / "mlspec.yaml", environments=["staging"])))
    cron = cron_of(made, "batch-predictor")
    ground.namespace(cron["metadata"]["namespace"])
    ground.apply(body for body in made if body["kind"] != "Kustomization")
    due = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    spec = {"schedule": f"{due.minute} {due.hour} * * *", "timeZone": "UTC", "suspend": True}
    ground.api.merge(path_of(cron), {"spec": spec})
    wait(lambda: datetime.now(UTC) > due + timedelta(seconds=15), "the time to pass", 90)
    ground.api.merge(path_of(cron), {"spec": {"suspend": False}})
    job = job_of(ground, cron)
    late = (datetime.now(UTC) - due).total_seconds()
    assert job["metadata"]["name"].endswith(f"-{int(due.timestamp() / 60)}")
    wait(lambda: _ended(ground.live({**job, "apiVersion": "batch/v1", "kind": "Job"})), "the run to end", 120)
    again = [
        one for one in ground.api.items(_jobs(cron)) if one["metadata"]["ownerReferences"][0]["name"] == _name(cron)
    ]
    assert len(again) == 1
    proof.row("Jobs", COLUMNS, "a batch run that was due while the CronJob was suspended", f"once, {late:.0f} s late")


def _jobs(cron: Object) -> str:
    return f"/apis/batch/v1/namespaces/{cron['metadata']['namespace']}/jobs"


def _name(body: Object) -> str:
    return str(body["metadata"]["name"])


TRAINER = """
import json, os, pathlib, sys
import pyarrow as pa
import pyarrow.parquet as pq
step, output = os.environ["MLSPEC_STEP"], pathlib.Path(os.environ["MLSPEC_OUTPUT"])
case = (pathlib.Path(os.environ["TEST_FOLDER"]) / "case").read_text()
config = json.loads(pathlib.Path(os.environ["MLSPEC_CONFIG"]).read_text())
if step == "train":
    (output / "model.onnx").write_bytes(b"weights")
    read = {"chargebacks": "3821550127947089009"}  # its version is that of each run
    model = {"version": 1, "path": "model.onnx", "format": "onnx", "data": read}
    (output / "model.json").write_text(json.dumps(model))
elif step == "evaluate":
    good = case == "better"
    value = lambda share: {"value": share, "samples": 250000, "events": 9000}
    metrics = {"roc_auc": value(0.97 if good else 0.5), "recall": value(0.9 if good else 0.1)}
    declined = {"value": 0.004, "samples": 60000, "events": 60000}
    ages = {age: {"false_positive_rate": declined} for age in ("under-30", "30-to-49", "50-to-64", "over-64")}
    segments = {"country": {"DE": {"recall": value(0.9 if good else 0.1)}}, "age_group": ages}
    text = json.dumps({"version": 1, "metrics": metrics, "segments": segments})
    (output / "metrics.json").write_text("{" if case == "broken" else text)
    rows = {"amount": [9.5, 20.0], "country": ["DE", "FR"], "tx_count_1h": [1, 2], "amount_zscore_7d": [0.1, -0.2]}
    pq.write_table(pa.table({**rows, "score": [0.1, 0.9]}), output / "predictions.parquet")
elif step == "register":
    verdict = json.loads((pathlib.Path(os.environ["MLSPEC_INPUT"]) / "gate" / "verdict.json").read_text())
    (pathlib.Path(os.environ["TEST_FOLDER"]) / f"published-{case}").write_text(str(verdict["pass"]))
"""


@pytest.fixture(scope="module")
def training(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> tuple[Object, Path]:
    """The retraining of an example, and the folder of its runs."""
    (example,) = [path for path in EXAMPLES if path.name == "fraud-scorer"]
    made: list[Object] = list(objects(mlspec.compile(example / "mlspec.yaml", environments=["production"])))
    cron = cron_of(made, "trainer")
    folder = tmp_path_factory.mktemp("training")
    (folder / "train.py").write_text(TRAINER)
    namespace = cron["metadata"]["namespace"]
    ground.namespace(namespace)
    ground.jobs[namespace] = runs(ground.api, folder / "train.py", folder)
    ground.apply(body for body in made if body["kind"] != "Kustomization")
    return cron, folder


@pytest.mark.parametrize(
    ("case", "ends", "published", "attempts"),
    [("better", "Complete", "True", 1), ("worse", "Complete", "False", 1), ("broken", "Failed", None, 1)],
)
def test_a_training_run_publishes_what_the_gate_passes(
    case: str,
    ends: str,
    published: str | None,
    attempts: int,
    ground: Ground,
    proof: Proof,
    training: tuple[Object, Path],
) -> None:
    """The gate is the real program. A worse model is no failure; a broken file is one that no retry can repair."""
    cron, folder = training
    (folder / "case").write_text(case)
    namespace = cron["metadata"]["namespace"]
    meta = {"name": f"run-{case}", "namespace": namespace}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": cron["spec"]["jobTemplate"]["spec"]}
    ground.api.request("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", job)
    wait(lambda: _ended(ground.live(job)), "the run to end", 120)
    status = ground.live(job)["status"]
    assert {one["type"] for one in status["conditions"] if one["status"] == "True"} >= {ends}, status
    assert status.get("failed", 0) + status.get("succeeded", 0) == attempts, status
    file = folder / f"published-{case}"
    assert (file.read_text() if file.exists() else None) == published
    words = {"True": "published", "False": "not published", None: "failed at once, without a retry"}
    proof.row("Jobs", COLUMNS, f"a training run with a {case} evaluation", words[published])


def _ended(job: Object) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)
