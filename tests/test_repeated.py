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


@pytest.mark.parametrize("what", TWICE)
def test_what_is_set_twice_is_an_error(tmp_path: Path, what: str) -> None:
    assert f"MLS017: {what} is set twice" in errors(tmp_path, changed(spec(), **TWICE[what]))


def test_limits_of_different_objectives_are_not_the_same_limit(tmp_path: Path) -> None:
    limits = [{"metric": "error-rate", "max": "2%"}, {"metric": "slow-rate", "max": "5%"}]
    assert errors(tmp_path, changed(spec(), rollout__rollbackWhen=limits)) == []


@pytest.mark.parametrize("level", [[], None])
def test_a_canary_without_steps_is_no_canary_with_the_default_ones(tmp_path: Path, level: list[str] | None) -> None:
    stages = [{"canary": {"steps": level} if level is not None else {}}]
    found = errors(tmp_path, changed(spec(), rollout__stages=stages))
    assert found == ([] if level is None else ["MLS011: `steps` has no values"])
