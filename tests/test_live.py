"""The live state of objects in words, from objects that a real Argo Rollouts 1.9 and a real API server wrote."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from mlspec.targets.live import Related, State, state_of, wanted_by
from mlspec.targets.live.rollouts import Held, held, in_progress, weights_of, without_weights
from mlspec.terminal.render.cluster import state as text

from .support import ROOT

Object = dict[str, Any]


def recorded(name: str) -> tuple[Object, Related]:
    """A Rollout that was recorded in `tests/live`, and the objects around it."""
    found = json.loads((ROOT / "tests" / "live" / f"{name}.json").read_text())
    related = {key: tuple(found[key]) for key in ("routes", "versions", "analyses")}
    return found["rollout"], Related(**related)


def read(name: str) -> State:
    """The state of a recorded Rollout."""
    state = state_of(*recorded(name))
    assert state is not None
    return state


# Rollouts


def test_a_canary_in_a_pause() -> None:
    state = read("canary")
    assert (state.phase, state.said) == ("paused", "continues by itself at 2026-11-26T22:52:20Z")
    assert state.since == "2026-11-26T22:49:50Z"
    assert [(share.version, share.role, share.percent) for share in state.shares] == [
        ("1", "stable", 50),
        ("2", "canary", 50),
    ]
    assert (state.step, state.steps, state.doing) == (4, 5, "pause 150s")
    assert (state.ready, state.replicas) == (3, 2)
    assert not state.settled


def test_what_its_analysis_measured_last() -> None:
    (analysis,) = read("canary").analyses
    assert (analysis.role, analysis.phase) == ("background", "Running")
    first = analysis.measurements[0]
    assert (first.metric, first.result, first.limit) == ("availability", "Successful", "at most 0.0194")
    assert float(first.value or "") == pytest.approx(0.00111, abs=1e-5)
    assert first.at == "2026-11-26T22:49:24Z"
    volume = analysis.measurements[1]
    assert (volume.metric, volume.limit) == ("availability-volume", "at least 600")


def test_a_version_that_was_rolled_back() -> None:
    state = read("aborted")
    assert (state.phase, state.since) == ("degraded", "2026-11-26T22:49:25Z")
    assert [share.percent for share in state.shares] == [100, 0]
    assert "failed (2) > failureLimit (1)" in state.message
    assert [command.line for command in state.commands] == ["kubectl argo rollouts retry rollout digits -n bad"]
    assert state.settled
    assert state.step is None
    assert not in_progress(recorded("aborted")[0])


def test_a_version_that_could_not_be_judged_waits_for_a_person() -> None:
    state = read("inconclusive")
    assert (state.phase, state.settled) == ("waiting", True)
    assert state.since == "2026-11-26T22:51:27Z"
    assert state.analyses[0].measurements[0].value == "no data"
    assert state.analyses[0].measurements[0].result == "Inconclusive"
    promote, abort = state.commands
    assert promote.line == "kubectl argo rollouts promote digits -n night"
    assert promote.patch.endswith("""-p '{"status":{"pauseConditions":null}}'""")
    assert abort.patch.endswith("""--subresource=status --type=merge -p '{"status":{"abort":true}}'""")


def test_a_step_that_is_an_analysis() -> None:
    state = read("final")
    assert (state.phase, state.said) == ("progressing", "waits for the analysis of this step")
    assert (state.step, state.steps, state.doing) == (5, 5, "analysis digits-final")
    assert [analysis.role for analysis in state.analyses] == ["step", "background"]
    assert '"currentStepIndex":5' in state.commands[0].patch


def test_an_inconclusive_step_is_promoted_as_the_plugin_does() -> None:
    """Clearing the pause alone would run into the same result again (`cmd/promote/promote.go`)."""
    rollout, related = recorded("final")
    rollout["status"]["canary"]["currentStepAnalysisRunStatus"]["status"] = "Inconclusive"
    rollout["status"] |= {
        "phase": "Paused",
        "controllerPause": True,
        "currentStepIndex": 2,
        "pauseConditions": [{"reason": "InconclusiveAnalysisRun", "startTime": "2026-11-26T22:55:00Z"}],
    }
    state = state_of(rollout, related)
    assert state is not None
    assert state.phase == "waiting"
    assert '{"pauseConditions":null,"controllerPause":false,"currentStepIndex":3}' in state.commands[0].patch


def test_a_pause_without_an_end_waits_for_a_person() -> None:
    rollout, related = recorded("canary")
    rollout["spec"]["strategy"]["canary"]["steps"][3] = {"pause": {}}
    state = state_of(rollout, related)
    assert state is not None
    assert (state.phase, state.said) == ("waiting", "waits until you promote it")
    assert state.doing == "pause until you promote it"


def test_a_pause_by_hand_is_lifted_in_the_spec() -> None:
    rollout, related = recorded("canary")
    rollout["spec"]["paused"] = True
    del rollout["status"]["pauseConditions"]
    state = state_of(rollout, related)
    assert state is not None
    assert (state.phase, state.said) == ("waiting", "is paused by hand")
    assert state.commands[0].patch == (
        """kubectl patch rollout digits -n good --type=merge -p '{"spec":{"paused":false}}'"""
    )


def test_a_status_of_an_older_generation_means_nothing() -> None:
    """`observedGeneration` is a string: compared with a number, it would never be equal."""
    rollout, related = recorded("canary")
    rollout["metadata"]["generation"] += 1
    state = state_of(rollout, related)
    assert state is not None
    assert (state.phase, state.said) == ("progressing", "waits for Argo Rollouts to notice the change")


def test_a_new_rollout_has_no_state_yet() -> None:
    rollout, _ = recorded("canary")
    del rollout["status"]
    state = state_of(rollout)
    assert state is not None
    assert (state.phase, state.shares, state.commands) == ("progressing", (), ())


def test_without_the_route_the_controllers_own_weights_count() -> None:
    rollout, related = recorded("canary")
    state = state_of(rollout, related.but(routes=(), versions=()))
    assert state is not None
    assert [share.percent for share in state.shares] == [50, 50]
    assert [share.version for share in state.shares] == [rollout["status"]["stableRS"], "2"]


def test_the_objects_that_a_state_needs_are_named() -> None:
    wanted = wanted_by(recorded("final")[0])
    names = [[body["metadata"]["name"] for body in bodies] for bodies in (wanted.routes, wanted.analyses)]
    assert names == [["digits"], ["digits-7bd5cf5bf-2-4", "digits-7bd5cf5bf-2"]]
    assert {body["metadata"]["name"] for body in wanted.versions} == {"digits-7bd5cf5bf", "digits-d8f6fff8b"}


def test_the_fields_that_the_controller_changes() -> None:
    assert list(held(recorded("canary")[0])) == [
        Held("HTTPRoute", "digits", "rules"),
        Held("Service", "digits", "selector"),
        Held("Service", "digits-canary", "selector"),
    ]
    assert list(held({"spec": {"strategy": {"canary": {"steps": []}}}})) == []


def test_weights_are_those_of_the_rule_with_both_services() -> None:
    rules: list[Object] = [
        {"backendRefs": [{"name": "shadow"}]},
        {"backendRefs": [{"name": "a", "weight": 80}, {"name": "b", "weight": 20}]},
    ]
    assert weights_of(rules, ["a", "b"]) == {"a": 80, "b": 20}
    assert weights_of(rules, ["a", "c"]) == {}
    before = copy.deepcopy(rules)
    assert without_weights(rules)[1] == {"backendRefs": [{"name": "a"}, {"name": "b"}]}
    assert rules == before


@pytest.mark.parametrize(
    ("condition", "limit"),
    [
        ("len(result) > 0 && !isNaN(result[0]) && result[0] <= 0.02", "at most 0.02"),
        ("result[0] >= 200", "at least 200"),
        ("result > 1 && result < 3", "above 1 and below 3"),
        ("asInt(result) == 1", "asInt(result) == 1"),
    ],
)
def test_limits_in_words(condition: str, limit: str) -> None:
    rollout, related = recorded("canary")
    related.analyses[0]["spec"]["metrics"][0]["successCondition"] = condition
    state = state_of(rollout, related)
    assert state is not None
    assert state.analyses[0].measurements[0].limit == limit


def test_the_text_says_it_all() -> None:
    said = text(read("canary"))
    assert said.splitlines()[:6] == [
        "Rollout/digits: paused: continues by itself at 2026-11-26T22:52:20Z, since 2026-11-26T22:49:50Z",
        "  traffic: version 1 (stable) 50%, version 2 (canary) 50%",
        "  step: 4 of 5, pause 150s",
        "  replicas: 3 ready, 2 wanted",
        "  background analysis digits-7bd5cf5bf-2: Running, since 2026-11-26T22:47:18Z",
        "    availability: 0.00111, must be at most 0.0194: Successful at 2026-11-26T22:49:24Z",
    ]


# Deployments and CronJobs


def deployment(**status: Any) -> State:
    """The state of a Deployment with two replicas."""
    body = {
        "kind": "Deployment",
        "metadata": {"name": "x", "generation": 2},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 2, **status},
    }
    state = state_of(body)
    assert state is not None
    return state


DONE: Object = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}
LATE: list[Object] = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "too late"}]


@pytest.mark.parametrize(
    ("status", "phase", "said"),
    [
        (DONE, "healthy", "rolled out"),
        ({**DONE, "observedGeneration": 1}, "progressing", "waits for its controller to notice the change"),
        ({**DONE, "updatedReplicas": 1}, "progressing", "1 of 2 replicas run the new version"),
        ({**DONE, "replicas": 3}, "progressing", "replicas of the previous version are still stopping"),
        ({**DONE, "availableReplicas": 0}, "progressing", "0 of 2 replicas are available"),
        ({**DONE, "conditions": LATE}, "degraded", "did not become ready within its progress deadline"),
    ],
)
def test_the_state_of_a_deployment(status: Object, phase: str, said: str) -> None:
    state = deployment(**status)
    assert (state.phase, state.said) == (phase, said)


def test_the_last_runs_of_a_cron_job() -> None:
    body: Object = {
        "kind": "CronJob",
        "metadata": {"name": "x"},
        "spec": {"schedule": "0 3 * * *", "timeZone": "Etc/UTC"},
    }
    state = state_of(body)
    assert state is not None
    assert dict(state.facts) == {"schedule": "0 3 * * * Etc/UTC", "last run": "never", "last success": "never"}
    body["status"] = {"lastScheduleTime": "2026-11-26T03:00:00Z", "active": [{}]}
    state = state_of(body)
    assert state is not None
    assert (state.said, dict(state.facts)["last run"]) == ("1 running", "2026-11-26T03:00:00Z")
    body["spec"]["suspend"] = True
    state = state_of(body)
    assert state is not None
    assert state.said == "suspended"


def test_other_kinds_have_no_state() -> None:
    assert state_of({"kind": "Service", "metadata": {"name": "x"}, "spec": {}}) is None
