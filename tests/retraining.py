"""What tests of training runs share: a spec with every section that a run depends on, and its objects."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import mlspec
from mlspec.compiler.emit.artifact import Piece, Target
from mlspec.compiler.emit.backends import Backends
from mlspec.compiler.kinds import Kind
from mlspec.compiler.pipeline import Compiled, compile_system
from mlspec.compiler.plan import Plan
from mlspec.compiler.plan.training import TrainingPlan
from mlspec.compiler.system import MLSystem
from mlspec.targets import retraining
from mlspec.targets.monitoring import training as monitoring
from mlspec.targets.registry import PROVIDERS

from .support import changed, dumped, loaded
from .validation import load

SPEC: dict[str, Any] = loaded("""
apiVersion: mlspec/v1
kind: MLSystem
metadata: {name: fraud, owner: payments, links: {runbook: "https://runbooks.example.com/fraud"}}
problem:
  useCase: Stop fraudulent card payments.
  task: binary-classification
  humanPerformance: {metric: recall, value: 0.71}
access:
  lake: {kind: s3, region: eu-central-1, endpoint: "https://store.example.com:9000", secret: lake-keys}
  broker: {kind: kafka, secret: broker-keys}
  tracker: {kind: tracking, secret: tracker-keys}
data:
  sources:
    - {name: payments, ingestion: streaming, uri: "kafka://broker:9093/payments", access: broker, format: avro}
    - name: chargebacks
      ingestion: batch
      uri: s3://lake/chargebacks
      access: lake
      format: parquet
      owner: disputes
      version: {kind: iceberg, id: "3821550127947089009"}
  columns:
    - {name: event_time, dtype: timestamp}
    - {name: country, dtype: category}
    - {name: is_fraud, dtype: bool, available: after-outcome}
  labels: {column: is_fraud, delay: 45d}
  split: {strategy: temporal, column: event_time, gap: 45d, train: 70%, validation: 15%, test: 15%}
model:
  signature:
    inputs: [{name: country, dtype: string}]
    outputs: [{name: score, dtype: float32}]
  candidates:
    - {name: xgboost, metrics: {roc_auc: 0.943}}
    - {name: constant, role: naive, metrics: {roc_auc: 0.5}}
    - {name: logistic, role: naive, metrics: {roc_auc: 0.912}}
release:
  version: 14
  artifact: {uri: s3://models/14/model.onnx, format: onnx, digest: "sha256:11", access: lake}
  metrics: {roc_auc: 0.941}
training:
  image: registry.example.com/fraud/train:14
  revision: 4e91102
  resources: {cpu: 8, memory: 32Gi}
  storage: 50Gi
  fit: 40m
  env: {LOG_LEVEL: info}
  steps:
    validate: {command: [python, -m, fraud.validate]}
    train: {command: [python, -m, fraud.train]}
    evaluate: {command: [python, -m, fraud.evaluate], image: "registry.example.com/fraud/evaluate:3"}
    register: {command: [python, -m, fraud.register]}
  tracking: {uri: "http://mlflow.mlops:5000", access: tracker}
  seed: 17
evaluation:
  primary: roc_auc
  minSamples: 20000
  gates:
    - {metric: roc_auc, versus: champion, margin: -0.002}
    - {metric: roc_auc, versus: naive, margin: 2%}
    - {metric: recall, segment: country, min: 0.6, minSamples: 400}
  segments: [country]
retraining: {schedule: "0 3 * * 1", maxModelAge: 45d}
""")
SPEC["release"]["artifact"]["digest"] = f"sha256:{'1' * 64}"

PLATFORM: dict[str, Any] = loaded("""
apiVersion: mlspec/v1
kind: Platform
platform: {images: {runtime: "registry.example.com/mlspec-runtime:1"}}
""")

BY_HAND = {"retraining": None}
"""A system without scheduled runs."""

LEAN = {
    "training__steps": {"train": {"command": ["python", "-m", "fraud.train"]}},
    "training__tracking": None,
    "evaluation": None,
    "data": None,
}
"""The smallest training run."""


ACCELERATED = {"training__resources__accelerator": {"type": "l4", "count": 2}}
"""Steps on nodes with accelerators."""


def emit(system: MLSystem, plan: Plan) -> Iterable[Piece]:
    yield from retraining.TARGET.emit(system, plan)
    if plan.training is not None:
        yield partial(monitoring.rules, plan.training)


TARGET = Target(name="retraining", summary="", emit=emit, kinds={"PrometheusRule": Kind(), **retraining.TARGET.kinds})


def spec(**changes: object) -> dict[str, Any]:
    """The spec with some values changed; `a__b` is the path `a.b`, and None removes a value."""
    return changed(SPEC, **changes)


def compiled(
    tmp_path: Path,
    made: dict[str, Any],
    platform: dict[str, Any] | None = PLATFORM,
    targets: tuple[Target, ...] = (TARGET,),
) -> Compiled:
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / "mlspec.yaml").write_text(dumped(made))
    if platform is not None:
        (tmp_path / "mlspec.platform.yaml").write_text(dumped(platform))
    return compile_system(
        mlspec.load(tmp_path / "mlspec.yaml")._input, Backends(targets=targets, providers=PROVIDERS), ()
    )


def told(result: Compiled) -> list[str]:
    """All findings, except for those on sections that other targets read, such as the accesses of services."""
    return [
        f"{found.id}: {found.message}"
        for found in result.found
        if found.id != "MLS013" and " has no effect here" not in found.message
    ]


def objects(tmp_path: Path, platform: Any = PLATFORM, **changes: object) -> dict[str, Any]:
    """The objects, by kind."""
    result = compiled(tmp_path, spec(**changes), platform)
    assert told(result) == []
    bodies = [load(file.text) for file in result.environments[0].bundle.files()]
    return {body["kind"]: body for body in bodies if "kind" in body}


def cron(tmp_path: Path, **changes: object) -> dict[str, Any]:
    found: dict[str, Any] = objects(tmp_path, **changes)["CronJob"]["spec"]
    return found


def job(tmp_path: Path, **changes: object) -> dict[str, Any]:
    found: dict[str, Any] = cron(tmp_path, **changes)["jobTemplate"]["spec"]
    return found


def pod(tmp_path: Path, **changes: object) -> dict[str, Any]:
    found: dict[str, Any] = job(tmp_path, **changes)["template"]["spec"]
    return found


def steps(tmp_path: Path, **changes: object) -> dict[str, dict[str, Any]]:
    """The containers by name, in the order in which they run."""
    made = pod(tmp_path, **changes)
    return {container["name"]: container for container in [*made.get("initContainers", []), *made["containers"]]}


def environment(container: dict[str, Any]) -> dict[str, Any]:
    """A container's variables: their values, or the sources of their values."""
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in container["env"]}


def configuration(tmp_path: Path, **changes: object) -> dict[str, Any]:
    """The configuration that the steps read."""
    found: dict[str, Any] = json.loads(objects(tmp_path, **changes)["ConfigMap"]["data"]["training.json"])
    return found


def plan(tmp_path: Path, **changes: object) -> TrainingPlan:
    made = compiled(tmp_path, spec(**changes)).environments[0].plan.training
    assert made is not None
    return made
