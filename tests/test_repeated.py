"""What a spec sets twice: the planner takes one of them, so the other would be ignored silently."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import errors, spec
from .support import changed

CANARY: dict[str, Any] = {"canary": {"steps": ["10%"]}}
SHADOW: dict[str, Any] = {"shadow": {"percent": "10%"}}
REASONS = {"dtype": "string", "carries": "reasons"}

TWICE: dict[str, dict[str, Any]] = {
    "the `shadow` stage of the rollout": {"rollout__stages": [SHADOW, SHADOW, CANARY]},
    "the `canary` stage of the rollout": {"rollout__stages": [CANARY, CANARY]},
    "the regression of `error-rate` to detect": {
        "rollout__stages": [{"canary": {"detect": [{"metric": "error-rate", "to": to} for to in ("2%", "3%")]}}]
    },
    "the selected candidate of `fraud`": {"model__candidates": [{"name": n, "selected": True} for n in ("a", "b")]},
    "the output of `fraud` that carries its reasons": {
        "model__signature__outputs": [{"name": name, **REASONS} for name in ("why", "because")]
    },
}


REGRESSION = {"metric": "error-rate", "to": "2%"}
HIDDEN: dict[str, dict[str, Any]] = {
    "a canary": {"rollout__stages": [CANARY, {"canary": {"steps": ["25%"], "detect": [REGRESSION]}}]},
    "a regression": {"rollout__stages": [{"canary": {"detect": [REGRESSION, {**REGRESSION, "to": "3%"}]}}]},
    "a shadow": {"rollout__stages": [{"shadow": {"duration": "2h"}}, {"shadow": {"duration": "1h"}}, CANARY]},
}


@pytest.mark.parametrize("what", HIDDEN)
def test_trap_what_is_set_twice_has_no_effect_as_well(tmp_path: Path, what: str) -> None:
    """It said to write a regression as it was written, because an earlier canary hides this one."""
    [found] = errors(tmp_path, changed(spec(), **HIDDEN[what]))
    assert found.startswith("MLS017")
    assert found.endswith("is set twice")


@pytest.mark.parametrize("what", TWICE)
def test_what_is_set_twice_is_an_error(tmp_path: Path, what: str) -> None:
    assert f"MLS017: {what} is set twice" in errors(tmp_path, changed(spec(), **TWICE[what]))


def test_limits_of_different_objectives_are_not_the_same_limit(tmp_path: Path) -> None:
    limits = [{"metric": "error-rate", "max": "2%"}, {"metric": "slow-rate", "max": "5%"}]
    assert errors(tmp_path, changed(spec(), rollout__rollbackWhen=limits)) == []


def test_trap_an_environment_that_runs_nothing_would_run_everything(tmp_path: Path) -> None:
    places: dict[str, Any] = {"one": {}, "two": {"runs": []}}
    assert errors(tmp_path, spec(environments=places)) == ["MLS011: `runs` has no values"]


@pytest.mark.parametrize("level", [[], None])
def test_a_canary_without_steps_is_no_canary_with_the_default_ones(tmp_path: Path, level: list[str] | None) -> None:
    stages = [{"canary": {"steps": level} if level is not None else {}}]
    found = errors(tmp_path, changed(spec(), rollout__stages=stages))
    assert found == ([] if level is None else ["MLS011: `steps` has no values"])
