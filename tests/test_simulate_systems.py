"""The planner, judged by the simulator: the examples and the ten worked systems at their peaks, and their canaries.

A promise that is broken is listed below with the reason why. An entry that is not needed any more fails, too.
"""

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

WITHOUT_DECODE = "the planner's batch limit ignores that reading the prompts of others stops every response"

BROKEN_WITH_THE_PLANNED_REPLICAS: dict[tuple[str, str], str] = {
    ("shop-assistant", "between tokens p95"): "nothing limits how many tokens of a prompt a step reads",
    ("contract-digest", "latency p95"): WITHOUT_DECODE,
}
"""Promises that the plan does not keep with the replicas that it has for the peak: service, promise, and why."""

BROKEN_WITH_THE_AUTOSCALER: dict[tuple[str, str], str] = {
    ("shop-assistant", "between tokens p95"): "nothing limits how many tokens of a prompt a step reads",
}
"""The same with the autoscaler, which may run fewer replicas or more."""

ALL = {**BROKEN_WITH_THE_PLANNED_REPLICAS, **BROKEN_WITH_THE_AUTOSCALER}


@cache
def simulated(folder: Path, text: str, *, fixed: bool) -> Simulation:
    """The last environment, which is production."""
    result = compile_text(folder, text) if text else mlspec.compile(folder / "mlspec.yaml")
    return list(mlspec.simulate(result, fixed=fixed, rollouts=100).values())[-1]


def broken(simulation: Simulation) -> set[tuple[str, str]]:
    promises = ((service.name, promise) for service in simulation.services for promise in service.promises)
    return {(name, promise.title) for name, promise in promises if promise.verdict == BROKEN}


def row(name: str, promise: Promise) -> str:
    return f"| {name} | {promise.title} | {promise.promised} | {promise.happened} | {promise.verdict} |"


def expected(simulation: Simulation, known: dict[tuple[str, str], str]) -> set[tuple[str, str]]:
    names = {service.name for service in simulation.services}
    return {key for key in known if key[0] in names}


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_each_example_keeps_its_promises_at_the_peak(example: Path) -> None:
    for fixed, known in ((True, BROKEN_WITH_THE_PLANNED_REPLICAS), (False, BROKEN_WITH_THE_AUTOSCALER)):
        found = simulated(example, "", fixed=fixed)
        assert broken(found) == expected(found, known)


@pytest.mark.slow
def test_the_worked_systems_keep_their_promises_at_the_peak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the table: what the plan promises, and what happened."""
    rows, wrong, unused = ["", "| service | promise | promised | happened | |", "|---|---|---|---|---|"], [], []
    for number, system in enumerate(SYSTEMS):
        folder = tmp_path / str(number)
        folder.mkdir()
        for fixed, known in ((True, BROKEN_WITH_THE_PLANNED_REPLICAS), (False, BROKEN_WITH_THE_AUTOSCALER)):
            found = simulated(folder, system.spec, fixed=fixed)
            how = "the planned replicas" if fixed else "the autoscaler"
            rows += [
                row(f"{service.name}, {how}", promise) for service in found.services for promise in service.promises
            ]
            wrong += [(how, key) for key in broken(found) - expected(found, known)]
            unused += [(how, key) for key in expected(found, known) - broken(found)]
    with capsys.disabled():
        sys.stdout.write("\n".join((*rows, "")))
    assert not wrong
    assert not unused, "the planner keeps these promises now: remove them from the table"


def test_each_known_fault_has_a_reason_and_a_service() -> None:
    specs = [system.spec for system in SYSTEMS] + [(path / "mlspec.yaml").read_text() for path in EXAMPLES]
    for (service, _), why in ALL.items():
        assert any(service in spec for spec in specs), service
        assert why
