"""Dashboards and rules on real servers: Prometheus 2.42, which Debian has, and Prometheus 3.

promtool evaluates an expression once. Grafana asks a server for a range, over blocks on a disk, through its API, and
recorded series exist only if a rule wrote them. So the raw series of a healthy service are written to blocks, the
recording rules of the bundle run over them, and each panel asks its query as Grafana sends it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import mlspec
from mlspec.api import Result
from mlspec.compiler.rehearse.cases import cases
from mlspec.terminal import promtool

from ..grafana import dashboards, parsed, substituted
from ..support import EXAMPLES, loaded
from ..test_dashboards import POD, healthy, histograms, recording
from .pages.board import page
from .pages.browser import View, looked
from .programs import prometheus, run
from .proof import Proof
from .replay import Archive

BEGIN = 1_795_000_200
"""Any time of the past after the releases of the examples, a multiple of a minute."""

MINUTES = 30

FRAUD = next(example for example in EXAMPLES if example.name == "fraud-scorer")

VERSIONS = ("2", "3")

EACH = pytest.mark.parametrize("version", VERSIONS)


@cache
def compiled(example: Path) -> Result:
    return mlspec.compile(example / "mlspec.yaml")


def values(notation: str) -> Iterator[float]:
    """The samples of a series in the notation of promtool, as `healthy` writes it."""
    for part in notation.split():
        start, growth, times = re.fullmatch(r"(-?[\d.]+?)([+-][\d.]+)?x(\d+)", part).groups()  # type: ignore[union-attr]
        yield from (float(start) + float(growth or 0) * number for number in range(int(times) + 1))


def samples(series: dict[str, str]) -> Iterator[str]:
    """The same series in OpenMetrics, a sample every minute. Times of kube-state-metrics are from `BEGIN` on."""
    once = {frozenset(re.split(r'[{}]|(?<="),', name)): name for name in series}
    for name in once.values():
        since = BEGIN if re.match(r"kube_\w+(_time|_created)\{", name) else 0
        for minute, value in enumerate(values(series[name])):
            yield f"{name} {since + value:.0f} {BEGIN + 60 * minute}"


@EACH
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_server_answers_every_query_of_every_panel(example: Path, version: str, tmp_path: Path, proof: Proof) -> None:
    result, asked = compiled(example), 0
    for environment in result._compiled.environments:
        bundle = result.bundles[environment.name].files
        for number, made in enumerate(dashboards(bundle)):
            folder = tmp_path / f"{environment.name}-{number}"
            folder.mkdir()
            archive = Archive(folder, samples(healthy(made, histograms(environment.plan))), version)
            recorded(archive, folder, bundle, MINUTES)
            with archive:
                for panel in parsed(made).shown:
                    for target in panel.targets:
                        found = archive.ranges(substituted(target.expr), BEGIN + 1200, 60, 10)
                        assert panel.title == "Alerts" or _numbers(found), f"{panel.title}: {target.expr}"
                        asked += 1
    proof.row(
        "Dashboards on a server",
        ("example", "Prometheus", "queries", "with a result"),
        example.name,
        version,
        asked,
        asked,
    )


def recorded(archive: Archive, folder: Path, bundle: Mapping[str, str], minutes: int) -> None:
    """Add what the recording rules of a bundle would have recorded."""
    groups = [group for path, text in bundle.items() if _is_rules(path) for group in loaded(text)["groups"]]
    kept = [{**group, "rules": recording(group)} for group in groups if recording(group)]
    if kept:
        (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": kept}))
        archive.record("rules.yaml", BEGIN, BEGIN + 60 * minutes)


def _is_rules(path: str) -> bool:
    return Path(path).name.startswith("rules")


def _numbers(found: list[Any]) -> bool:
    return any(math.isfinite(float(value)) for series in found for _, value in series["values"])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_prometheus_3_accepts_the_rules_and_passes_their_tests(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proof: Proof
) -> None:
    """Other tests run the same scenes with the promtool of 2.42."""
    program, _ = prometheus("3")
    bundle = compiled(example)._compiled.environments[-1].bundle
    rules = {Path(file.path).name: file.text for file in bundle.files() if _is_rules(file.path)}
    for name, text in rules.items():
        (tmp_path / name).write_text(text)
        run([str(program), "check", "rules", "--lint=all", "--lint-fatal", name], tmp_path)
    made = list(cases(bundle))
    files = {name: text for number, case in enumerate(made) for name, text in case.files(f"{number}").items()}
    monkeypatch.setenv("PATH", str(program.parent))
    told = promtool.run(files, [f"{number}.json" for number in range(len(made))])
    failed = {f"{case.alert}: {case.scene}": told[f"{number}.json"][1] for number, case in enumerate(made)}
    assert {name: said for name, said in failed.items() if said != "SUCCESS"} == {}
    number = sum(len(group["rules"]) for text in rules.values() for group in loaded(text)["groups"])
    proof.row("Rules in Prometheus 3", ("example", "rules", "scenes that pass"), example.name, number, len(made))


# A picture

HOURS = 6
STEPS = (0.05, 0.25, 0.5)
"""The shares of a new version, two hours each."""


def lively(series: dict[str, str]) -> Iterator[str]:
    """Six hours of a service whose new version gets more traffic every two hours."""
    once = {frozenset(re.split(r'[{}]|(?<="),', name)): name for name in series}
    for name in once.values():
        base, total = name.partition("{")[0], 0.0
        for minute in range(60 * HOURS + 1):
            day = 1 + 0.3 * math.sin(2 * math.pi * minute / (60 * HOURS))
            share = STEPS[min(minute // 120, 2)] if POD["7"] in name else 1 - STEPS[min(minute // 120, 2)]
            total += 60 * _growth(name, base, day, share)
            yield f"{name} {_level(base, day, minute, share, total):.6f} {BEGIN + 60 * minute}"


def _growth(name: str, base: str, day: float, share: float) -> float:
    """What a counter grows by in a second."""
    requests = 400 * day * share
    bucket = re.search(r'le="([^"]+)"', name)
    if base.endswith("_failure"):
        return requests * day * (0.0004 if "CANCELED" not in name else 0.002) * (1.4 if POD["7"] in name else 1)
    if bucket is not None:
        return requests * (1 - math.exp(-float(bucket[1]) / 6)) if bucket[1] != "+Inf" else requests
    if base.endswith("_us"):
        return requests * 5000
    return 1.2 * day * share if "cpu" in base else requests


def _level(base: str, day: float, minute: int, share: float, total: float) -> float:
    """The value of a series: that of a counter is what it grew by."""
    at = BEGIN + 60 * minute
    levels = {
        "up": 1,
        "nv_inference_pending_request_count": 3 * day * share,
        "container_memory_working_set_bytes": 1.4e9 + 1e8 * day,
        "rollout_info_replicas_desired": 4 + (minute > 150),
        "rollout_info_replicas_available": 4 + (minute > 160),
        "kube_cronjob_created": at - 86_400,
        "kube_cronjob_status_last_successful_time": at - 3600 - at % 7200,
        "kube_job_status_start_time": at - at % 7200,
        "kube_job_status_completion_time": at - at % 7200 + 2400,
        "kube_job_failed": 0,
    }
    return levels.get(base, total)


def test_a_dashboard_is_well_drawn(tmp_path: Path, proof: Proof) -> None:
    """No text leaves its drawing or covers another one; `PICTURE` names a file to keep the page in."""
    result = compiled(FRAUD)
    environment = result._compiled.environments[-1]
    bundle = result.bundles[environment.name].files
    (made,) = dashboards(bundle)
    archive = Archive(tmp_path, lively(healthy(made, histograms(environment.plan))), "3")
    recorded(archive, tmp_path, bundle, 60 * HOURS)
    with archive:
        drawn = page(parsed(made), lambda query: archive.ranges(query, BEGIN + 600, 120, 30 * HOURS - 5))
    file = Path(os.environ.get("PICTURE", tmp_path / "dashboard.html"))
    file.write_text(drawn)
    (seen,) = looked({"dashboard": file}, (View("screen", "light", 1440),)).values()
    assert seen["drawn"] == []
    columns = ("dashboard", "panels", "texts that leave their drawing or cover others")
    proof.row("Dashboards in a browser", columns, FRAUD.name, len(parsed(made).shown), 0)
