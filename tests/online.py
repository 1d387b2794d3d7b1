"""What tests of online serving share: a spec for each runtime, and the objects that it compiles to.

Everything compiled here is validated against the schemas of five Kubernetes versions and the restricted pod security
standard, so every test of a trap also tests that.
"""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import mlspec
from mlspec.api import Result
from mlspec.compiler.catalog import load as catalog

from .support import changed, dumped, files, loaded
from .validation import VERSIONS, load, pod_of, problems, unrestricted

RUNTIMES = catalog.runtime_names()

COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"
DIGEST = f"sha256:{'1' * 64}"

_COMMON = """
apiVersion: mlspec/v1
kind: MLSystem
metadata: {name: fraud, owner: payments, links: {runbook: "https://runbooks.example.com/fraud"}}
problem: {useCase: Stop fraudulent payments., task: binary-classification}
constraints:
  latency: {p99: 100ms}
  throughput: {mean: 20/s, peak: 60/s}
  availability: 99.5%
access:
  store: {kind: s3, region: eu-central-1, secret: store-keys}
model:
  signature:
    inputs: [{name: amount, dtype: float32, shape: [4]}]
    outputs: [{name: score, dtype: float32, shape: [1]}]
release:
  version: 7
  artifact: {uri: "s3://models/fraud/7/model.onnx", format: onnx, digest: "DIGEST", size: 40Mi, access: store}
serving: {mode: online, runtime: triton, serviceTime: {mean: 2ms}, endpoint: {hosts: [fraud.example.com]}}
"""

_WEIGHTS: dict[str, object] = {
    "constraints__latency": {"p95": "10s"},
    "access": {"hub": {"kind": "huggingface", "secret": "hub-token"}},
    "release__artifact": {
        "uri": "hf://meta-llama/Llama-3.1-8B-Instruct",
        "format": "safetensors",
        "digest": COMMIT,
        "size": "16Gi",
        "access": "hub",
    },
    "serving__resources": {"cpu": 6, "memory": "24Gi", "accelerator": {"type": "l4"}},
    "serving__serviceTime": {"mean": "1s", "at": 16},
    "serving__load": "150s",
}

_DIFFERENT: dict[str, dict[str, object]] = {
    "triton": {},
    "tensorflow-serving": {
        "constraints__latency": {"p99": "125ms"},
        "release__artifact__uri": "s3://models/fraud/7/",
        "release__artifact__format": "savedmodel",
    },
    "vllm": _WEIGHTS,
    "sglang": _WEIGHTS,
    "tgi": {
        **_WEIGHTS,
        "constraints__latency": {"p95": "8s"},
        "serving__container": {"image": f"registry.example.com/fraud/tgi:3.3.7@{DIGEST}"},
    },
    "mlserver": {
        "release__artifact__uri": "s3://models/fraud/7/model.joblib",
        "release__artifact__format": "sklearn",
    },
    "torchserve": {
        "constraints__latency": None,
        "release__artifact__uri": "s3://models/fraud/7/model.mar",
        "release__artifact__format": "mar",
    },
    "kserve-huggingface": {
        "constraints__availability": None,
        "release__artifact__uri": "s3://models/fraud/7/",
        "release__artifact__format": "safetensors",
    },
    "bentoml": {
        "serving__container": {"image": f"registry.example.com/fraud/bento:7@{DIGEST}"},
    },
    "ray-serve": {
        "serving__container": {"image": f"registry.example.com/fraud/ray:7@{DIGEST}"},
    },
    "custom": {
        "release__artifact__uri": "s3://models/fraud/7/model.bin",
        "release__artifact__format": "custom",
        "serving__container": {
            "image": f"registry.example.com/fraud/serve:7@{DIGEST}",
            "user": 1001,
            "metrics": {"inFlight": {"gauge": "http_requests_in_progress"}},
        },
    },
}

GPU: dict[str, object] = {"serving__resources": {"accelerator": {"type": "l4"}}}


def spec(runtime: str = "triton", /, **changes: object) -> dict[str, Any]:
    """The runtime's spec with some values changed; `a__b` is the path `a.b`, and None removes a value."""
    made: dict[str, Any] = loaded(_COMMON.replace("DIGEST", DIGEST))
    made["serving"]["runtime"] = runtime
    return changed(made, **{**_DIFFERENT[runtime], **changes})


def two_services(**of_second: object) -> dict[str, Any]:
    """Two services, `fraud-a` and `fraud-b`, that serve the same model through the same access."""
    made = spec(access__store={"kind": "s3", "serviceAccount": "fraud-models"})
    serving = made.pop("serving")
    own = {"endpoint": {"hosts": ["other.example.com"]}}
    made["services"] = {"a": serving, "b": {**copy.deepcopy(serving), **own, **of_second}}
    return made


def compiled(tmp_path: Path, made: dict[str, Any]) -> Result:
    return mlspec.compile(_written(tmp_path, made), today="2026-11-23")


def _written(tmp_path: Path, made: dict[str, Any]) -> Path:
    (tmp_path / ".git").mkdir(exist_ok=True)
    path = tmp_path / "mlspec.yaml"
    path.write_text(dumped(made))
    return path


def refused(tmp_path: Path, runtime: str, /, **changes: object) -> list[str]:
    """The errors of a spec, as `MLS012: message`."""
    return errors(tmp_path, spec(runtime, **changes))


def errors(tmp_path: Path, made: dict[str, Any]) -> list[str]:
    return [f"{d.id}: {d.message}" for d in compiled(tmp_path, made).diagnostics if d.severity == "error"]


class Emitted:
    """The objects of one environment."""

    def __init__(self, bodies: list[dict[str, Any]]) -> None:
        self.bodies = bodies

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [body for body in self.bodies if body["kind"] == kind]

    def one(self, kind: str, name: str = "fraud") -> dict[str, Any]:
        found = [body for body in self.all(kind) if body["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} objects {kind} {name}"
        return found[0]

    @cached_property
    def workload(self) -> dict[str, Any]:
        return next(
            b for b in self.bodies if b["kind"] in ("Rollout", "Deployment") and b["metadata"]["name"] == "fraud"
        )

    @property
    def pod(self) -> dict[str, Any]:
        found: dict[str, Any] = self.workload["spec"]["template"]["spec"]
        return found

    @property
    def server(self) -> dict[str, Any]:
        found: dict[str, Any] = self.pod["containers"][0]
        return found

    @property
    def download(self) -> dict[str, Any]:
        found: dict[str, Any] = self.pod["initContainers"][0]
        return found

    @property
    def flags(self) -> dict[str, str]:
        """The runtime's arguments of the form `--name=value`; a flag without a value is `true`."""
        given = [arg.partition("=") for arg in self.server.get("args", []) if arg.startswith("--")]
        assert len({name for name, _, _ in given}) == len(given), "an argument is given twice"
        return {name: value or "true" for name, _, value in given}

    @property
    def env(self) -> dict[str, Any]:
        """The server's variables: their values, or the sources of their values."""
        return variables(self.server)

    @property
    def mounts(self) -> dict[str, str]:
        """The server's volumes: from mount path to name."""
        return {mount["mountPath"]: mount["name"] for mount in self.server.get("volumeMounts", [])}

    def volume(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(v for v in self.pod["volumes"] if v["name"] == name)
        return found

    def file(self, name: str) -> str:
        """A configuration file as the runtime reads it: from the ConfigMap that the pod mounts."""
        config = self.one("ConfigMap", self.volume("config")["configMap"]["name"])
        found: str = config["data"][name]
        return found

    def promql(self) -> str:
        """All queries of the bundle: of rules, analyses, and the autoscaler."""
        return "\n".join(query for body in self.bodies for query in _queries(body))

    def ratio(self, slo: str) -> str:
        """The expression that records the share of bad requests over five minutes."""
        groups = [group for body in self.all("PrometheusRule") for group in body["spec"]["groups"]]
        [found] = [
            rule["expr"]
            for group in groups
            for rule in group["rules"]
            if rule.get("record") == "mlspec:sli_error:ratio_rate5m" and rule["labels"]["slo"] == slo
        ]
        return str(found)

    @property
    def trigger(self) -> dict[str, str]:
        """The trigger of the autoscaler."""
        [trigger] = self.one("ScaledObject")["spec"]["triggers"]
        found: dict[str, str] = trigger["metadata"]
        return found

    def series(self) -> set[str]:
        """The series of its pods that the bundle's PromQL reads: not those of rules, controllers, or devices."""
        names = re.findall(r"([a-zA-Z_:][\w:]*)\{", re.sub(r'"[^"]*"', '""', self.promql()))
        others = ("mlspec:", "kube_", "keda_", "rollout_info", "DCGM_")
        return {name for name in names if not name.startswith(others) and name != "up"}


def _queries(body: Any) -> Iterator[str]:
    if isinstance(body, list):
        for item in body:
            yield from _queries(item)
    elif isinstance(body, dict):
        for key, value in body.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from _queries(value)


def variables(container: dict[str, Any]) -> dict[str, Any]:
    listed = container.get("env", [])
    assert len({v["name"] for v in listed}) == len(listed), "a variable is set twice"
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in listed}


def emitted(tmp_path: Path, runtime: str = "triton", /, **changes: object) -> Emitted:
    """The objects that a spec compiles to."""
    return of(tmp_path, spec(runtime, **changes))


def of(tmp_path: Path, made: dict[str, Any]) -> Emitted:
    """The objects of a spec. Many tests use the same specs, so each spec is compiled and validated only once.

    Each call returns a new copy, which the test may change.
    """
    spec = _written(tmp_path, made)
    files = tuple((str(path.relative_to(tmp_path)), path.read_text()) for path in sorted(tmp_path.rglob("*.yaml")))
    if files not in _KNOWN:
        _KNOWN[files] = pickle.dumps(_objects(spec))
    return Emitted(pickle.loads(_KNOWN[files]))


_KNOWN: dict[tuple[tuple[str, str], ...], bytes] = {}
"""The pickled objects of each spec, by the names and texts of all of its files."""


def _objects(spec: Path) -> list[dict[str, Any]]:
    result = mlspec.compile(spec, today="2026-11-23")
    wrong = [f"{d.id}: {d.message}" for d in result.diagnostics if d.severity == "error"]
    assert not wrong, wrong
    bodies = [load(text) for text in files(result).values()]
    objects = [body for body in bodies if "kind" in body and body["kind"] != "Kustomization"]
    for body in objects:
        accepted(body)
    return objects


def _leaves(body: Any) -> Iterator[Any]:
    children = body.values() if isinstance(body, dict) else body if isinstance(body, list) else None
    if children is None:
        yield body
    else:
        yield from (leaf for child in children for leaf in _leaves(child))


def accepted(body: dict[str, Any]) -> None:
    """Every supported API server accepts the object, a restricted namespace accepts its pods, and no value is null."""
    assert not any(value is None for value in _leaves(body)), body["metadata"]["name"]
    for version in VERSIONS:
        assert list(problems(body, version)) == [], f"{body['kind']} {body['metadata']['name']} on {version}"
    pod = pod_of(body)
    assert pod is None or list(unrestricted(pod)) == []
