"""The CronJob of training runs: what an API server accepts, every trap of CronJobs and Jobs, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from .retraining import (
    ACCELERATED,
    BY_HAND,
    LEAN,
    SPEC,
    compiled,
    cron,
    job,
    objects,
    pod,
    spec,
    steps,
    told,
)
from .validation import VERSIONS, problems, unrestricted

VARIANTS = pytest.mark.parametrize(
    "changes", [{}, BY_HAND, LEAN, ACCELERATED], ids=["all steps", "by hand", "train only", "accelerated"]
)

# What an API server accepts


@VARIANTS
@pytest.mark.parametrize("version", VERSIONS)
def test_objects_are_valid(tmp_path: Path, changes: dict[str, object], version: str) -> None:
    for kind, body in objects(tmp_path, **changes).items():
        if "apiVersion" in body:
            assert list(problems(body, version)) == [], kind


@VARIANTS
def test_pods_are_restricted(tmp_path: Path, changes: dict[str, object]) -> None:
    assert list(unrestricted(pod(tmp_path, **changes))) == []
    for step in steps(tmp_path, **changes).values():
        has_devices = "nvidia.com/gpu" in step.get("resources", {}).get(
            "limits", {}
        )  # the device hook writes to the root
        assert step["securityContext"]["readOnlyRootFilesystem"] is not has_devices


def test_trap_a_named_user_is_no_proof_that_it_is_not_root(tmp_path: Path) -> None:
    security = pod(tmp_path)["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (1000, 1000, 1000)


# Traps of the CronJob


@pytest.mark.parametrize(("given", "zone"), [({}, "UTC"), ({"retraining__timeZone": "Europe/Berlin"}, "Europe/Berlin")])
def test_trap_the_default_time_zone_is_the_controllers(tmp_path: Path, given: dict[str, object], zone: str) -> None:
    assert cron(tmp_path, **given)["timeZone"] == zone


@pytest.mark.parametrize("prefix", ["TZ=UTC ", "CRON_TZ=UTC "])
def test_trap_a_zone_inside_the_schedule_is_refused_by_the_server(tmp_path: Path, prefix: str) -> None:
    assert any(
        t.startswith("MLS006") for t in told(compiled(tmp_path, spec(retraining__schedule=f"{prefix}0 3 * * 1")))
    )


@pytest.mark.parametrize(
    ("schedule", "fit", "late"),
    [
        ("0 3 * * 1", "40m", 7 * 86400 - 9000),
        ("0 3 * * *", "4h", 24 * 3600 - 2 * (6 * 3600 + 900)),
        ("* * * * *", "30s", 20),  # the training deadline uses the whole gap, and the controller checks every 10 s
    ],
)
def test_trap_a_start_without_a_deadline_or_with_one_below_ten_seconds(
    tmp_path: Path, schedule: str, fit: str, late: int
) -> None:
    """A hundred missed starts stop a CronJob forever. With a deadline below the gap, at most one start is missed."""
    made = cron(tmp_path, retraining__schedule=schedule, training__fit=fit)
    assert made["startingDeadlineSeconds"] == late


def test_trap_runs_overlap_by_default(tmp_path: Path) -> None:
    assert cron(tmp_path)["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training__deadline": "7d"}, "a run may take 7d, but the next one starts after 7d"),
        ({"training__fit": "8d"}, "the fits of a run take 8d, but the next one starts after 7d"),
    ],
)
def test_trap_forbid_silently_skips_overlapping_runs(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    assert f"MLS705: {message}" in told(compiled(tmp_path, spec(**changes)))


def test_trap_finished_runs_keep_their_volumes_and_their_alert(tmp_path: Path) -> None:
    """One run of each kind is kept, because each keeps a volume. Keeping 0 would hide a failure. Runs are kept until
    after the next run.
    """
    made = cron(tmp_path)
    assert (made["successfulJobsHistoryLimit"], made["failedJobsHistoryLimit"]) == (1, 1)
    assert made["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] == 14 * 86400


def test_trap_the_name_of_a_cronjob_has_52_characters(tmp_path: Path) -> None:
    """The controller appends 11 characters. The longest name of a system has 40 characters, and `-retrain` has 8."""
    longest = {"metadata": {"name": "x" * 40, "owner": "payments"}}
    assert len(objects(tmp_path, **longest)["CronJob"]["metadata"]["name"]) == 48
    longer = compiled(tmp_path, spec(metadata={"name": "x" * 41, "owner": "payments"}))
    assert [t[:6] for t in told(longer)] == ["MLS006"]


# Without a schedule


@pytest.mark.parametrize("changes", [BY_HAND, {"retraining__schedule": None}], ids=["no section", "no schedule"])
def test_without_a_schedule_runs_are_started_by_hand(tmp_path: Path, changes: dict[str, object]) -> None:
    made = objects(tmp_path, **changes)
    assert made["CronJob"]["spec"]["suspend"] is True
    assert made["CronJob"]["metadata"]["annotations"]["kubernetes.io/description"].endswith(
        "to start a run: kubectl create job -n default --from=cronjob/fraud-retrain fraud-retrain-1"
    )
    assert "PrometheusRule" not in made


def test_trap_a_resumed_cronjob_catches_up_on_missed_starts(tmp_path: Path) -> None:
    """Without a starting deadline, it would train immediately, for a start that was not intended."""
    assert cron(tmp_path, **BY_HAND)["startingDeadlineSeconds"] == 20


def test_trap_suspending_by_hand_shows_in_no_diff(tmp_path: Path) -> None:
    assert "suspend" not in cron(tmp_path)
    assert "suspend" not in job(tmp_path)


# Traps of the Job


def test_trap_a_pod_failure_policy_requires_never_and_failed(tmp_path: Path) -> None:
    made = job(tmp_path)
    assert made["template"]["spec"]["restartPolicy"] == "Never"
    assert made["podReplacementPolicy"] == "Failed"


def test_trap_a_permanent_failure_is_retried_and_a_node_drain_costs_a_retry(tmp_path: Path) -> None:
    """42 from any container, including the init containers. `In` rejects 0. The status is a string."""
    permanent, disrupted = job(tmp_path)["podFailurePolicy"]["rules"]
    assert permanent == {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    assert disrupted == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def test_trap_the_default_is_six_retries(tmp_path: Path) -> None:
    assert job(tmp_path)["backoffLimit"] == 1


def test_trap_a_deadline_of_the_pod_does_not_count_the_wait_for_a_node(tmp_path: Path) -> None:
    """So it is the Job's deadline: two tries of 40 min plus half of that, each after 15 min."""
    made = job(tmp_path)
    assert made["activeDeadlineSeconds"] == 9000
    assert "activeDeadlineSeconds" not in made["template"]["spec"]


def test_trap_node_autoscalers_evict_long_running_pods(tmp_path: Path) -> None:
    annotations = job(tmp_path)["template"]["metadata"]["annotations"]
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert annotations["karpenter.sh/do-not-disrupt"] == "true"


# Contradictions


WITHOUT_GATES = {"primary": "roc_auc"}

SERVED = {"mode": "online", "runtime": "triton"}


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        (
            {"training__steps": {**SPEC["training"]["steps"], "evaluate": None}},
            "MLS009: no step measures the metrics that the gates judge",
        ),
        ({"evaluation": WITHOUT_GATES}, "MLS009: no gate judges the model that `register` publishes"),
        ({"release__metrics": None}, "MLS009: `champion` has no known `roc_auc`"),
        ({"release": None, "serving": SERVED}, "MLS009: `champion` has no known `roc_auc`"),
        (
            {"evaluation__gates": [{"metric": "roc_auc", "versus": "human"}]},
            "MLS009: `human` has no known `roc_auc`",
        ),
        (
            {"model__candidates": None, "evaluation__gates": [{"metric": "roc_auc", "versus": "naive"}]},
            "MLS009: `naive` has no known `roc_auc`",
        ),
        (
            {"evaluation__gates": [{"metric": "roc_auc", "of": "score", "versus": "champion"}]},
            "MLS012: `champion` has no known `roc_auc` of `score`",
        ),
        (
            {"training__distributed": {"strategy": "data-parallel", "nodes": 2}},
            "MLS012: `python` starts one process, which does not know of those on the other nodes",
        ),
        ({"training__env": {"MLSPEC_OUTPUT": "/tmp"}}, "MLS012: the environment variable `MLSPEC_OUTPUT` is reserved"),
        ({"training__env": {"AWS_REGION": "mars"}}, "MLS012: `AWS_REGION` would be set twice"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, changes: dict[str, object], finding: str) -> None:
    made = spec(**changes)
    made["training"]["steps"] = {name: step for name, step in made["training"]["steps"].items() if step is not None}
    assert finding in told(compiled(tmp_path, made))


def test_without_an_image_of_mlspec_the_gate_brings_its_own_program(tmp_path: Path) -> None:
    assert told(compiled(tmp_path, spec(), platform=None)) == []


def test_of_several_models_the_one_with_the_systems_name_is_trained(tmp_path: Path) -> None:
    made = spec(model=None, release=None, **LEAN)
    made["models"] = {"embedder": {}, "reranker": {}}
    assert "MLS009: it is ambiguous which model is trained" in told(compiled(tmp_path, made))
    made["models"] = {"embedder": {}, "fraud": {}}
    assert told(compiled(tmp_path, made)) == ["MLS012: no service serves the model `embedder`"]


@pytest.mark.parametrize("left_out", ["image", "steps"])
def test_without_a_required_field_there_is_no_pod(tmp_path: Path, left_out: str) -> None:
    made = compiled(tmp_path, spec(**{f"training__{left_out}": None}))
    assert [t for t in told(made) if left_out in t]
    assert not [file for file in made.environments[0].bundle.files() if "cronjob" in file.path]


def test_training_runs_in_one_environment(tmp_path: Path) -> None:
    """Two environments would register models under the same name, and compare against each other's champion."""
    both = "MLS017: training would run in both `staging` and `production`"
    assert both in told(compiled(tmp_path, spec(environments={"staging": {}, "production": {}})))
    one = {"staging": {"runs": ["serving", "monitoring"]}, "production": {}}
    assert both not in told(compiled(tmp_path, spec(environments=one)))


def test_environments_without_training_do_not_warn_about_its_fields(tmp_path: Path) -> None:
    """A value has an effect if it has one in at least one environment."""
    one = {"staging": {"runs": ["serving"]}, "production": {"runs": ["training"]}}
    made = compiled(tmp_path, spec(environments=one))
    warned = [found.span.file.lines[found.span.line].strip() for found in made.found if found.id == "MLS013"]
    assert not [line for line in warned if line.startswith(("humanPerformance", "candidates"))]


def test_trap_a_gate_on_an_output_that_the_model_does_not_have(tmp_path: Path) -> None:
    """No evaluation has a result of it, so every run would reject its model."""
    on = {"evaluation__gates": [{"metric": "roc_auc", "min": 0.9, "of": "scroe", "minSamples": 1000}]}
    (found,) = [one for one in compiled(tmp_path, spec(**on)).found if one.id == "MLS010"]
    assert (found.message, found.help) == ("unknown output `scroe`", "write `score`")
