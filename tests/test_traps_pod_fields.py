"""What pods could not say: nodes, priorities, variables from Secrets, certificates, labels, annotations, and users.

Each field is tried in all three kinds of pods: those of a server, of a batch run, and of training.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.catalog import load as catalog

from . import batch, online, retraining
from .support import changed, dumped
from .validation import VERSIONS, problems, unrestricted

Change = dict[str, Any]


def _online(tmp_path: Path, own: Change, platform: Change) -> dict[str, Any]:
    written(tmp_path, platform)
    made = online.spec(**{f"serving__{key}": value for key, value in own.items()})
    template: dict[str, Any] = online.of(tmp_path, made).workload["spec"]["template"]
    return template


def _batch(tmp_path: Path, own: Change, platform: Change) -> dict[str, Any]:
    written(tmp_path, platform)
    made = batch.spec(**{"serving__user": None, **{f"serving__{key}": value for key, value in own.items()}})
    return _template(batch.objects(tmp_path, changed(made, serving__resources__accelerator=None)))


def _training(tmp_path: Path, own: Change, platform: Change) -> dict[str, Any]:
    changes = {f"training__{key}": value for key, value in own.items()}
    file = changed(retraining.PLATFORM, **{f"platform__{key}": value for key, value in platform.items()})
    return _template(retraining.objects(tmp_path, file, **changes))


def written(tmp_path: Path, platform: Change) -> None:
    """The choices of the platform, in its own file."""
    body = {"apiVersion": "mlspec/v1", "kind": "Platform", "platform": platform}
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(body))


def _template(bodies: dict[str, Any]) -> dict[str, Any]:
    cron = bodies["CronJob"]
    for version in VERSIONS:
        assert list(problems(cron, version)) == []
    template: dict[str, Any] = cron["spec"]["jobTemplate"]["spec"]["template"]
    assert list(unrestricted(template["spec"])) == []
    return template


Make = Callable[[Path, Change, Change], dict[str, Any]]
EACH = pytest.mark.parametrize("make", [_online, _batch, _training], ids=["online", "batch", "training"])


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """All containers, except for the gate, which connects to nothing."""
    return [one for one in (*pod.get("initContainers", []), *pod["containers"]) if one["name"] != "gate"]


def own_containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in containers(pod) if one["name"] != "download"]


# B4: scheduling

SCHEDULING: Change = {
    "nodeSelector": {"example.com/pool": "models"},
    "nodeAffinity": [{"key": "topology.kubernetes.io/zone", "values": ["eu-central-1a", "eu-central-1b"]}],
    "tolerations": [{"key": "example.com/models", "operator": "Equal", "value": "yes"}],
    "runtimeClass": "gvisor",
}


@EACH
@pytest.mark.parametrize("where", ["part", "platform"])
def test_b4_pods_without_accelerators_have_no_place(make: Make, where: str, tmp_path: Path) -> None:
    on_platform = {"scheduling": SCHEDULING} if where == "platform" else {}
    pod = make(tmp_path, {"scheduling": SCHEDULING} if where == "part" else {}, on_platform)["spec"]
    assert pod["nodeSelector"] == {"example.com/pool": "models"}
    [term] = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    zones = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-central-1a", "eu-central-1b"]}
    assert term == {"matchExpressions": [zones]}
    toleration = {"key": "example.com/models", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}
    assert pod["tolerations"] == [toleration]
    assert pod["runtimeClassName"] == "gvisor"


@EACH
def test_b4_a_part_replaces_what_the_platform_says_under_the_same_key(make: Make, tmp_path: Path) -> None:
    common = {
        "nodeSelector": {"example.com/pool": "all", "example.com/disk": "ssd"},
        "tolerations": [{"key": "example.com/all"}, {"key": "example.com/both"}],
        "runtimeClass": "runc",
    }
    own = {
        "nodeSelector": {"example.com/pool": "models"},
        "tolerations": [{"key": "example.com/both"}, {"key": "example.com/models"}],
        "runtimeClass": "gvisor",
    }
    pod = make(tmp_path, {"scheduling": own}, {"scheduling": common})["spec"]
    assert pod["nodeSelector"] == {"example.com/pool": "models", "example.com/disk": "ssd"}
    keys = [one["key"].removeprefix("example.com/") for one in pod["tolerations"]]
    assert keys == ["all", "both", "models"]
    assert pod["runtimeClassName"] == "gvisor"


def test_b4_scheduling_is_merged_with_what_the_accelerator_requires(tmp_path: Path) -> None:
    made = online.spec(**online.GPU, serving__scheduling={"nodeSelector": {"example.com/pool": "models"}})
    pod = online.of(tmp_path, made).pod
    assert pod["nodeSelector"] == {"example.com/pool": "models", "nvidia.com/gpu.product": "NVIDIA-L4"}
    assert [one["key"] for one in pod["tolerations"]] == ["nvidia.com/gpu", "sku"]


@pytest.mark.parametrize(
    "scheduling",
    [
        {"nodeSelector": {"nvidia.com/gpu.product": "Tesla-T4"}},
        {"nodeAffinity": [{"key": "nvidia.com/gpu.product", "values": ["Tesla-T4", "NVIDIA-A10"]}]},
    ],
)
def test_b4_no_node_has_two_values_of_one_label(scheduling: Change, tmp_path: Path) -> None:
    [found] = online.refused(tmp_path, "triton", **online.GPU, serving__scheduling=scheduling)
    assert found.startswith("MLS012: no node has both `nvidia.com/gpu.product: ")


CLOUDS = list(catalog.clouds().entries)
SPOT = {
    "gke": ({"cloud.google.com/gke-spot": "true"}, "cloud.google.com/gke-spot"),
    "eks": ({"karpenter.sh/capacity-type": "spot"}, None),
    "eks-auto": ({"karpenter.sh/capacity-type": "spot"}, None),
    "aks": ({"kubernetes.azure.com/scalesetpriority": "spot"}, "kubernetes.azure.com/scalesetpriority"),
}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_b4_spot_nodes_are_called_differently_on_every_cloud(cloud: str, tmp_path: Path) -> None:
    changes: Change = {"serving__scheduling": {"spot": True}, "platform__cloud": cloud}
    if cloud not in SPOT:
        [found] = online.refused(tmp_path, "triton", **changes)
        assert found == f"MLS012: the labels of spot nodes on `{cloud}` are unknown"
        known = {"nodeSelector": {"example.com/spot": "yes"}, "tolerations": [{"key": "example.com/spot"}]}
        made = online.emitted(tmp_path, **changes, **{f"platform__clouds__{cloud}__spot": known})
        assert made.pod["nodeSelector"] == {"example.com/spot": "yes"}
        return
    labels, taint = SPOT[cloud]
    pod = online.emitted(tmp_path, **changes).pod
    assert pod["nodeSelector"] == labels
    assert [one["key"] for one in pod.get("tolerations", [])] == ([taint] if taint else [])


@EACH
def test_b4_a_part_can_leave_the_spot_nodes_of_the_platform(make: Make, tmp_path: Path) -> None:
    spot: Change = {"scheduling": {"spot": True}, "cloud": "eks"}
    assert make(tmp_path, {}, spot)["spec"]["nodeSelector"] == {"karpenter.sh/capacity-type": "spot"}
    assert "nodeSelector" not in make(tmp_path, {"scheduling": {"spot": False}}, spot)["spec"]


# B5: variables from Secrets and ConfigMaps, and certificates


@EACH
def test_b5_a_secret_could_only_come_through_an_access(make: Make, tmp_path: Path) -> None:
    env = {
        "LOG_LEVEL": "info",
        "OPENAI_API_KEY": {"secret": "openai", "key": "api-key"},
        "FEATURES": {"configMap": "features", "key": "features.json"},
    }
    for container in own_containers(make(tmp_path, {"env": env}, {})["spec"]):
        made = {one["name"]: one for one in container["env"]}
        assert made["LOG_LEVEL"]["value"] == "info"
        assert made["OPENAI_API_KEY"]["valueFrom"] == {"secretKeyRef": {"name": "openai", "key": "api-key"}}
        assert made["FEATURES"]["valueFrom"] == {"configMapKeyRef": {"name": "features", "key": "features.json"}}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"secret": "openai"}, "MLS009: missing `key` in `OPENAI_API_KEY`"),
        ({"key": "api-key"}, "MLS009: `OPENAI_API_KEY` needs `secret` or `configMap`"),
        ({"secret": "a", "configMap": "b", "key": "c"}, "MLS017: `secret` and `configMap` cannot both be set"),
        ({"secret": "openai", "name": "api-key"}, "MLS004: `serving.env.OPENAI_API_KEY` has no key `name`"),
        (["openai"], "MLS005: `OPENAI_API_KEY` must be text"),
    ],
)
def test_b5_a_reference_is_checked(value: Any, said: str, tmp_path: Path) -> None:
    found = online.refused(tmp_path, "triton", serving__env={"OPENAI_API_KEY": value})
    assert said in found or said.split(":", maxsplit=1)[0] in {one.split(":")[0] for one in found}, found


@EACH
def test_b5_a_reference_and_an_access_set_the_same_variable(make: Make, tmp_path: Path) -> None:
    """A container has one variable of each name, so one of them would be silently lost."""
    env = {"AWS_ACCESS_KEY_ID": {"secret": "another", "key": "id"}}
    if make is _online:
        found = online.refused(tmp_path, "triton", serving__env=env, serving__access=["store"])
    elif make is _batch:
        found = batch.told(batch.compiled(tmp_path, batch.spec(serving__env=env)))
    else:
        found = retraining.told(retraining.compiled(tmp_path, retraining.spec(training__env=env)))
    assert found == ["MLS012: `AWS_ACCESS_KEY_ID` would be set twice"]


def test_b5_an_environment_replaces_a_reference_as_a_whole(tmp_path: Path) -> None:
    """If it merged, the variable would come from a Secret and a ConfigMap at once."""
    made = online.spec(
        serving__env={"URL": {"secret": "urls", "key": "url"}},
        environments={"production": {"spec": {"serving": {"env": {"URL": {"configMap": "urls", "key": "url"}}}}}},
    )
    assert online.of(tmp_path, made).env["URL"] == {"configMapKeyRef": {"name": "urls", "key": "url"}}


VARIABLES = {
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
}


@EACH
def test_b5_no_container_trusts_the_authority_of_the_company(make: Make, tmp_path: Path) -> None:
    """The download is one of them: it fails before the server starts."""
    pod = make(tmp_path, {}, {"caBundle": {"configMap": "company", "key": "ca.pem"}})["spec"]
    assert {"name": "certificates", "configMap": {"name": "company"}} in pod["volumes"]
    for container in containers(pod):
        made = {one["name"]: one.get("value") for one in container["env"]}
        assert {made[name] for name in VARIABLES} == {"/etc/mlspec/certificates/ca.pem"}
        [mount] = [one for one in container["volumeMounts"] if one["name"] == "certificates"]
        assert mount == {"name": "certificates", "mountPath": "/etc/mlspec/certificates", "readOnly": True}


@EACH
def test_b5_the_author_chooses_another_bundle_for_one_client(make: Make, tmp_path: Path) -> None:
    own = {"env": {"AWS_CA_BUNDLE": "/etc/ssl/own.pem"}}
    pod = make(tmp_path, own, {"caBundle": {"configMap": "company"}})["spec"]
    for container in own_containers(pod):
        assert [one["value"] for one in container["env"] if one["name"] == "AWS_CA_BUNDLE"] == ["/etc/ssl/own.pem"]


def test_b5_a_writable_path_does_not_hide_the_certificates(tmp_path: Path) -> None:
    bundle = {"platform__caBundle": {"configMap": "company"}}
    container = {"writable": ["/certificates", "/etc/mlspec/certificates"]}
    [found] = online.refused(tmp_path, "triton", **bundle, serving__container=container)
    assert found == "MLS008: `/etc/mlspec/certificates` is mounted twice"
    names = [
        one["name"]
        for one in online.emitted(tmp_path, **bundle, serving__container__writable=["/certificates"]).pod["volumes"]
    ]
    assert len(set(names)) == len(names)


# Labels and annotations of pods


@EACH
def test_a_mesh_cannot_be_told_to_leave_a_pod_alone(make: Make, tmp_path: Path) -> None:
    own = {
        "podLabels": {"sidecar.istio.io/inject": "false", "example.com/team": "own"},
        "podAnnotations": {"example.com/note": "two: words"},
    }
    common = {
        "podLabels": {"example.com/team": "platform", "example.com/cost": "7"},
        "podAnnotations": {"example.com/contact": "#models"},
    }
    metadata = make(tmp_path, own, common)["metadata"]
    added = {"sidecar.istio.io/inject": "false", "example.com/team": "own", "example.com/cost": "7"}
    assert added.items() <= metadata["labels"].items()
    notes = {"example.com/note": "two: words", "example.com/contact": "#models"}
    assert notes.items() <= metadata["annotations"].items()


RESERVED = [
    *(f"app.kubernetes.io/{name}" for name in ("name", "instance", "component", "version", "part-of", "managed-by")),
    "pod-template-hash",
    "batch.kubernetes.io/job-name",
]


@pytest.mark.parametrize("label", RESERVED)
@pytest.mark.parametrize("where", ["metadata__labels", "serving__podLabels", "platform__podLabels"])
def test_public_22_labels_that_mlspec_sets_itself_can_be_overwritten(label: str, where: str, tmp_path: Path) -> None:
    """Six findings at other places asked to undo a patch, or to report a bug. Now there is one, at the label."""
    result = online.compiled(tmp_path, online.spec(**{where: {label: "x"}}))
    [found] = [one for one in result.diagnostics if one.severity == "error"]
    assert (found.id, found.message) == ("MLS012", f"the label `{label}` is reserved")
    assert found.span.file.lines[found.span.line].strip() == f"{label}: x"


def test_public_22_the_label_of_an_identity_is_reserved_in_pods(tmp_path: Path) -> None:
    access = {
        "kind": "azure",
        "account": "models",
        "serviceAccount": "models",
        "identity": "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
    }
    made = online.spec(
        access__store=access,
        release__artifact__uri="azure://models/model.onnx",
        serving__podLabels={"azure.workload.identity/use": "false"},
    )
    assert online.errors(tmp_path, made) == ["MLS012: the label `azure.workload.identity/use` is reserved"]


# OpenShift

USERS = ("runAsUser", "runAsGroup", "fsGroup")


@EACH
@pytest.mark.parametrize("platform", [{"cloud": "openshift"}, {"security": {"users": "cluster"}}], ids=str)
def test_openshift_rejects_pods_that_choose_their_user(make: Make, platform: Change, tmp_path: Path) -> None:
    """restricted-v2 takes the user from a range of the namespace. The pod stays restricted: `online.of` checks it."""
    security = make(tmp_path, {}, platform)["spec"]["securityContext"]
    assert not set(USERS) & set(security)
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


@EACH
def test_openshift_can_also_let_the_image_choose(make: Make, tmp_path: Path) -> None:
    """With the constraints nonroot-v2, which an administrator grants."""
    image: Change = {"cloud": "openshift", "security": {"users": "image"}}
    assert set(USERS) <= set(make(tmp_path, {}, image)["spec"]["securityContext"])


def test_openshift_ignores_the_user_of_a_spec_and_says_so(tmp_path: Path) -> None:
    written(tmp_path, {"cloud": "openshift"})
    [found] = online.compiled(tmp_path, online.spec(serving__container={"user": 4711})).diagnostics
    assert found.message == "`container` has no effect here"
    written(tmp_path, {"cloud": "openshift"})
    [found] = batch.compiled(tmp_path, batch.spec(serving__resources__accelerator=None)).found
    assert found.help == "remove it: the cluster chooses the users of pods (`platform.security.users`)"


def test_openshift_needs_no_user_of_a_custom_image(tmp_path: Path) -> None:
    container = {"image": f"registry.example.com/serve:7@{online.DIGEST}", "metrics": {"inFlight": {"gauge": "busy"}}}
    made = online.spec("custom", serving__container=container)
    assert online.errors(tmp_path, made) == ["MLS009: `container` lacks `user`"]
    online.of(tmp_path, changed(made, platform__cloud="openshift"))


def test_openshift_has_accelerators(tmp_path: Path) -> None:
    """NVIDIA's operator labels its nodes as it does everywhere."""
    selector = {"nvidia.com/gpu.product": "NVIDIA-L4"}
    assert online.emitted(tmp_path, **online.GPU, platform__cloud="openshift").pod["nodeSelector"] == selector


@pytest.mark.parametrize("users", ["image", "cluster"])
def test_openshift_a_patch_that_removes_the_user_is_refused_only_where_the_image_chooses(
    users: str, tmp_path: Path
) -> None:
    security = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    patch = {
        "target": {"kind": "Rollout", "name": "fraud"},
        "reason": "OpenShift assigns users",
        "patch": {"spec": {"template": {"spec": {"securityContext": security}}}},
    }
    found = online.refused(tmp_path, "triton", patches=[patch], platform__security={"users": users})
    assert [one.split(":")[0] for one in found] == (["MLS407"] if users == "image" else [])


@pytest.mark.parametrize("user", [1000, 4711])
def test_openshift_training_has_a_user_of_its_own(user: int, tmp_path: Path) -> None:
    security = _training(tmp_path, {"user": user}, {})["spec"]["securityContext"]
    assert [security[name] for name in USERS] == [user] * 3
