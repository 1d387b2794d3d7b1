"""The canary: the rollout of the bundle, replayed with what the new version measured of itself.

A rollout takes 40 minutes, which compressed time does not have. So both servers answer some hundred requests, their own
counters say which share failed and how long the answers took, and `mlspec test --series` replays the compiled analyses
over a rollout in which the versions go on like that. promtool, of Prometheus, evaluates the queries.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from .serving import Served
from .system import System, mlspec

__all__ = ["Measured", "measured", "replayed", "since"]

COUNT, TIMES = "rest_server_requests_total", "rest_server_request_duration_seconds"
INFER = "/v2/models/{model_name}/infer"
LINE = re.compile(r"([a-z_]+)\{(.*)\} ([0-9.e+]+)")
"""A sample in the text format. Labels may have braces: MLServer's paths are templates."""
NEW, LIVE = "7f9c5d4b8c", "5c8d9f7b6"
"""The hashes of both versions' pods: the first one is what `mlspec test` takes for the new version."""

RATE, SHARE, STEP, MINUTES = 25.0, (0.1, 0.5), 30, 90


class Measured:
    """What a server counted of its requests for predictions: all, failures, and the answers within each bound."""

    def __init__(self, requests: float, failed: float, within: dict[str, float]) -> None:
        self.requests, self.failed, self.within = requests, failed, within

    @property
    def failures(self) -> float:
        """The share of requests that failed."""
        return self.failed / self.requests if self.requests else 1.0


def since(before: Measured, after: Measured) -> Measured:
    """What was counted between two readings."""
    within = {bound: count - before.within.get(bound, 0.0) for bound, count in after.within.items()}
    return Measured(after.requests - before.requests, after.failed - before.failed, within)


def measured(served: Served) -> Measured:
    """The counters of MLServer, at its own endpoint."""
    with urlopen(f"http://127.0.0.1:{served.metrics}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    requests, failed, within = 0.0, 0.0, dict[str, float]()
    for found in map(LINE.fullmatch, lines):
        if found is None:
            continue
        labels = dict(re.findall(r'([a-z_]+)="([^"]*)"', found[2]))
        if not labels.get("path", "").endswith("/infer"):
            continue
        if found[1] == COUNT:
            requests += float(found[3])
            failed += float(found[3]) if labels["status_code"].startswith("5") else 0.0
        elif found[1] == f"{TIMES}_bucket":
            within[labels["le"]] = within.get(labels["le"], 0.0) + float(found[3])
    return Measured(requests, failed, within)


def replayed(system: System, live: Measured, new: Measured, folder: Path, promtool: Path) -> dict[str, Any]:
    """How the rollout ends: what `mlspec test --format json` says of it."""
    series = {**_series("live", LIVE, live, 1 - SHARE[0]), **_series("new", NEW, new, SHARE[0])}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "canary.yaml"
    file.write_text(yaml.safe_dump({"interval": f"{STEP}s", "rollout": "30m", "series": series}))
    path = os.pathsep.join((str(promtool.parent), os.environ["PATH"]))
    done = mlspec("test", "mlspec.yaml", "--series", str(file), "--format", "json", folder=system.clone, PATH=path)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _series(pod: str, hash_: str, of: Measured, share: float) -> dict[str, str]:
    own = {"namespace": "fraud", "job": "fraud/fraud-scorer", "pod": pod, "rollouts_pod_template_hash": hash_}
    samples = MINUTES * 60 // STEP
    rate = RATE * share * STEP
    infer = {**own, "method": "POST", "path": INFER}
    made = {
        _named("up", own): f"1x{samples}",
        _named(COUNT, {**infer, "status_code": "200"}): f"0+{rate * (1 - of.failures):g}x{samples}",
    }
    if of.failed:
        made[_named(COUNT, {**infer, "status_code": "500"})] = f"0+{rate * of.failures:g}x{samples}"
    for bound, count in of.within.items():
        made[_named(f"{TIMES}_bucket", {**infer, "le": bound})] = f"0+{rate * count / of.within['+Inf']:g}x{samples}"
    made[_named(f"{TIMES}_count", infer)] = f"0+{rate:g}x{samples}"
    return made


def _named(name: str, labels: dict[str, str]) -> str:
    return f"{name}{{{','.join(f'{key}={json.dumps(value)}' for key, value in labels.items())}}}"
