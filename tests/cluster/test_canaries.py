"""New versions that are really rolled out by Argo Rollouts, and what becomes of them.

All of them run at the same time, each in its own namespace, with steps of 20% and 50%, while other tests run: they
take ten minutes, and these tests come last. What must happen, and when, is taken from `mlspec plan` and from the
emitted analyses.
"""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from .canaries import Canary
from .proof import Proof
from .systems import applied, promised

ROLLED_BACK = ("bad", "failing", "slow", "blind", "dying", "hanging", "worse")
HELD = ("night",)
WITH_SETTINGS = ("by-flux", "by-argo-cd")
WITHOUT_SETTINGS = ("by-kubectl", "by-force")
AGAIN = (*WITH_SETTINGS, *WITHOUT_SETTINGS)
COLUMNS = ("version 2 is", "its traffic", "ended as", "seconds", "last message")
MOST = 5
"""Changes of the weight that a row shows: pods that die and come back change it again and again."""
OVERHEAD = 45.0
"""Seconds in which the pods of a step start, and the controller notices."""


@pytest.fixture(scope="module")
def canaries(releases: Future[dict[str, Canary]], proof: Proof) -> dict[str, Canary]:
    """All scenarios, after they ended."""
    found = releases.result()
    for canary in found.values():
        shown = [f"{share}%" for share in canary.shares]
        shares = " → ".join(shown if len(shown) <= MOST else [*shown[: MOST - 1], "…"])
        proof.row("Canaries", COLUMNS, canary.namespace, shares, canary.end, f"{canary.last.seconds:.0f}", canary.why)
    return found


def seconds(canary: Canary) -> float:
    """How long the plan says that the rollout takes."""
    return _seconds(promised(canary.result, "rollout duration"))


def _seconds(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    return sum(float(word[:-1]) * units[word[-1]] for word in text.split())


def test_a_good_version_is_promoted_step_by_step_in_the_planned_time(canaries: dict[str, Canary]) -> None:
    good = canaries["good"]
    assert good.promoted, good.told()
    assert good.shares[:3] == [0, 20, 50], good.told()
    assert seconds(good) <= good.last.seconds <= seconds(good) + 3 * OVERHEAD, good.told()


@pytest.mark.parametrize("name", ROLLED_BACK)
def test_a_version_that_fails_is_rolled_back_at_its_first_step(name: str, canaries: dict[str, Canary]) -> None:
    canary = canaries[name]
    assert canary.last.aborted, canary.told()
    assert 50 not in canary.shares, canary.told()
    assert canary.last.canary == 0, canary.told()


@pytest.mark.parametrize("name", ROLLED_BACK)
def test_it_is_rolled_back_after_as_many_windows_as_the_analysis_says(name: str, canaries: dict[str, Canary]) -> None:
    canary = canaries[name]
    windows = [
        (metric["failureLimit"] + 1) * _seconds(metric["interval"]) + _seconds(metric["initialDelay"])
        for body in applied(canary.result)
        if body["kind"] == "AnalysisTemplate"
        for metric in body["spec"]["metrics"]
    ]
    assert canary.last.seconds <= max(windows) + 2 * OVERHEAD, canary.told()


def test_a_version_that_never_becomes_ready_gets_no_request_and_is_rolled_back(canaries: dict[str, Canary]) -> None:
    """After the progress deadline of one minute."""
    unready = canaries["unready"]
    assert unready.rolled_back, unready.told()
    assert unready.shares == [0], unready.told()
    assert unready.last.seconds <= 60 + OVERHEAD, unready.told()


@pytest.mark.parametrize("name", HELD)
def test_a_version_that_cannot_be_judged_is_never_moved_on(name: str, canaries: dict[str, Canary]) -> None:
    """F2: an analysis in the background let it go on to the next step."""
    canary = canaries[name]
    assert not canary.promoted, canary.told()
    assert 50 not in canary.shares, canary.told()
    assert canary.last.phase == "Paused", canary.told()


@pytest.mark.parametrize("name", HELD)
def test_a_held_rollout_is_alerted(name: str, canaries: dict[str, Canary]) -> None:
    """F3: a rollout that waits, and one that was rolled back, told no engineer."""
    assert "ModelRolloutHeld" in canaries[name].alerts, canaries[name].told()


@pytest.mark.parametrize("name", AGAIN)
def test_a_reapply_in_mid_canary_never_mixes_the_versions(name: str, canaries: dict[str, Canary]) -> None:
    """F1b: both Services would select both versions until the controller writes their selectors again."""
    canary = canaries[name]
    assert canary.again is not None, canary.told()
    assert all(moment.selected == (True, True) for moment in canary.moments), canary.told()


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_a_reapply_with_the_settings_for_the_tool_leaves_the_traffic_alone(
    name: str, canaries: dict[str, Canary]
) -> None:
    """F1d: with the objects that mlspec writes for the tool."""
    canary = canaries[name]
    assert canary.shares[:3] == [0, 20, 50], canary.told()
    assert canary.promoted, canary.told()


@pytest.mark.parametrize("name", WITHOUT_SETTINGS)
def test_a_reapply_without_settings_harms_no_user_and_promotes_nothing(name: str, canaries: dict[str, Canary]) -> None:
    """F1a: the new version gets no traffic until the controller looks again, as if it answered no request."""
    canary = canaries[name]
    assert canary.shares[:3] == [0, 20, 0], canary.told()
    assert 50 not in canary.shares, canary.told()
    assert canary.rolled_back, canary.told()
    assert "answers" in canary.why, canary.told()


def test_what_rolls_a_version_back_is_what_is_wrong_with_it(canaries: dict[str, Canary]) -> None:
    """A hanging version counts nothing, and one that is worse than the live version is within its limit."""
    assert "answers" in canaries["hanging"].why, canaries["hanging"].told()
    assert "availability-vs-stable" in canaries["worse"].why, canaries["worse"].told()
