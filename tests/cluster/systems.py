"""The system that is released on the proving ground: a small spec with enough requests for windows of one minute."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlspec import Result, plan

from ..support import changed, compile_text, objects
from .api import Object

__all__ = ["PATH", "PLATFORM", "applied", "compiled", "promised"]

PLATFORM: dict[str, Any] = {
    "apiVersion": "mlspec/v1",
    "kind": "Platform",
    "metadata": {"name": "ground", "owner": "platform"},
    "platform": {
        "kubernetes": "1.36",
        "cloud": "eks",
        "gateway": {"provider": "istio", "name": "internal", "namespace": "gateways"},
        "prometheus": {
            "url": "http://prometheus-operated.monitoring:9090",
            "namespace": "monitoring",
            "scrapeInterval": "15s",  # the shortest window of a rate is then one minute
        },
        "autoscaling": {"provider": "none"},
    },
}

SPEC: dict[str, Any] = yaml.safe_load("""
apiVersion: mlspec/v1
kind: MLSystem
metadata: {name: digits, owner: vision, links: {runbook: "https://runbooks.example.com/digits"}}
problem: {useCase: Read digits., task: multiclass-classification}
constraints:
  latency: {p99: 100ms}
  throughput: {mean: 200/s, peak: 300/s}
  availability: 99.5%
model:
  signature:
    inputs: [{name: x, dtype: float32, shape: [1, 28, 28]}]
    outputs: [{name: y, dtype: float32, shape: [10]}]
release:
  version: 1
  artifact: {uri: "https://models.example.com/digits.onnx", format: onnx, digest: "", size: 26Ki}
serving: {mode: online, runtime: triton, serviceTime: {mean: 2ms}}
rollout:
  stages:
    - canary: {steps: [20%, 50%]}
""")

PATH = "/v2/models/digits/infer"
"""The path that users of this system call."""


def compiled(folder: Path, namespace: str, platform: Mapping[str, object] = PLATFORM, **changes: object) -> Result:
    """Compile the system for a namespace; fails if mlspec finds an error. `changes` are as for `changed`."""
    digest = f"sha256:{int(str(changes.get('release__version', 1))):064x}"
    spec = changed(
        SPEC, release__artifact__digest=digest, environments={namespace: {"namespace": namespace}}, **changes
    )
    folder.mkdir(parents=True, exist_ok=True)
    result = compile_text(folder, yaml.safe_dump(spec, sort_keys=False), platform=yaml.safe_dump(dict(platform)))
    assert result.ok, [str(one) for one in result.diagnostics]
    return result


def applied(result: Result) -> list[Object]:
    """The objects of all environments that an API server gets, as it reads their files."""
    return [body for body in objects(result) if body["kind"] not in ("Application", "Kustomization")]


def promised(result: Result, title: str) -> str:
    """What `mlspec plan` says under a title, such as "rollout duration"."""
    (memo,) = plan(result).values()
    return next(one.value for area in memo.areas for one in area.decisions if one.title == title)
