"""The planner, judged by the simulator: the examples and the ten worked systems at their peaks, and their canaries."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest

import mlspec
from mlspec.compiler.simulate import Simulation
from mlspec.compiler.simulate.report import BROKEN, Promise

from .support import EXAMPLES, compile_text
from .test_worked_systems import SYSTEMS


@cache
def simulated(folder: Path, text: str, *, fixed: bool) -> Simulation:
    """The last environment, which is production, with the planned replicas (`fixed`), or with the autoscaler."""
    result = compile_text(folder, text) if text else mlspec.compile(folder / "mlspec.yaml")
    return list(mlspec.simulate(result, fixed=fixed, rollouts=100).values())[-1]


def broken(simulation: Simulation) -> set[tuple[str, str]]:
    promises = ((service.name, promise) for service in simulation.services for promise in service.promises)
    return {(name, promise.title) for name, promise in promises if promise.verdict == BROKEN}


def row(name: str, promise: Promise) -> str:
    return f"| {name} | {promise.title} | {promise.promised} | {promise.happened} | {promise.verdict} |"


@pytest.mark.exhaustive
@pytest.mark.parametrize("fixed", [True, False], ids=["planned replicas", "autoscaler"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_each_example_keeps_its_promises_at_the_peak(example: Path, *, fixed: bool) -> None:
    assert broken(simulated(example, "", fixed=fixed)) == set()


@pytest.mark.exhaustive
def test_the_worked_systems_keep_their_promises_at_the_peak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the table: what the plan promises, and what happened."""
    rows, wrong = ["", "| service | promise | promised | happened | |", "|---|---|---|---|---|"], []
    for number, system in enumerate(SYSTEMS):
        folder = tmp_path / str(number)
        folder.mkdir()
        for fixed, how in ((True, "the planned replicas"), (False, "the autoscaler")):
            found = simulated(folder, system.spec, fixed=fixed)
            rows += [
                row(f"{service.name}, {how}", promise) for service in found.services for promise in service.promises
            ]
            wrong += [(how, key) for key in broken(found)]
    with capsys.disabled():
        sys.stdout.write("\n".join((*rows, "")))
    assert not wrong
