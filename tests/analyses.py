"""The analyses of a spec: their metrics, and what Prometheus has for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mlspec
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.pipeline import compile_system
from mlspec.compiler.plan.rollout.canary import CanaryPlan
from mlspec.targets.registry import BACKENDS

from .canaries import GUARDS, VERSUS
from .online import Emitted, spec
from .scenes import counter, labeled
from .support import dumped

__all__ = [
    "NEW", "OLD", "SMALL_STEPS", "TRAFFIC", "asked", "canary", "enough", "every", "guards", "limit", "metrics", "query",
    "ratios", "served", "steps", "windows",
]  # fmt: skip

NEW, OLD = "7f9c", "5d4b"

SMALL_STEPS = [{"canary": {"steps": ["5%", "25%", "50%"]}}]
"""The default steps, also where the traffic is too low for them."""

TRAFFIC = [
    {"mean": "20/s", "peak": "60/s"},
    {"mean": "20/s", "peak": "60/s", "trough": "0.5/s"},
    {"mean": "1/s", "peak": "2/s"},
    {"mean": "900/s", "peak": "2000/s"},
    None,
]


def metrics(of: Emitted, name: str) -> dict[str, dict[str, Any]]:
    listed = of.one("AnalysisTemplate", f"fraud-{name}")["spec"]["metrics"]
    assert len({metric["name"] for metric in listed}) == len(listed), "two metrics with the same name are rejected"
    return {metric["name"]: metric for metric in listed}


def steps(of: Emitted) -> list[str]:
    """The names of the analyses, one for each step."""
    names = [body["metadata"]["name"].removeprefix("fraud-") for body in of.all("AnalysisTemplate")]
    assert names == [f"step-{number}" for number in range(1, len(names) + 1)]
    return names


def every(of: Emitted) -> list[dict[str, Any]]:
    return [metric for name in steps(of) for metric in metrics(of, name).values()]


def ratios(of: Emitted) -> list[dict[str, Any]]:
    """The metrics of objectives."""
    found = [metric for metric in every(of) if metric["name"] not in GUARDS and not metric["name"].endswith(VERSUS)]
    assert found
    return found


def guards(of: Emitted) -> list[dict[str, Any]]:
    return [metric for metric in every(of) if metric["name"] in GUARDS]


def query(metric: dict[str, Any]) -> str:
    asked: str = metric["provider"]["prometheus"]["query"]
    return asked


def windows(metric: dict[str, Any]) -> set[str]:
    """The windows that a query looks back on, without the time before them that tells which series are new."""
    return set(re.findall(r"\[(\w+)\](?! offset)", query(metric)))


def limit(metric: dict[str, Any]) -> float:
    """The number in both conditions."""
    (good,) = re.findall(r"result\[0\] <= ([0-9.]+)$", metric["successCondition"])
    (bad,) = re.findall(r"result\[0\] > ([0-9.]+)$", metric["failureCondition"])
    assert good == bad, "a gap would meet neither condition, and an overlap both"
    return float(good)


def enough(metric: dict[str, Any]) -> int:
    """The requests below which a window has no sample."""
    (least,) = re.findall(r"\nand (?:.|\n)* >= ([0-9]+)$", query(metric))
    return int(least)


def served(version: str, good: float, bad: float | None, length: int = 30) -> dict[str, str]:
    """What Triton counts for one version, in requests per minute."""
    own = {"namespace": "default", "job": "default/fraud", "rollouts_pod_template_hash": version, "model": "fraud"}
    made = {labeled("nv_inference_request_success", **own): counter((length, good))}
    if bad is not None:
        made[labeled("nv_inference_request_failure", **own, reason="BACKEND")] = counter((length, bad))
    return made


def asked(metric: dict[str, Any]) -> str:
    return f"({query(metric).replace('{{args.canary-hash}}', NEW)})"


def canary(tmp_path: Path, **changes: object) -> CanaryPlan:
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / "mlspec.yaml").write_text(dumped(spec(**changes)))
    (environment,) = compile_system(mlspec.load(tmp_path / "mlspec.yaml")._input, BACKENDS, RULES).environments
    return environment.plan.online["fraud"].canary
