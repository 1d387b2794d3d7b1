"""The pod of a training run: its steps in order, their variables, and their connections."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlspec.targets import serving

from .retraining import (
    ACCELERATED,
    LEAN,
    PLATFORM,
    SPEC,
    TARGET,
    compiled,
    environment,
    objects,
    pod,
    spec,
    steps,
    told,
)
from .validation import load

# The steps


def test_steps_run_in_order(tmp_path: Path) -> None:
    """Init containers run one after another; the containers of a pod would run in parallel."""
    assert list(steps(tmp_path)) == ["validate", "train", "evaluate", "gate", "register"]
    made = pod(tmp_path)
    assert [len(made["initContainers"]), len(made["containers"])] == [4, 1]
    assert (
        "restartPolicy" not in made["initContainers"][0]
    )  # with one, it would be a sidecar, and the next step would not wait for it


@pytest.mark.parametrize(
    ("left_out", "order"),
    [
        (("register",), ["validate", "train", "evaluate", "gate"]),
        (("validate", "register"), ["train", "evaluate", "gate"]),
    ],
)
def test_steps_may_be_left_out(tmp_path: Path, left_out: tuple[str, ...], order: list[str]) -> None:
    kept = {name: step for name, step in SPEC["training"]["steps"].items() if name not in left_out}
    assert list(steps(tmp_path, training__steps=kept)) == order


def test_the_smallest_run_is_one_container(tmp_path: Path) -> None:
    made = pod(tmp_path, **LEAN)
    assert [container["name"] for container in made["containers"]] == ["train"]
    assert "initContainers" not in made


def test_each_step_has_its_image(tmp_path: Path) -> None:
    made = steps(tmp_path)
    assert made["evaluate"]["image"] == "registry.example.com/fraud/evaluate:3"
    assert made["gate"]["image"] == "registry.example.com/mlspec-runtime:1"
    assert {made[name]["image"] for name in ("validate", "train", "register")} == {
        "registry.example.com/fraud/train:14"
    }


def test_trap_init_containers_need_their_own_resources(tmp_path: Path) -> None:
    """A pod requests the maximum of its init containers, not their sum. Still, each one has its own memory limit."""
    made = steps(tmp_path, **ACCELERATED)
    gate = made.pop("gate")
    asked = {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "5Gi", "nvidia.com/gpu": "2"}
    for step in made.values():
        assert step["resources"] == {
            "requests": asked,
            "limits": {key: value for key, value in asked.items() if key != "cpu"},
        }
    assert gate["resources"]["limits"] == {"memory": "512Mi", "ephemeral-storage": "5Gi"}


def test_nothing_can_change_what_was_judged(tmp_path: Path) -> None:
    """Each step writes to its own folder, and can only read the output of the others."""
    for name, step in steps(tmp_path).items():
        mounts = {mount["mountPath"]: mount for mount in step["volumeMounts"]}
        assert mounts["/mlspec/input"] == {"name": "run", "mountPath": "/mlspec/input", "readOnly": True}
        assert mounts["/mlspec/output"] == {"name": "run", "mountPath": "/mlspec/output", "subPath": name}


def test_trap_a_nodes_own_disk_is_small(tmp_path: Path) -> None:
    """The run's volume comes from the cluster and lives as long as the pod. Space on the node's disk is limited."""
    volumes = {volume["name"]: volume for volume in pod(tmp_path)["volumes"]}
    claim = volumes["run"]["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "50Gi"}}}
    assert volumes["tmp"] == {"name": "tmp", "emptyDir": {"sizeLimit": "5Gi"}}
    assert "shm" not in volumes


def test_the_platform_names_the_class_of_the_volume(tmp_path: Path) -> None:
    platform = {**PLATFORM, "platform": {**PLATFORM["platform"], "storage": {"storageClass": "fast"}}}
    made = objects(tmp_path, platform)["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert made["volumes"][1]["ephemeral"]["volumeClaimTemplate"]["spec"]["storageClassName"] == "fast"


@pytest.mark.parametrize(
    "changes",
    [ACCELERATED, {"training__distributed": {"strategy": "data-parallel", "nodes": 1, "processesPerNode": 4}}],
    ids=["accelerators", "processes"],
)
def test_trap_shared_memory_of_64_mebibytes(tmp_path: Path, changes: dict[str, object]) -> None:
    volumes = {volume["name"]: volume for volume in pod(tmp_path, **changes)["volumes"]}
    assert volumes["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Gi"}  # half of 32Gi
    assert {"name": "shm", "mountPath": "/dev/shm"} in steps(tmp_path, **changes)["train"]["volumeMounts"]
    assert {"name": "shm", "mountPath": "/dev/shm"} not in steps(tmp_path, **changes)["gate"]["volumeMounts"]


# Variables


def test_steps_get_the_variables_of_the_contract(tmp_path: Path) -> None:
    made = environment(steps(tmp_path)["train"])
    assert {name: made[name] for name in made if name.startswith("MLSPEC_")} == {
        "MLSPEC_STEP": "train",
        "MLSPEC_CONFIG": "/mlspec/config/training.json",
        "MLSPEC_INPUT": "/mlspec/input",
        "MLSPEC_OUTPUT": "/mlspec/output",
        "MLSPEC_RUN": {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}},
    }


def test_trap_libraries_write_to_home_and_ask_for_the_users_name(tmp_path: Path) -> None:
    """User 1000 has no writable home folder, and may have no name in the image."""
    made = environment(steps(tmp_path)["train"])
    assert (made["HOME"], made["USER"]) == ("/tmp", "fraud")
    assert {"name": "tmp", "mountPath": "/tmp"} in steps(tmp_path)["train"]["volumeMounts"]


def test_the_authors_variables_come_last_and_win(tmp_path: Path) -> None:
    """Kubernetes expands `$(NAME)` only for variables that come earlier."""
    made = environment(steps(tmp_path, training__env={"HOME": "$(MLSPEC_OUTPUT)"})["train"])
    assert made["HOME"] == "$(MLSPEC_OUTPUT)"
    assert list(made)[-1] == "HOME"


def test_runs_are_tracked_without_any_code(tmp_path: Path) -> None:
    """MLflow finds the commit itself only if the repository is in the image."""
    made = steps(tmp_path)
    told_ = environment(made["evaluate"])
    assert told_["MLFLOW_TRACKING_URI"] == "http://mlflow.mlops:5000"
    assert told_["MLFLOW_EXPERIMENT_NAME"] == "fraud"
    assert told_["MLFLOW_TRACKING_PASSWORD"] == {"secretKeyRef": {"name": "tracker-keys", "key": "password"}}
    assert json.loads(told_["MLFLOW_RUN_CONTEXT"]) == {
        "mlflow.source.git.commit": "4e91102",
        "mlflow.docker.image.uri": "registry.example.com/fraud/evaluate:3",
        "mlspec.system": "fraud",
        "mlspec.environment": "default",
        "mlspec.model": "fraud",
        "mlspec.run": "$(MLSPEC_RUN)",
        "mlspec.step": "$(MLSPEC_STEP)",
        "mlspec.data.chargebacks": "iceberg:3821550127947089009",
    }
    assert not any(name.startswith("MLFLOW") for name in environment(made["gate"]))
    assert not any(name.startswith("MLFLOW") for name in environment(steps(tmp_path, **LEAN)["train"]))


def test_trap_kubernetes_replaces_what_looks_like_a_variable(tmp_path: Path) -> None:
    """The container sees `$$(` as `$(`."""
    made = environment(steps(tmp_path, training__revision="$(HOME)")["train"])
    assert '"mlflow.source.git.commit": "$$(HOME)"' in made["MLFLOW_RUN_CONTEXT"]


KEPT: dict[str, object] = {"training__checkpoints": {"to": "s3://models/checkpoints/", "access": "lake"}}


def test_trap_an_interrupted_run_starts_with_an_empty_volume(tmp_path: Path) -> None:
    """All tries of a run have its name. Its checkpoints are in a store, which has an access."""
    made = steps(tmp_path, **LEAN, **KEPT)
    train = environment(made["train"])
    assert train["MLSPEC_CHECKPOINTS"] == "s3://models/checkpoints/$(MLSPEC_RUN)"
    assert [*train].index("MLSPEC_RUN") < [*train].index("MLSPEC_CHECKPOINTS")
    assert train["AWS_SECRET_ACCESS_KEY"] == {"secretKeyRef": {"name": "lake-keys", "key": "AWS_SECRET_ACCESS_KEY"}}
    assert not any("MLSPEC_CHECKPOINTS" in environment(one) for name, one in made.items() if name != "train")


def test_secrets_are_named_and_never_written(tmp_path: Path) -> None:
    """They come from Secrets that are in no output. The configuration contains only the names of accesses, and the gate
    needs no secrets.
    """
    made = steps(tmp_path)
    train = environment(made["train"])
    assert train["AWS_SECRET_ACCESS_KEY"] == {"secretKeyRef": {"name": "lake-keys", "key": "AWS_SECRET_ACCESS_KEY"}}
    assert train["KAFKA_PASSWORD"] == {"secretKeyRef": {"name": "broker-keys", "key": "password"}}
    assert "Secret" not in objects(tmp_path)
    assert "lake-keys" not in json.dumps(objects(tmp_path)["ConfigMap"])
    assert all(name.startswith("MLSPEC_") for name in environment(made["gate"]))


# Identity and network


def test_the_account_comes_from_an_access_or_has_no_permissions(tmp_path: Path) -> None:
    own = objects(tmp_path)
    assert own["ServiceAccount"]["metadata"]["name"] == "fraud-retrain"
    assert own["ServiceAccount"]["automountServiceAccountToken"] is False
    role = "arn:aws:iam::123456789012:role/lake"
    named = objects(tmp_path, access__lake={"kind": "s3", "serviceAccount": "lake-reader", "identity": role})
    assert named["ServiceAccount"]["metadata"]["name"] == "lake-reader"
    assert named["ServiceAccount"]["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": role}
    template = named["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert template["serviceAccountName"] == "lake-reader"


def test_a_run_connects_to_its_sources_its_stores_and_the_tracker_and_accepts_no_connections(tmp_path: Path) -> None:
    """DNS, the lake at 443 and its own port 9000, the tracker at 5000, and the broker at port 9093 of its URI. A broker
    without a URI uses Kafka's default port.
    """
    no_uri = {"data__sources": SPEC["data"]["sources"][1:], "training__access": ["broker"]}
    for changes, kafka in (({}, 9093), (no_uri, 9092)):
        policy = objects(tmp_path, **changes)["NetworkPolicy"]["spec"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert "ingress" not in policy
        ports = [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]
        assert ports == [[53, 53, 5353, 5353], [443, 5000, *sorted((9000, kafka))]]


@pytest.mark.parametrize(
    "model",
    [
        {"optimization": {"distillation": {"teacher": "http://models.example.com:8081/teacher"}}},
        {"optimization": {"quantization": {"method": "int8", "calibration": "http://models.example.com:8081/rows"}}},
        {"llm": {"tuning": {"method": "lora", "base": "http://models.example.com:8081/base"}}},
    ],
    ids=["teacher", "calibration", "base"],
)
def test_a_run_connects_to_the_models_that_it_learns_from(tmp_path: Path, model: dict[str, object]) -> None:
    policy = objects(tmp_path, model={**SPEC["model"], **model})["NetworkPolicy"]["spec"]
    assert 8081 in [port["port"] for port in policy["egress"][1]["ports"]]


BATCH = {
    "mode": "batch",
    "image": "registry.example.com/fraud/score:14",
    "schedule": "0 4 * * *",
    "input": {"uri": "s3://lake/in/", "access": "lake"},
    "output": {"uri": "s3://lake/out/", "access": "lake"},
}


def test_an_account_that_a_service_shares_is_written_with_the_service(tmp_path: Path) -> None:
    lake = {"kind": "s3", "serviceAccount": "lake-reader"}
    result = compiled(tmp_path, spec(access__lake=lake, serving=BATCH), targets=(serving.TARGET, TARGET))
    assert told(result) == []
    paths = [file.path for file in result.environments[0].bundle.files()]
    assert [path for path in paths if "serviceaccount" in path] == ["serving/serviceaccount-lake-reader.yaml"]


ROLE = "arn:aws:iam::123456789012:role/lake-reader"


def test_an_account_of_training_and_a_service_gets_its_identity_from_either(tmp_path: Path) -> None:
    """The service writes the account, and the access to the tracking server sets the identity."""
    bound = {"kind": "tracking", "serviceAccount": "lake-reader", "identity": ROLE}
    access = {"lake": {"kind": "s3", "serviceAccount": "lake-reader"}, "tracker": bound}
    tracking = {"uri": "http://mlflow.mlops:5000", "access": "tracker"}
    made = spec(access={**SPEC["access"], **access}, serving=BATCH, training__tracking=tracking)
    result = compiled(tmp_path, made, targets=(serving.TARGET, TARGET))
    assert told(result) == []
    [account] = [load(file.text) for file in result.environments[0].bundle.files() if "serviceaccount" in file.path]
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": ROLE}


def test_an_account_of_training_and_a_service_has_one_identity(tmp_path: Path) -> None:
    both = {
        name: {"kind": kind, "serviceAccount": "lake-reader"}
        for name, kind in (("lake", "s3"), ("tracker", "tracking"))
    }
    both["lake"]["identity"], both["tracker"]["identity"] = ROLE, f"{ROLE}-and-writer"
    tracking = {"uri": "http://mlflow.mlops:5000", "access": "tracker"}
    result = compiled(
        tmp_path,
        spec(access={**SPEC["access"], **both}, serving=BATCH, training__tracking=tracking),
        targets=(serving.TARGET, TARGET),
    )
    found = {d.message: d for d in result.found}["the ServiceAccount `lake-reader` cannot have two identities"]
    shown = [found.span, *(label.span for label in found.others)]
    assert [span.file.lines[span.line].split()[-1].strip("}") for span in shown] == [f"{ROLE}-and-writer", ROLE]


def test_policies_are_the_platforms_choice(tmp_path: Path) -> None:
    platform = {**PLATFORM, "platform": {**PLATFORM["platform"], "network": {"policies": False}}}
    assert "NetworkPolicy" not in objects(tmp_path, platform)


def test_training_runs_where_the_environment_says(tmp_path: Path) -> None:
    elsewhere = {"environments": {"default": {"runs": ["serving", "monitoring"]}}}
    assert set(objects(tmp_path, **elsewhere)) == set()
