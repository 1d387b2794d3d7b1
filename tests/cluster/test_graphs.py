"""Dashboards and rules on real servers: Prometheus 2.42, which Debian has, and Prometheus 3.

promtool evaluates an expression once. Grafana asks a server for a range, over blocks on a disk, through its API, and
recorded series exist only if a rule wrote them. So the raw series of a healthy service are written to blocks, the
recording rules of the bundle run over them, and each panel asks its query as Grafana sends it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
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
from ..test_dashboards import healthy, histograms, recording
from .programs import prometheus, run
from .proof import Proof
from .replay import Archive

BEGIN = 1_795_000_200
"""Any time of the past after the releases of the examples, a multiple of a minute."""

MINUTES = 30

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
            groups = [group for path, text in bundle.items() if _is_rules(path) for group in loaded(text)["groups"]]
            kept = [{**group, "rules": recording(group)} for group in groups if recording(group)]
            if kept:
                (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": kept}))
                archive.record("rules.yaml", BEGIN, BEGIN + 60 * MINUTES)
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
