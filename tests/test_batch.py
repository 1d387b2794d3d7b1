"""The objects of batch inference: what an API server accepts, and every trap of CronJobs and Jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .batch import LEAN, ONE, compiled, cron, environment, job, objects, spec, told
from .validation import VERSIONS, problems, unrestricted

# What an API server accepts


@pytest.mark.parametrize("changes", [{}, ONE, LEAN], ids=["indexed", "one partition", "derived"])
@pytest.mark.parametrize("version", VERSIONS)
def test_objects_are_valid(tmp_path: Path, changes: dict[str, object], version: str) -> None:
    for kind, body in objects(tmp_path, spec(**changes)).items():
        assert list(problems(body, version)) == [], kind


@pytest.mark.parametrize("changes", [{}, ONE], ids=["indexed", "one partition"])
def test_pods_are_restricted(tmp_path: Path, changes: dict[str, object]) -> None:
    pod = job(tmp_path, **changes)["template"]["spec"]
    assert list(unrestricted(pod)) == []
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is not _has_devices(container)


def _has_devices(container: dict[str, Any]) -> bool:
    """The hook that injects devices into a container writes to its root file system."""
    return "nvidia.com/gpu" in container.get("resources", {}).get("limits", {})


# Traps of the CronJob


@pytest.mark.parametrize(("given", "zone"), [(None, "UTC"), ("Europe/Berlin", "Europe/Berlin")])
def test_trap_the_default_time_zone_is_the_controllers(tmp_path: Path, given: object, zone: str) -> None:
    assert cron(tmp_path, serving__timeZone=given)["timeZone"] == zone


@pytest.mark.parametrize("prefix", ["TZ=UTC ", "CRON_TZ=UTC "])
def test_trap_a_zone_inside_the_schedule_is_refused_by_the_server(tmp_path: Path, prefix: str) -> None:
    assert any(t.startswith("MLS006") for t in told(compiled(tmp_path, spec(serving__schedule=f"{prefix}0 4 * * *"))))


@pytest.mark.parametrize(
    ("schedule", "deadline", "late"),
    [
        ("0 4 * * *", "2h", 22 * 3600),
        ("0 9,17 * * *", "2h", 6 * 3600),  # the gaps are 8 h and 16 h
        ("* * * * *", "55s", 20),  # 5 s would be less than the controller's own 10 s
    ],
)
def test_trap_a_start_without_a_deadline_or_with_one_below_ten_seconds(
    tmp_path: Path, schedule: str, deadline: str, late: int
) -> None:
    """A hundred missed starts stop a CronJob forever. With a deadline below the gap, at most one start is missed."""
    made = cron(tmp_path, serving__schedule=schedule, constraints__deadline=deadline)
    assert made["startingDeadlineSeconds"] == late


def test_trap_runs_overlap_by_default(tmp_path: Path) -> None:
    assert cron(tmp_path)["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize("deadline", ["24h", "30h"])
def test_trap_forbid_silently_skips_overlapping_runs(tmp_path: Path, deadline: str) -> None:
    assert told(compiled(tmp_path, spec(constraints__deadline=deadline))) == [
        f"MLS705: a run may take {'1d' if deadline == '24h' else deadline}, but the next one starts after 1d"
    ]


def test_trap_history_keeps_one_failed_job_and_ttl_none_of_a_rare_schedule(tmp_path: Path) -> None:
    """The alert on a failed run ends with the Job, so the Job must outlive the next run."""
    made = cron(tmp_path, serving__schedule="0 4 1 * *")
    assert (made["successfulJobsHistoryLimit"], made["failedJobsHistoryLimit"]) == (3, 3)
    assert made["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] == 2 * 31 * 86400
    assert job(tmp_path)["ttlSecondsAfterFinished"] == 7 * 86400


def test_trap_suspending_resets_the_deadline(tmp_path: Path) -> None:
    """So no emitted object sets it, and suspending by hand shows in no diff."""
    assert "suspend" not in cron(tmp_path)
    assert "suspend" not in job(tmp_path)


@pytest.mark.parametrize(("partitions", "longest"), [(10, 50), (11, 49), (10000, 47)])
def test_trap_the_last_pod_of_an_indexed_job_needs_a_hostname(tmp_path: Path, partitions: int, longest: int) -> None:
    """63 characters minus a dash and the minutes (11), a dash, and the digits of the highest index."""
    for length, fits in ((longest, True), (longest + 1, False)):
        service = "x" * (length - len("demand-"))
        made = spec(serving__partitions=partitions, serving__parallel=1)
        made["services"] = {service: made.pop("serving")}
        assert [t[:6] for t in told(compiled(tmp_path, made))] == ([] if fits else ["MLS032"])


@pytest.mark.parametrize(("length", "found"), [(52, []), (53, ["MLS032"])])
def test_trap_the_name_of_a_cronjob_has_52_characters(tmp_path: Path, length: int, found: list[str]) -> None:
    made = spec(**ONE)
    made["services"] = {"x" * (length - len("demand-")): made.pop("serving")}
    assert [t[:6] for t in told(compiled(tmp_path, made))] == found


# Traps of the Job


@pytest.mark.parametrize("changes", [{}, ONE], ids=["indexed", "one partition"])
def test_trap_a_pod_failure_policy_requires_never_and_failed(tmp_path: Path, changes: dict[str, object]) -> None:
    made = job(tmp_path, **changes)
    assert made["template"]["spec"]["restartPolicy"] == "Never"
    assert made["podReplacementPolicy"] == "Failed"


@pytest.mark.parametrize(("changes", "action"), [({}, "FailIndex"), (ONE, "FailJob")], ids=["indexed", "one partition"])
def test_trap_rules_of_a_policy(tmp_path: Path, changes: dict[str, object], action: str) -> None:
    """`FailIndex` requires retries per index. `In` rejects 0. The container must exist. A node drain must not cost a
    retry. The API server requires the status as a string.
    """
    made = job(tmp_path, **changes)
    permanent, disrupted = made["podFailurePolicy"]["rules"]
    names = [container["name"] for container in made["template"]["spec"]["containers"]]
    assert permanent["action"] == action
    assert permanent["onExitCodes"] == {"containerName": names[0], "operator": "In", "values": [42]}
    assert disrupted == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def test_trap_one_bad_partition_uses_up_the_retries_of_all(tmp_path: Path) -> None:
    made = job(tmp_path)
    assert (made["completionMode"], made["completions"], made["parallelism"]) == ("Indexed", 24, 12)
    assert (made["backoffLimitPerIndex"], made["maxFailedIndexes"]) == (2, 2)
    assert "backoffLimit" not in made


def test_trap_retries_per_partition_need_an_indexed_job(tmp_path: Path) -> None:
    made = job(tmp_path, **ONE)
    assert (made["completionMode"], made["completions"], made["parallelism"]) == ("NonIndexed", 1, 1)
    assert made["backoffLimit"] == 2  # instead of six, the default
    assert "backoffLimitPerIndex" not in made
    assert "maxFailedIndexes" not in made


def test_trap_the_index_is_an_annotation_of_indexed_jobs_only(tmp_path: Path) -> None:
    index = {"fieldRef": {"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
    assert environment(tmp_path)["MLSPEC_PARTITION"] == index
    assert environment(tmp_path, **ONE)["MLSPEC_PARTITION"] == "0"


def test_trap_processes_of_several_accelerators_have_64_mebibytes(tmp_path: Path) -> None:
    """NCCL does not start with as little, so every partition would fail."""
    several = {"serving__resources": {"memory": "12Gi", "accelerator": {"type": "l4", "count": 2}}}
    pod = job(tmp_path, **several)["template"]["spec"]
    [shared] = [volume["emptyDir"] for volume in pod["volumes"] if volume["name"] == "shm"]
    assert shared == {"medium": "Memory", "sizeLimit": "1Gi"}
    [scorer] = pod["containers"]
    assert {"name": "shm", "mountPath": "/dev/shm"} in scorer["volumeMounts"]
    assert scorer["resources"]["limits"]["memory"] == scorer["resources"]["requests"]["memory"] == "13Gi"
    assert "shm" not in {volume["name"] for volume in job(tmp_path)["template"]["spec"]["volumes"]}
    own = {"serving__volumes": {"exchange": {"size": "8Gi", "path": "/dev/shm"}}}
    pod = job(tmp_path, **several, **own)["template"]["spec"]
    assert {"own-exchange"} == {volume["name"] for volume in pod["volumes"]} & {"shm", "own-exchange"}
