"""Every canary of the examples against versions that work, fail, die, hang, are slow, or cannot be seen.

No API server runs here: the queries are evaluated by a real Prometheus, and the controller's rules are replayed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

import mlspec
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.pipeline import compile_system
from mlspec.compiler.plan.service import ServicePlan
from mlspec.targets.registry import BACKENDS

from ..canaries import canaries
from ..support import EXAMPLES
from .api import Object
from .proof import Proof
from .replay import Archive, Ending, replayed, steps_of
from .series import LEAD, SCENARIOS, Scenario, Step, lines

BEGIN = 1_790_000_000
"""Any time of the past, a multiple of the interval of the samples."""

APART = 30 * 86_400
"""Seconds between two scenarios: longer than any rollout and any window."""


class Canary(NamedTuple):
    """One service of an example that rolls out step by step."""

    service: ServicePlan
    steps: list[tuple[Step, list[Object]]]

    @property
    def name(self) -> str:
        return f"{self.service.name.value} in {self.service.scope.environment.value}"

    def rate(self, scenario: Scenario) -> float:
        """The requests per second that the gateway gets."""
        mean, trough = self.service.canary.rate, self.service.traffic("trough")
        assert mean is not None
        return float(trough.value if scenario.night and trough is not None else mean.value)


def every() -> Iterator[Canary]:
    for example in EXAMPLES:
        result = mlspec.compile(example / "mlspec.yaml")
        compiled = compile_system(mlspec.load(example / "mlspec.yaml")._input, BACKENDS, RULES)
        for environment in compiled.environments:
            bodies = list(result.bundles[environment.name].objects)
            for service in environment.plan.online.values():
                for rollout, templates in canaries(bodies):
                    if rollout["metadata"]["name"] == service.name.value:
                        yield Canary(service, steps_of(rollout, templates))


CANARIES = list(every())


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory, proof: Proof) -> dict[tuple[str, str], Ending]:
    """How each rollout ends, by its name and what the version does."""
    found = {}
    for canary in CANARIES:
        folder = tmp_path_factory.mktemp("replay")
        starts = {name: BEGIN + number * APART for number, name in enumerate(SCENARIOS)}
        shares = [step for step, _ in canary.steps]
        samples = (
            line
            for name, scenario in SCENARIOS.items()
            for line in lines(canary.service, scenario, shares, canary.rate(scenario), starts[name])
        )
        with Archive(folder, samples) as archive:
            for name in SCENARIOS:
                found[canary.name, name] = replayed(archive, canary.steps, starts[name])
        row = [_told(found[canary.name, name]) for name in SCENARIOS]
        proof.row("Replay of the examples", ("a version that", *SCENARIOS), canary.name, *row)
    return found


def _told(ending: Ending) -> str:
    where = "" if ending.what == "promoted" else f" at step {ending.step}"
    return f"{ending.what} after {ending.after / 60:.4g} min{where}"


EACH = pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name)


def test_there_are_canaries() -> None:
    assert len(CANARIES) >= 5
    assert LEAD % 30 == BEGIN % 10 == 0


@EACH
def test_a_version_that_works_is_promoted_in_the_planned_time(
    canary: Canary, endings: dict[tuple[str, str], Ending]
) -> None:
    ending = endings[canary.name, "works"]
    assert ending.what == "promoted", ending
    assert ending.after == pytest.approx(float(canary.service.canary.length.value.amount), abs=30 * len(canary.steps))


@EACH
@pytest.mark.parametrize("does", ["fails every request", "its pods die", "hangs", "is slow"])
def test_a_version_that_harms_is_rolled_back_at_its_first_step(
    canary: Canary, does: str, endings: dict[tuple[str, str], Ending]
) -> None:
    ending = endings[canary.name, does]
    assert (ending.what, ending.step) == ("rolled back", 1), ending


@EACH
def test_a_version_without_data_never_moves_on(canary: Canary, endings: dict[tuple[str, str], Ending]) -> None:
    ending = endings[canary.name, "cannot be scraped"]
    assert ending.what != "promoted", ending
    assert ending.step == 1, ending


@EACH
def test_at_night_a_version_is_judged_or_held(canary: Canary, endings: dict[tuple[str, str], Ending]) -> None:
    assert endings[canary.name, "works, at night"].what in ("promoted", "held")
