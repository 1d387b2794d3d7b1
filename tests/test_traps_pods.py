"""The traps of pods: startup and shutdown, permissions, resources, placement, updates, and evictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import DIGEST, GPU, RUNTIMES, Emitted, emitted, errors, of, refused, two_services
from .support import KEPT

EACH = pytest.mark.parametrize("runtime", RUNTIMES)
SHADOW: dict[str, Any] = {
    "rollout__stages": [{"shadow": {"percent": "10%", "duration": "24h"}}, {"canary": {"steps": ["10%", "50%"]}}],
    "release__shadow": {
        "version": 8,
        "artifact": {"uri": "s3://models/fraud/8/model.onnx", "format": "onnx", "digest": DIGEST, "access": "store"},
    },
}
PLAIN: dict[str, Any] = {"platform__rollout__provider": "none", "constraints__throughput": {"peak": "60/s"}}

# Starting and stopping


@EACH
@pytest.mark.parametrize("timeout", ["1s", "100s"])
def test_trap_the_grace_period_covers_the_whole_shutdown(tmp_path: Path, runtime: str, timeout: str) -> None:
    """5 s more than the removal of the endpoint and the drain; a server that ignores SIGTERM needs no time to exit."""
    made = emitted(tmp_path, runtime, serving__endpoint={"timeout": timeout})
    sleep = made.server["lifecycle"]["preStop"]["sleep"]["seconds"]
    exit_ = 0 if runtime in ("tensorflow-serving", "torchserve") else 5
    assert made.pod["terminationGracePeriodSeconds"] >= sleep + int(timeout[:-1]) + exit_
    assert sleep >= 5


@EACH
def test_trap_images_without_a_shell_cannot_run_sleep(tmp_path: Path, runtime: str) -> None:
    """The kubelet has its own sleep since 1.30."""
    assert list(emitted(tmp_path, runtime).server["lifecycle"]["preStop"]) == ["sleep"]


@EACH
@pytest.mark.parametrize("load", ["5s", "20m"])
def test_trap_a_slow_start_is_killed_or_reported_too_early(tmp_path: Path, runtime: str, load: str) -> None:
    """The startup probe allows twice the load time, and the deadline of a rollout allows for the startup probe."""
    made = emitted(tmp_path, runtime, serving__load=load)
    budget = made.server["startupProbe"]["periodSeconds"] * made.server["startupProbe"]["failureThreshold"]
    assert budget >= {"5s": 30, "20m": 2400}[load]
    assert made.workload["spec"]["progressDeadlineSeconds"] > max(599, budget)


@EACH
def test_trap_a_slow_answer_must_not_cause_a_restart(tmp_path: Path, runtime: str) -> None:
    server = emitted(tmp_path, runtime).server
    silent = {
        probe: server[f"{probe}Probe"]["periodSeconds"] * server[f"{probe}Probe"]["failureThreshold"]
        for probe in ("readiness", "liveness")
    }
    assert silent == {"readiness": 10, "liveness": 30}
    assert all(server[f"{probe}Probe"]["timeoutSeconds"] >= 1 for probe in ("startup", "readiness", "liveness"))


def mounted(of: Emitted) -> list[dict[str, Any]]:
    """The ConfigMaps that pods mount: all but the dashboard."""
    return [body for body in of.all("ConfigMap") if body["metadata"]["name"] != "fraud-dashboard"]


@EACH
def test_trap_a_changed_configuration_restarts_nothing(tmp_path: Path, runtime: str) -> None:
    """Unless the ConfigMap has another name. Pods of the previous version keep their own."""
    if "config" not in {volume["name"] for volume in emitted(tmp_path, runtime).pod["volumes"]}:
        assert not mounted(emitted(tmp_path, runtime))
        return
    changes = {"release__version": "8", "serving__endpoint": {"timeout": "9s"}}
    old, new = emitted(tmp_path, runtime), emitted(tmp_path, runtime, **changes)
    names = [made.volume("config")["configMap"]["name"] for made in (old, new)]
    assert names[0] != names[1]
    assert all(made.one("ConfigMap", name)["immutable"] is True for made, name in zip((old, new), names, strict=True))


@pytest.mark.parametrize(("tool", "annotations"), KEPT)
def test_trap_a_tool_prunes_what_old_pods_still_mount(tmp_path: Path, tool: str, annotations: dict[str, str]) -> None:
    """A spec that names no tool is often deployed by one that reads its kustomization."""
    [config] = mounted(emitted(tmp_path, platform__gitops__tool=tool))
    assert config["metadata"]["annotations"] == annotations


@pytest.mark.parametrize(
    ("paths", "twice"),
    [
        (["/cache", "/cache"], "/cache"),
        (["/cache", "/cache/"], "/cache/"),
        (["/models/fraud/7"], "/models/fraud/7"),
        (["/dev/shm"], "/dev/shm"),
    ],
)
def test_trap_an_api_server_refuses_two_mounts_at_one_path(tmp_path: Path, paths: list[str], twice: str) -> None:
    """A path that is listed twice, that of the model, and that of shared memory."""
    assert refused(tmp_path, "triton", serving__container={"writable": paths}) == [
        f"MLS008: `{twice}` is mounted twice"
    ]


def test_trap_paths_that_differ_share_the_name_of_a_volume(tmp_path: Path) -> None:
    """A name has only lowercase letters, digits, and dashes, so these three would be one volume."""
    pod = emitted(tmp_path, serving__container={"writable": ["/var/cache", "/var-cache", "/Var/Cache", "/config"]}).pod
    mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    named = [mounts[path] for path in ("/var/cache", "/var-cache", "/Var/Cache", "/config")]
    assert named == ["var-cache", "var-cache-files", "var-cache-2", "config-files"]
    volumes = [volume["name"] for volume in pod["volumes"]]
    assert len(set(volumes)) == len(volumes)


# Permissions


@EACH
def test_trap_a_service_named_like_a_setting_overrides_it(tmp_path: Path, runtime: str) -> None:
    assert emitted(tmp_path, runtime).pod["enableServiceLinks"] is False


@EACH
def test_trap_a_server_needs_no_token_of_the_api_server(tmp_path: Path, runtime: str) -> None:
    made = emitted(tmp_path, runtime)
    account = made.one("ServiceAccount", made.pod["serviceAccountName"])
    assert made.pod["automountServiceAccountToken"] is False
    assert account["automountServiceAccountToken"] is False


@EACH
def test_trap_the_kubelet_cannot_tell_whether_a_named_user_is_root(tmp_path: Path, runtime: str) -> None:
    """A number, and the same one as the group of volumes, so that the server can read the download."""
    security = emitted(tmp_path, runtime).pod["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] >= 1000
    assert security["fsGroup"] == security["runAsUser"]
    assert security["fsGroupChangePolicy"] == "OnRootMismatch"  # no recursive chown of a large volume at every start
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


@EACH
def test_trap_every_container_drops_every_capability(tmp_path: Path, runtime: str) -> None:
    pod = emitted(tmp_path, runtime).pod
    for container in (*pod.get("initContainers", []), *pod["containers"]):
        security = container["securityContext"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["allowPrivilegeEscalation"] is False


@EACH
def test_trap_a_device_hook_writes_to_the_root_file_system(tmp_path: Path, runtime: str) -> None:
    assert emitted(tmp_path, runtime, **GPU).server["securityContext"]["readOnlyRootFilesystem"] is False
    if runtime not in ("vllm", "sglang", "tgi"):  # which do not run without an accelerator
        assert emitted(tmp_path, runtime).server["securityContext"]["readOnlyRootFilesystem"] is True


@EACH
def test_trap_without_root_home_folders_and_caches_need_volumes(tmp_path: Path, runtime: str) -> None:
    made = emitted(tmp_path, runtime)
    writable = [path for path, name in made.mounts.items() if "emptyDir" in made.volume(name) and name != "model"]
    folders = {name: value for name, value in made.env.items() if isinstance(value, str) and value.startswith("/")}
    folders.pop("MLSPEC_MODEL_PATH", None)
    assert all(any(f"{value}/".startswith(f"{path}/") for path in writable) for value in folders.values()), folders
    assert "/tmp" in writable


# Resources


@EACH
def test_trap_a_cpu_limit_throttles_and_a_missing_memory_limit_kills_others(tmp_path: Path, runtime: str) -> None:
    resources = emitted(tmp_path, runtime).server["resources"]
    assert "cpu" not in resources["limits"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"]


@pytest.mark.parametrize(("shared", "limit"), [(None, "4Gi"), ("1Gi", "5Gi")])
def test_trap_shared_memory_counts_against_the_limit(tmp_path: Path, shared: object, limit: str) -> None:
    changes = {"serving__resources": {"memory": "4Gi"}, "serving__container__sharedMemory": shared}
    made = emitted(tmp_path, "custom", **changes)
    assert made.server["resources"]["limits"]["memory"] == limit
    assert ("/dev/shm" in made.mounts) == (shared is not None)


@pytest.mark.parametrize("runtime", ["custom", "bentoml", "kserve-huggingface"])
def test_trap_processes_of_several_accelerators_have_64_mebibytes(tmp_path: Path, runtime: str) -> None:
    """NCCL does not start with as little."""
    several = {"serving__resources": {"memory": "4Gi", "accelerator": {"type": "l4", "count": 2}}}
    made = emitted(tmp_path, runtime, **several)
    assert made.volume("shm")["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}
    assert made.server["resources"]["limits"]["memory"] == "5Gi"
    assert "/dev/shm" not in emitted(tmp_path, runtime, **GPU).mounts
    own = {"serving__volumes": {"exchange": {"size": "8Gi", "path": "/dev/shm"}}}
    assert emitted(tmp_path, runtime, **several, **own).mounts["/dev/shm"] == "own-exchange"


@EACH
@pytest.mark.parametrize("resource", ["nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.10gb"])
def test_trap_an_accelerator_is_limited_to_what_it_requests(tmp_path: Path, runtime: str, resource: str) -> None:
    """Time slices and partitions have their own names, which the platform sets."""
    accelerators = {"l4": {"resource": resource}}
    changes = {"serving__resources__accelerator": {"type": "l4", "count": 2}}
    resources = emitted(tmp_path, runtime, platform__accelerators=accelerators, **changes).server["resources"]
    assert resources["limits"][resource] == resources["requests"][resource] == "2"


def test_trap_an_accelerator_needs_room_for_the_model_once_and_a_cpu_twice(tmp_path: Path) -> None:
    """1 GiB for the server, 1 GiB of weights once or twice, and 256 MiB of shared memory."""
    size = {"release__artifact__size": "1Gi"}
    assert emitted(tmp_path, **size).server["resources"]["limits"]["memory"] == "3328Mi"
    assert emitted(tmp_path, **size, **GPU).server["resources"]["limits"]["memory"] == "2304Mi"


# Where they run


def test_trap_nodes_with_accelerators_have_taints(tmp_path: Path) -> None:
    """NVIDIA's own, and the one that AKS documents. Only GKE adds the toleration itself."""
    pod = emitted(tmp_path, **GPU).pod
    assert pod["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"},
    ]
    assert "tolerations" not in emitted(tmp_path).pod


def test_trap_a_toleration_with_a_value_must_not_exist(tmp_path: Path) -> None:
    """An API server refuses every pod with `Exists` and a value, which is what the default would make of it."""
    taint = {"key": "team", "value": "payments"}
    pod = emitted(tmp_path, platform__accelerators={"l4": {"tolerations": [taint]}}, **GPU).pod
    assert {**taint, "operator": "Equal", "effect": "NoSchedule"} in pod["tolerations"]
    both = {"l4": {"tolerations": [{**taint, "operator": "Exists"}]}}
    found = refused(tmp_path, "triton", platform__accelerators=both, **GPU)
    assert found == ["MLS008: a toleration with `operator: Exists` cannot have a value"]


@pytest.mark.parametrize(
    ("cloud", "labels"),
    [
        ("gke", {"cloud.google.com/gke-accelerator": "nvidia-l4"}),
        ("eks", {"karpenter.k8s.aws/instance-gpu-name": "l4"}),
        ("eks-auto", {"eks.amazonaws.com/compute-type": "auto", "eks.amazonaws.com/instance-gpu-name": "l4"}),
        ("none", {"nvidia.com/gpu.product": "NVIDIA-L4"}),
    ],
)
def test_trap_each_cloud_labels_its_nodes_differently(tmp_path: Path, cloud: str, labels: dict[str, str]) -> None:
    assert emitted(tmp_path, platform__cloud=cloud, **GPU).pod["nodeSelector"] == labels


@pytest.mark.parametrize(("cloud", "accelerator"), [("gke", "a10g"), ("aks", "l4")])
def test_trap_a_cloud_without_the_accelerator_has_no_such_nodes(tmp_path: Path, cloud: str, accelerator: str) -> None:
    """AKS labels nodes only by vendor: the pod would run on any NVIDIA GPU."""
    changes = {"platform__cloud": cloud, "serving__resources": {"accelerator": {"type": accelerator}}}
    said = [f"MLS012: the labels of nodes with `{accelerator}` on `{cloud}` are unknown"]
    assert refused(tmp_path, "triton", **changes) == said


@EACH
def test_trap_a_hard_spread_strands_scarce_nodes(tmp_path: Path, runtime: str) -> None:
    made = emitted(tmp_path, runtime)
    spread = made.pod["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert {one["whenUnsatisfiable"] for one in spread} == {"ScheduleAnyway"}
    labels = made.workload["spec"]["template"]["metadata"]["labels"]
    assert all(one["labelSelector"]["matchLabels"].items() <= labels.items() for one in spread)


# How they are replaced and evicted


@pytest.mark.parametrize(
    ("changes", "surge", "missing"),
    [
        ({}, 1, 0),
        ({**GPU, "serving__replicas": {"min": 2, "max": 3}}, 0, 1),
        ({**GPU, "serving__replicas": {"min": 1, "max": 3}}, 1, 0),
    ],
    ids=["CPU", "accelerators", "a single accelerator"],
)
def test_trap_an_extra_replica_needs_an_extra_accelerator(
    tmp_path: Path, changes: dict[str, Any], surge: int, missing: int
) -> None:
    """Without one, the rollout would wait forever. But a single replica is not removed before there is another."""
    strategy = emitted(tmp_path, **PLAIN, **changes).workload["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": surge, "maxUnavailable": missing}


def test_trap_a_shadow_needs_no_surge(tmp_path: Path) -> None:
    shadow = emitted(tmp_path, **SHADOW).one("Deployment", "fraud-shadow")
    assert shadow["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_trap_the_zone_that_is_lost_had_most_of_the_replicas(tmp_path: Path) -> None:
    """From 99.99% on, the plan counts on two of three zones. A zone whose nodes are all down would otherwise be the
    only one where a replica may start, because it has the fewest.
    """
    hard = emitted(tmp_path, constraints__availability="99.99%").pod["topologySpreadConstraints"]
    assert [(one["whenUnsatisfiable"], one.get("nodeTaintsPolicy")) for one in hard] == [
        ("ScheduleAnyway", None),
        ("DoNotSchedule", "Honor"),
    ]
    one_zone = {"constraints__availability": "99.99%", "platform__planning": {"zones": 1}}
    for soft in (emitted(tmp_path), emitted(tmp_path, **one_zone)):
        assert {one["whenUnsatisfiable"] for one in soft.pod["topologySpreadConstraints"]} == {"ScheduleAnyway"}


@pytest.mark.parametrize(("least", "budgets"), [(1, 0), (2, 2), (5, 2)])
def test_trap_a_budget_for_a_lone_replica_blocks_every_drain(tmp_path: Path, least: int, budgets: int) -> None:
    made = emitted(tmp_path, serving__replicas={"min": least, "max": 6})
    assert len(made.all("PodDisruptionBudget")) == budgets


def test_trap_a_replica_that_is_still_loading_blocks_a_drain(tmp_path: Path) -> None:
    """There is exactly one limit, and pods that are not ready may be evicted. An empty selector would select the whole
    namespace.
    """
    made = emitted(tmp_path, **SHADOW)
    labels = made.workload["spec"]["template"]["metadata"]["labels"]
    shadow = made.one("Deployment", "fraud-shadow")["spec"]["template"]["metadata"]["labels"]
    for body in made.all("PodDisruptionBudget"):
        budget = body["spec"]
        assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
        assert "minAvailable" not in budget
        chosen = budget["selector"]["matchLabels"]
        assert chosen.items() <= {**labels, "mlspec/role": chosen["mlspec/role"]}.items()
        assert not chosen.items() <= {**shadow, "mlspec/role": chosen["mlspec/role"]}.items()


def test_trap_one_budget_for_both_versions_lets_all_live_replicas_go_at_once(tmp_path: Path) -> None:
    """Two live replicas and one new one: with one budget, two are healthy enough, so both live ones may be evicted.

    Argo Rollouts sets a label on the running pods of each version. A pod in two budgets could not be evicted at all.
    """
    made = emitted(tmp_path, serving__replicas={"min": 2, "max": 6})
    canary = made.workload["spec"]["strategy"]["canary"]
    live, new = (canary[f"{name}Metadata"]["labels"] for name in ("stable", "canary"))
    assert (live, new) == ({"mlspec/role": "stable"}, {"mlspec/role": "canary"})
    labels = made.workload["spec"]["template"]["metadata"]["labels"]
    assert "mlspec/role" not in labels, "the label of a role changes, and the template does not"
    budgets = {body["metadata"]["name"]: body["spec"]["selector"]["matchLabels"] for body in budgets_of(made)}
    for pods, own in (({**labels, **live}, "fraud"), ({**labels, **new}, "fraud-canary")):
        assert [name for name, chosen in budgets.items() if chosen.items() <= pods.items()] == [own]


def test_trap_a_budget_that_waits_for_a_label_protects_no_deployment(tmp_path: Path) -> None:
    made = emitted(tmp_path, **PLAIN, serving__replicas={"min": 2, "max": 6})
    (budget,) = budgets_of(made)
    labels = made.workload["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()


def budgets_of(made: Emitted) -> list[dict[str, Any]]:
    return made.all("PodDisruptionBudget")


def test_trap_replicas_in_git_fight_the_autoscaler(tmp_path: Path) -> None:
    assert "replicas" not in emitted(tmp_path).workload["spec"]
    fixed = {"platform__autoscaling__provider": "none", "constraints__throughput": {"mean": "20/s"}}
    assert emitted(tmp_path, **fixed).workload["spec"]["replicas"] == 2


# Two services


def test_each_service_has_its_own_objects(tmp_path: Path) -> None:
    made = of(tmp_path, two_services())
    assert {body["metadata"]["name"] for body in made.all("Rollout")} == {"fraud-a", "fraud-b"}
    assert errors(tmp_path, two_services()) == []


@pytest.mark.parametrize("runtime", ["triton", "vllm"])
def test_an_empty_variable_with_a_value_would_differ_from_the_cluster_forever(runtime: str, tmp_path: Path) -> None:
    """A typed controller drops an empty value, and a GitOps tool would write it again."""
    server = emitted(tmp_path, runtime, serving__env={"EMPTY": "", "ZERO": "0", "FALSE": "false"}).server
    listed = {variable["name"]: variable for variable in server["env"]}
    assert listed["EMPTY"] == {"name": "EMPTY"}
    assert (listed["ZERO"]["value"], listed["FALSE"]["value"]) == ("0", "false")
