"""What tests of batch inference share: a spec with every field of a batch service, and its objects."""

from __future__ import annotations

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
from mlspec.compiler.plan.serving.batch import BatchPlan
from mlspec.compiler.system import MLSystem
from mlspec.targets.monitoring import batch as monitoring
from mlspec.targets.serving import batch as serving

from .support import changed, dumped, loaded
from .validation import load

SPEC: dict[str, Any] = loaded("""
apiVersion: mlspec/v1
kind: MLSystem
metadata: {name: demand, owner: supply, links: {runbook: "https://runbooks.example.com/demand"}}
problem: {useCase: Order what stores will sell., task: forecasting}
constraints: {deadline: 2h, items: 18M, maxReplicas: 12}
access:
  store: {kind: s3, region: eu-central-1, endpoint: "https://store.example.com:9000", secret: store-keys}
models: {lightgbm: {}}
releases:
  lightgbm:
    version: 46
    artifact:
      uri: s3://models/46/model.txt
      format: lightgbm
      digest: sha256:1111111111111111111111111111111111111111111111111111111111111111
      size: 310Mi
      access: store
serving:
  mode: batch
  model: lightgbm
  image: registry.example.com/demand/score:46
  command: [python, -m, demand.score]
  schedule: "0 4 * * *"
  timeZone: UTC
  input: {uri: "s3://forecasts/inputs/", access: store, format: parquet}
  output: {uri: "s3://forecasts/outputs/", access: store, format: parquet}
  partitions: 24
  parallel: 12
  retries: 2
  user: 1001
  resources: {cpu: 4, memory: 12Gi, accelerator: {type: l4, count: 1}}
  env: {LOG_LEVEL: info}
  access: [store]
  scheduling: {runtimeClass: gvisor}
  podLabels: {team: supply}
  podAnnotations: {note: nightly}
""")


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    for batch in plan.batch.values():
        for make in (serving.cron_job, serving.service_account, serving.network_policy, monitoring.rules):
            yield partial(make, batch)


TARGET = Target(name="batch", summary="", emit=emit, kinds={"PrometheusRule": Kind()})


def spec(**changes: object) -> dict[str, Any]:
    """The spec with some values changed; `a__b` is the path `a.b`, and None removes a value."""
    return changed(SPEC, **changes)


def compiled(tmp_path: Path, made: dict[str, Any]) -> Compiled:
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / "mlspec.yaml").write_text(dumped(made))
    return compile_system(mlspec.load(tmp_path / "mlspec.yaml")._input, Backends(targets=(TARGET,)), ())


def told(result: Compiled) -> list[str]:
    return [f"{found.id}: {found.message}" for found in result.found]


def objects(tmp_path: Path, made: dict[str, Any]) -> dict[str, Any]:
    result = compiled(tmp_path, made)
    assert told(result) == []
    bodies = [load(file.text) for file in result.environments[0].bundle.files()]
    return {body["kind"]: body for body in bodies if "kind" in body}


def cron(tmp_path: Path, **changes: object) -> dict[str, Any]:
    found: dict[str, Any] = objects(tmp_path, spec(**changes))["CronJob"]["spec"]
    return found


def job(tmp_path: Path, **changes: object) -> dict[str, Any]:
    found: dict[str, Any] = cron(tmp_path, **changes)["jobTemplate"]["spec"]
    return found


def environment(tmp_path: Path, **changes: object) -> dict[str, Any]:
    """The container's variables: their values, or the sources of their values."""
    container = job(tmp_path, **changes)["template"]["spec"]["containers"][0]
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in container["env"]}


def plan(tmp_path: Path, **changes: object) -> BatchPlan:
    return compiled(tmp_path, spec(**changes)).environments[0].plan.batch["demand"]


NAIVE = {"uri": "s3://models/naive/", "format": "custom", "digest": f"sha256:{'2' * 64}", "access": "store"}
OTHERS = {
    "access__other": {"kind": "s3", "secret": "other-keys", "keys": {"OTHER_KEY": "key", "OTHER_SECRET": "secret"}},
    "models__naive": {},
    "releases__naive": {"version": 1, "artifact": NAIVE},
}
"""Another store and another model, for values that refer to one."""

ONE = {"serving__partitions": 1, "serving__parallel": 1}
LEAN = {"serving__parallel": None, "serving__resources": None}
