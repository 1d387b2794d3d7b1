"""A run on several nodes: its TrainJob and TrainingRuntime, the traps of Kubeflow Trainer and Kueue, and its sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.plan.training.nodes import PREFIX

from .retraining import PLATFORM, compiled, job, objects, plan, spec, steps, told
from .support import changed
from .validation import VERSIONS, load, problems, unrestricted

SHARED = changed(PLATFORM, platform__storage={"sharedClass": "nfs"})

NODES: dict[str, Any] = {
    "training__distributed": {"strategy": "data-parallel", "nodes": 4, "processesPerNode": 2},
    "training__steps__train": {"command": ["torchrun", "-m", "fraud.train"]},
    "training__resources__accelerator": {"type": "l4", "count": 2},
}

QUEUED = {"training__queue": {"name": "ml", "priority": "nightly"}}


def made(tmp_path: Path, **changes: object) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects of a run on four nodes, by kind and name."""
    result = compiled(tmp_path, spec(**{**NODES, **changes}), SHARED)
    assert told(result) == []
    bodies = [load(file.text) for file in result.environments[0].bundle.files()]
    return {(body["kind"], body["metadata"]["name"]): body for body in bodies if "kind" in body}


def train_job(tmp_path: Path, **changes: object) -> dict[str, Any]:
    found = made(tmp_path, **changes)
    config = next(body for (kind, _), body in found.items() if kind == "ConfigMap")
    read: dict[str, Any] = json.loads(config["data"]["trainjob.json"])
    return read


def run_pod(tmp_path: Path, **changes: object) -> dict[str, Any]:
    pod: dict[str, Any] = made(tmp_path, **changes)[("CronJob", "fraud-retrain")]["spec"]["jobTemplate"]["spec"][
        "template"
    ]["spec"]
    return pod


def node_job(tmp_path: Path, **changes: object) -> dict[str, Any]:
    runtime = made(tmp_path, **changes)[("TrainingRuntime", "fraud-retrain")]
    found: dict[str, Any] = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]
    return found


def node_pod(tmp_path: Path, **changes: object) -> dict[str, Any]:
    found: dict[str, Any] = node_job(tmp_path, **changes)["spec"]["template"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_objects_are_valid(tmp_path: Path, version: str) -> None:
    for (kind, _), body in made(tmp_path, **QUEUED).items():
        assert list(problems(body, version)) == [], kind
    assert list(problems(train_job(tmp_path), version)) == []


def test_all_pods_are_restricted(tmp_path: Path) -> None:
    assert list(unrestricted(run_pod(tmp_path))) == []
    assert list(unrestricted(node_pod(tmp_path)["spec"])) == []


# Traps of Kubeflow Trainer


def test_trap_the_variables_of_torchrun_are_missing_without_a_trainer(tmp_path: Path) -> None:
    assert train_job(tmp_path)["spec"]["trainer"] == {"numNodes": 4, "numProcPerNode": 2}


def test_trap_without_accelerators_trainer_starts_a_process_per_cpu(tmp_path: Path) -> None:
    on_cpu = {
        "training__resources__accelerator": None,
        "training__distributed": {"strategy": "data-parallel", "nodes": 2},
    }
    assert train_job(tmp_path, **on_cpu)["spec"]["trainer"] == {"numNodes": 2, "numProcPerNode": 1}


def test_trap_fields_that_trainer_2_2_removed(tmp_path: Path) -> None:
    """`podTemplateOverrides` and `podSpecOverrides` of a TrainJob, and `numProcPerNode: auto` of a runtime."""
    spec_ = train_job(tmp_path)["spec"]
    assert sorted(spec_) == ["activeDeadlineSeconds", "runtimePatches", "runtimeRef", "trainer"]
    runtime = made(tmp_path)[("TrainingRuntime", "fraud-retrain")]["spec"]
    assert runtime["mlPolicy"] == {"numNodes": 4, "torch": {}}


def test_trap_trainer_finds_the_container_by_its_name_and_the_job_by_a_label(tmp_path: Path) -> None:
    job_ = node_job(tmp_path)
    assert job_["metadata"]["labels"] == {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    assert [one["name"] for one in job_["spec"]["template"]["spec"]["containers"]] == ["node"]


def test_trap_the_manager_of_a_patch_needs_a_domain(tmp_path: Path) -> None:
    (patch,) = train_job(tmp_path)["spec"]["runtimePatches"]
    domain, _, name = patch["manager"].partition("/")
    assert domain
    assert name


def test_trap_a_patch_must_not_set_variables_of_the_node(tmp_path: Path) -> None:
    """So the name of the run is a label, which a variable of the runtime reads."""
    (patch,) = train_job(tmp_path)["spec"]["runtimePatches"]
    (job_,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    pod = job_["template"]["spec"]["template"]
    assert "containers" not in pod["spec"]
    assert pod["metadata"]["labels"] == {"mlspec/run": "$(MLSPEC_RUN)"}
    run = next(one for one in node_pod(tmp_path)["spec"]["containers"][0]["env"] if one["name"] == "MLSPEC_RUN")
    assert run["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.labels['mlspec/run']"}}


def test_trap_a_train_job_has_no_priority_and_no_resources_in_a_patch(tmp_path: Path) -> None:
    """So they are in the runtime."""
    priorities = changed(SHARED, platform__priorities={"training": "low"})
    result = compiled(tmp_path, spec(**NODES), priorities)
    bodies = [load(file.text) for file in result.environments[0].bundle.files()]
    runtime = next(body for body in bodies if body.get("kind") == "TrainingRuntime")
    pod = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert pod["priorityClassName"] == "low"
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"


def test_trap_a_restart_of_one_node_is_refused_a_place_in_the_group(tmp_path: Path) -> None:
    """The other nodes wait for a rank that is gone, so the Job of the nodes fails, and the run is retried."""
    job_ = node_job(tmp_path)["spec"]
    assert job_["backoffLimit"] == 0
    assert job_["template"]["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize(
    "command",
    [["python", "-m", "fraud.train"], ["/usr/bin/python3", "train.py"], ["python", "-u", "train.py"]],
)
def test_trap_trainer_does_not_start_torchrun_itself(tmp_path: Path, command: list[str]) -> None:
    result = compiled(tmp_path, spec(**{**NODES, "training__steps__train": {"command": command}}), SHARED)
    (found,) = [one for one in result.found if one.id == "MLS012" and "starts one process" in one.message]
    assert found.help.startswith("write `command: [torchrun, ")
    launched = ["python", "-m", "torch.distributed.run", "train.py"]
    made(tmp_path, training__steps__train={"command": launched})


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["accelerate", "launch", "-m", "fraud.train"], "`accelerate launch` does not know of the other nodes"),
        (["deepspeed", "--num_gpus", "2", "train.py"], "`deepspeed` does not know of the other nodes"),
        (
            ["python", "-m", "accelerate.commands.launch", "a.py"],
            "`accelerate launch` does not know of the other nodes",
        ),
        (["torchrun", "--standalone", "train.py"], "`--standalone` starts a group on each of 4 nodes"),
        (["torchrun", "--nnodes=1", "train.py"], "`--nnodes` is 1, and the spec says 4"),
        (["torchrun", "--nproc-per-node", "8", "-m", "a"], "`--nproc-per-node` is 8, and the spec says 2"),
    ],
)
def test_trap_each_node_trains_a_model_of_its_own(tmp_path: Path, command: list[str], message: str) -> None:
    """Only `torchrun` reads the variables of Trainer, and its arguments override them."""
    result = compiled(tmp_path, spec(**{**NODES, "training__steps__train": {"command": command}}), SHARED)
    assert f"MLS012: {message}" in told(result)


@pytest.mark.parametrize(
    "command",
    [
        ["torchrun", "--nnodes=4", "--nproc_per_node=2", "--max-restarts=0", "train.py", "--nnodes=1"],
        ["torchrun", "--nproc-per-node=gpu", "-m", "fraud.train"],
        ["torchrun", "--nnodes", "4", "fraud-train", "--nnodes", "1"],
        ["accelerate", "launch", "--num-machines=4", "--machine-rank", "$(PET_NODE_RANK)", "train.py"],
        ["deepspeed", "--hostfile=/mlspec/input/validate/hosts", "--no_ssh", "train.py"],
        ["bash", "-c", "exec torchrun -m fraud.train"],
    ],
)
def test_commands_that_know_of_the_other_nodes(tmp_path: Path, command: list[str]) -> None:
    made(tmp_path, training__steps__train={"command": command})


def test_trap_removing_an_argument_would_start_the_one_process_of_the_default(tmp_path: Path) -> None:
    """The number that the author means may be that of the argument."""
    command = {"command": ["torchrun", "--nproc-per-node=8", "train.py"]}
    alone = {"strategy": "data-parallel", "nodes": 4}
    given = {**NODES, "training__distributed": alone, "training__resources__accelerator": None}
    result = compiled(tmp_path, spec(**{**given, "training__steps__train": command}), SHARED)
    (found,) = [one for one in result.found if "--nproc-per-node" in one.message]
    assert found.help.startswith("write `processesPerNode: 8` under `distributed`, or remove")


def test_trap_trainer_replaces_the_variables_of_its_group(tmp_path: Path) -> None:
    result = compiled(tmp_path, spec(**NODES, training__env={"PET_NPROC_PER_NODE": "8"}), SHARED)
    assert "MLS012: Kubeflow Trainer replaces the environment variable `PET_NPROC_PER_NODE`" in told(result)


def test_trap_on_one_node_torchrun_starts_one_process(tmp_path: Path) -> None:
    """No Trainer sets the variables there, and the other accelerators were idle."""
    one = {"strategy": "data-parallel", "nodes": 1, "processesPerNode": 2}
    train = {**NODES, "training__distributed": one}
    found = steps(tmp_path, **train)
    assert {"name": "PET_NPROC_PER_NODE", "value": "2"} in found["train"]["env"]
    assert not any(each["name"].startswith("PET_") for each in found["evaluate"]["env"])
    own = steps(tmp_path, **train, training__env={"PET_NPROC_PER_NODE": "1"})["train"]["env"]
    assert [each["value"] for each in own if each["name"] == "PET_NPROC_PER_NODE"] == ["1"]


def test_trap_the_names_of_the_pods_have_63_characters(tmp_path: Path) -> None:
    """`PREFIX-HASH-node-0-INDEX-RANDOM`: JobSet refuses longer ones, after the run has started."""
    assert PREFIX + len("-4f2a91c0") + len("-node-0") + len("-1023") + len("-x7k2p") == 63
    longest = {"metadata": {"name": "x" * 40, "owner": "payments"}}
    assert train_job(tmp_path, **longest)["metadata"]["generateName"] == "x" * PREFIX + "-"


def test_trap_default_volumes_can_be_mounted_on_one_node(tmp_path: Path) -> None:
    (run,) = [one for one in run_pod(tmp_path)["volumes"] if one["name"] == "run"]
    claim = run["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert (claim["accessModes"], claim["storageClassName"]) == (["ReadWriteMany"], "nfs")
    result = compiled(tmp_path, spec(**NODES), PLATFORM)
    assert any("no storage class provides a volume that 4 nodes can mount at once" in one for one in told(result))


# The contract still holds


def test_the_other_steps_stay_in_the_pod_of_the_run_and_hold_no_accelerators(tmp_path: Path) -> None:
    pod = run_pod(tmp_path)
    containers = [*pod["initContainers"], *pod["containers"]]
    assert [one["name"] for one in containers] == ["validate", "train", "evaluate", "gate", "register"]
    assert all("nvidia.com/gpu" not in one["resources"]["limits"] for one in containers)
    assert containers[1]["command"] == ["mlspec", "runtime", "launch", "--in-job"]


def test_only_the_launcher_can_use_the_api_server(tmp_path: Path) -> None:
    pod = run_pod(tmp_path)
    assert pod["automountServiceAccountToken"] is False
    assert node_pod(tmp_path)["spec"]["automountServiceAccountToken"] is False
    holders = [
        one["name"]
        for one in [*pod["initContainers"], *pod["containers"]]
        if any(mount["name"] == "api" for mount in one["volumeMounts"])
    ]
    assert holders == ["train"]
    rules = made(tmp_path)[("Role", "fraud-retrain")]["rules"]
    assert rules == [
        {"apiGroups": ["trainer.kubeflow.org"], "resources": ["trainjobs"], "verbs": ["create", "get", "delete"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]},
    ]


def test_the_nodes_write_where_the_next_step_reads(tmp_path: Path) -> None:
    mounts = {one["mountPath"]: one for one in node_pod(tmp_path)["spec"]["containers"][0]["volumeMounts"]}
    assert mounts["/mlspec/output"] == {"name": "run", "mountPath": "/mlspec/output", "subPath": "train"}
    assert mounts["/mlspec/input"]["readOnly"] is True
    assert mounts["/dev/shm"]["name"] == "shm"


def test_exit_status_42_fails_the_job_of_the_nodes(tmp_path: Path) -> None:
    (rule,) = node_job(tmp_path)["spec"]["podFailurePolicy"]["rules"]
    assert rule == {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}


def test_the_deadline_covers_the_nodes(tmp_path: Path) -> None:
    assert train_job(tmp_path)["spec"]["activeDeadlineSeconds"] == plan(tmp_path).deadline.value.amount


def test_nodes_may_talk_to_each_other_and_the_run_to_the_api_server(tmp_path: Path) -> None:
    found = made(tmp_path)
    nodes, run = (found[("NetworkPolicy", name)]["spec"] for name in ("fraud-retrain-nodes", "fraud-retrain"))
    peers = [{"podSelector": nodes["podSelector"]}]
    assert nodes["ingress"] == [{"from": peers}]
    assert {"to": peers} in nodes["egress"]
    assert nodes["podSelector"]["matchLabels"].items() <= node_pod(tmp_path)["metadata"]["labels"].items()
    assert [port["port"] for port in run["egress"][-1]["ports"]] == [443, 6443]
    assert "ingress" not in run


def test_one_node_needs_none_of_it(tmp_path: Path) -> None:
    one = objects(tmp_path, training__distributed={"strategy": "data-parallel", "nodes": 1, "processesPerNode": 2})
    assert not {"Role", "RoleBinding", "TrainingRuntime"} & set(one)
    assert "trainjob.json" not in one["ConfigMap"]["data"]


# Traps of Kueue


def test_trap_the_label_of_the_queue_belongs_on_the_job_and_not_on_the_cron_job(tmp_path: Path) -> None:
    cron = objects(tmp_path, **QUEUED)["CronJob"]
    labels = cron["spec"]["jobTemplate"]["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "ml"
    assert labels["kueue.x-k8s.io/priority-class"] == "nightly"
    assert "kueue.x-k8s.io/queue-name" not in cron["metadata"]["labels"]
    pod = cron["spec"]["jobTemplate"]["spec"]["template"]
    assert "kueue.x-k8s.io/queue-name" not in pod["metadata"]["labels"]


def test_trap_a_run_that_holds_capacity_waits_for_the_capacity_of_its_nodes(tmp_path: Path) -> None:
    labels = train_job(tmp_path, **QUEUED)["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "ml"
    cron = made(tmp_path, **QUEUED)[("CronJob", "fraud-retrain")]
    assert "kueue.x-k8s.io/queue-name" not in cron["spec"]["jobTemplate"]["metadata"]["labels"]


def test_trap_suspending_a_job_resets_its_deadline(tmp_path: Path) -> None:
    """The deadline is the same, and its reason says it."""
    assert job(tmp_path, **QUEUED)["activeDeadlineSeconds"] == 9000
    result = compiled(tmp_path, spec(**QUEUED))
    (file,) = [file for file in result.environments[0].bundle.files() if file.path.endswith("cronjob-retrain.yaml")]
    line = next(at for at, text in enumerate(file.text.splitlines()) if "activeDeadlineSeconds" in text)
    reasons = [reason.reason for reason in file.reasons[line]]
    assert any("the time counts again from 0 when it starts" in reason for reason in reasons)


# The sizes of the groups


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ({"strategy": "data-parallel", "nodes": 4, "processesPerNode": 8}, (32, 1, 1)),
        ({"strategy": "fully-sharded", "nodes": 4, "processesPerNode": 8}, (32, 1, 1)),
        ({"strategy": "tensor-parallel", "nodes": 4, "processesPerNode": 8}, (4, 8, 1)),
        ({"strategy": "pipeline-parallel", "nodes": 4, "processesPerNode": 8}, (8, 1, 4)),
        ({"strategy": "tensor-parallel", "nodes": 4, "processesPerNode": 8, "tensor": 4, "pipeline": 2}, (4, 4, 2)),
    ],
)
def test_sizes_multiply_to_the_processes(tmp_path: Path, given: dict[str, Any], sizes: tuple[int, ...]) -> None:
    config = next(body for (kind, _), body in made(tmp_path, **_on(given)).items() if kind == "ConfigMap")
    found = json.loads(config["data"]["training.json"])["training"]["distributed"]
    assert (found["data"], found["tensor"], found["pipeline"]) == sizes


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"strategy": "tensor-parallel", "nodes": 2, "processesPerNode": 4, "tensor": 8},
            "a tensor group of 8 does not fit 4 processes per node",
        ),
        (
            {"strategy": "pipeline-parallel", "nodes": 2, "processesPerNode": 4, "pipeline": 3},
            "8 processes cannot be divided into groups of 1 x 3",
        ),
        (
            {"strategy": "tensor-parallel", "nodes": 2},
            "`tensor-parallel` with groups of 1 does not distribute the model",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    result = compiled(tmp_path, spec(**_on(given)), SHARED)
    assert f"MLS012: {message}" in told(result)


def _on(spread: dict[str, Any]) -> dict[str, Any]:
    """Nodes with an accelerator for each process."""
    devices = {"type": "l4", "count": spread.get("processesPerNode", 1)}
    return {**NODES, "training__distributed": spread, "training__resources__accelerator": devices}


def test_more_processes_than_accelerators_are_refused(tmp_path: Path) -> None:
    """Two processes on one device fail when they form their group: NCCL refuses a duplicate device."""
    spread = {"strategy": "data-parallel", "nodes": 4, "processesPerNode": 4}
    result = compiled(tmp_path, spec(**{**NODES, "training__distributed": spread}), SHARED)
    assert told(result) == ["MLS012: 4 processes cannot share 2 accelerators"]


def test_trap_fewer_processes_than_accelerators_leave_the_others_idle(tmp_path: Path) -> None:
    """The default is one process, and in PyTorch it would use one of the eight accelerators of each node."""
    for processes, found in (
        ({}, ["MLS009: nothing says how many processes share the 8 accelerators of a node"]),
        ({"processesPerNode": 4}, ["MLS012: 4 processes cannot share 8 accelerators"]),
        ({"processesPerNode": 1}, []),  # one process of JAX uses all of them
        ({"processesPerNode": 8}, []),
    ):
        spread = {"strategy": "data-parallel", "nodes": 4, **processes}
        devices = {"type": "l4", "count": 8}
        changed = {**NODES, "training__distributed": spread, "training__resources__accelerator": devices}
        assert told(compiled(tmp_path, spec(**changed), SHARED)) == found


# The plan


def test_the_cost_counts_all_nodes(tmp_path: Path) -> None:
    """Four pods that train, and one without accelerators that waits for them."""
    one = compiled(tmp_path, spec(**{**NODES, "training__distributed": None}), SHARED).environments[0].plan.cost.parts
    four = compiled(tmp_path, spec(**NODES), SHARED).environments[0].plan.cost.parts
    each = {name: float(part.value.amount) for name, part in four.items()}
    assert each["training"] == pytest.approx(4 * float(one["training"].value.amount), rel=0.01)
    assert 0 < each["training steps"] < each["training"] / 8
