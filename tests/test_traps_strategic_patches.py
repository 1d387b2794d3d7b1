"""The traps of strategic patches: what they merge, what they refuse, and that locks hold against them, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.api import Result

from .online import GPU, accepted, compiled, spec
from .support import changed, dumped, objects

RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
SIDECAR = {"name": "proxy", "image": "registry.example.com/proxy:1", "securityContext": RESTRICTED}


def patched(tmp_path: Path, pod: Any, merge: str | None = "strategic", **more: Any) -> Result:
    """A Rollout whose pod is patched."""
    target = {"kind": "Rollout", "name": "fraud"}
    patch: dict[str, Any] = {"target": target, "reason": "a test", "patch": {"spec": {"template": {"spec": pod}}}}
    if merge is not None:
        patch["merge"] = merge
    return compiled(tmp_path, changed(spec(), patches=[patch], **more))


def pod_of(result: Result) -> dict[str, Any]:
    assert [f"{one.id}: {one.message}" for one in result.diagnostics if one.severity == "error"] == []
    [rollout] = objects(result, "Rollout")
    body: Any = rollout
    accepted(body)
    found: dict[str, Any] = body["spec"]["template"]["spec"]
    return found


def told(result: Result) -> list[str]:
    return [f"{one.id}: {one.message}" for one in result.diagnostics if one.severity == "error"]


def test_b5_one_variable_more_replaced_all_containers(tmp_path: Path) -> None:
    before = pod_of(compiled(tmp_path, spec()))
    env = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    after = pod_of(patched(tmp_path, {"containers": [{"name": "server", "env": env}]}))
    assert after["containers"][0].pop("env") == [*before["containers"][0].pop("env", []), *env]
    assert after == before


def test_a_sidecar_and_its_volume_are_added(tmp_path: Path) -> None:
    mount = {"name": "sockets", "mountPath": "/sockets"}
    added = {
        "containers": [{**SIDECAR, "volumeMounts": [mount]}, {"name": "server", "volumeMounts": [mount]}],
        "volumes": [{"name": "sockets", "emptyDir": {}}],
        "initContainers": [{**SIDECAR, "name": "prepare", "restartPolicy": "Always"}],
    }
    pod = pod_of(patched(tmp_path, added))
    assert [one["name"] for one in pod["containers"]] == ["server", "proxy"]
    assert [one["name"] for one in pod["initContainers"]] == ["download", "prepare"]
    assert all(mount in one["volumeMounts"] for one in pod["containers"])
    assert "sockets" in {one["name"] for one in pod["volumes"]}


def test_a_sidecar_reads_a_config_map_that_something_else_creates(tmp_path: Path) -> None:
    """With a JSON merge patch, this is a dangling reference."""
    added = {"volumes": [{"name": "proxy", "configMap": {"name": "proxy-settings"}}]}
    assert added["volumes"][0] in pod_of(patched(tmp_path, added))["volumes"]


def test_a_port_is_changed_by_its_name(tmp_path: Path) -> None:
    before = pod_of(compiled(tmp_path, spec()))["containers"][0]["ports"]
    ports = [{"name": "http", "protocol": "TCP"}, {"name": "debug", "containerPort": 9999}]
    after = pod_of(patched(tmp_path, {"containers": [{"name": "server", "ports": ports}]}))["containers"][0]["ports"]
    [http] = [one for one in before if one["name"] == "http"]
    assert after == [{**one, "protocol": "TCP"} if one == http else one for one in before] + [ports[1]]


def test_a_variable_gets_another_kind_of_value(tmp_path: Path) -> None:
    """With both, the API server would refuse the pod."""
    reference = {"secretKeyRef": {"name": "levels", "key": "level"}}
    env = [{"name": "LOG_LEVEL", "valueFrom": reference}]
    pod = pod_of(
        patched(tmp_path, {"containers": [{"name": "server", "env": env}]}, serving__env={"LOG_LEVEL": "info"})
    )
    [found] = [one for one in pod["containers"][0]["env"] if one["name"] == "LOG_LEVEL"]
    assert found == {"name": "LOG_LEVEL", "valueFrom": reference}


def test_a_volume_gets_another_source(tmp_path: Path) -> None:
    claim = {"persistentVolumeClaim": {"claimName": "weights"}}
    pod = pod_of(patched(tmp_path, {"volumes": [{"name": "model", **claim}]}))
    [found] = [one for one in pod["volumes"] if one["name"] == "model"]
    assert found == {"name": "model", **claim}


def test_an_item_is_removed(tmp_path: Path) -> None:
    removed = [{"name": "LOG_LEVEL", "$patch": "delete"}]
    env = {"LOG_LEVEL": "info", "OTHER": "x"}
    pod = pod_of(patched(tmp_path, {"containers": [{"name": "server", "env": removed}]}, serving__env=env))
    assert {one["name"] for one in pod["containers"][0]["env"]} & set(env) == {"OTHER"}


def test_lists_without_names_are_replaced(tmp_path: Path) -> None:
    more: Any = GPU
    pod = pod_of(patched(tmp_path, {"tolerations": [{"key": "a", "operator": "Exists"}]}, **more))
    assert pod["tolerations"] == [{"key": "a", "operator": "Exists"}]


@pytest.mark.parametrize("merge", [None, "json"])
def test_a_json_merge_patch_still_replaces_every_list(merge: str | None, tmp_path: Path) -> None:
    env = [{"name": "ONLY", "value": "x"}]
    whole = pod_of(compiled(tmp_path, spec(serving__env={"LOG_LEVEL": "info"})))["containers"][0]
    server = pod_of(
        patched(tmp_path, {"containers": [{**whole, "env": env}]}, merge, serving__env={"LOG_LEVEL": "info"})
    )
    assert server["containers"][0]["env"] == env


CONTAINERS = "spec.template.spec.containers"
REFUSED = [
    ([{"name": "servr", "tty": True}], f"changes `servr`, which `{CONTAINERS}` does not have"),
    (
        [{"name": "proxy", "image": "registry.example.com/proxy:1"}],
        f"changes `proxy`, which `{CONTAINERS}` does not have",
    ),
    ([{"name": "proxy", "$patch": "delete"}], f"changes `proxy`, which `{CONTAINERS}` does not have"),
    ([{"image": "registry.example.com/proxy:1"}], f"has an item of `{CONTAINERS}` without `name`"),
    ([{"name": "server", "tty": True}, {"name": "server"}], f"has two items `server` of `{CONTAINERS}`"),
    ([{"name": "server", "$patch": "replace"}], "has an unknown `$patch`"),
    ([{"name": "server", "env": [{"name": "NEW"}]}], f"changes `NEW`, which `{CONTAINERS}.[].env` does not have"),
    (
        [{"name": "server", "volumeMounts": [{"mountPath": "/new"}]}],
        f"changes `/new`, which `{CONTAINERS}.[].volumeMounts` does not have",
    ),
    ([{"name": "server", "readinessProbe": 5}], "but it is a mapping"),
]


@pytest.mark.parametrize(("containers", "said"), REFUSED)
def test_a_name_that_does_not_exist_is_no_new_item_unless_it_is_whole(
    containers: Any, said: str, tmp_path: Path
) -> None:
    [found] = told(patched(tmp_path, {"containers": containers}))
    assert found.startswith("MLS038: the patch of the Rollout `fraud` ")
    assert said in found


def test_the_name_that_was_meant_is_the_help(tmp_path: Path) -> None:
    [found] = patched(tmp_path, {"containers": [{"name": "servr", "tty": True}]}).diagnostics
    assert found.help == "write `server`"
    assert "servr" in found.span.file.lines[found.span.line]


LOCKS = [
    ({"containers": [{"name": "server", "tty": True}]}, []),
    ({"containers": [{"name": "download", **SIDECAR, "image": "registry.example.com/other:1"}]}, []),
    ({"initContainers": [{"name": "download", "tty": True}]}, []),
    (
        {"initContainers": [{"name": "download", "image": "registry.example.com/other:1"}]},
        ["platform.images.downloader"],
    ),
    ({"initContainers": [{"name": "download", "$patch": "delete"}]}, ["platform.caBundle.configMap"]),
    ({"volumes": [{"name": "certificates", "emptyDir": {}}]}, ["platform.caBundle.configMap"]),
    (
        {"containers": [{"name": "server", "env": [{"name": "AWS_CA_BUNDLE", "value": "/x"}]}]},
        ["platform.caBundle.configMap"],
    ),
]


@pytest.mark.parametrize(("pod", "broken"), LOCKS)
def test_locks_hold_against_strategic_patches_of_what_they_decide(pod: Any, broken: list[str], tmp_path: Path) -> None:
    body = {
        "apiVersion": "mlspec/v1",
        "kind": "Platform",
        "platform": {
            "caBundle": {"configMap": "company"},
            "policies": {"locked": ["platform.images.downloader", "platform.caBundle.configMap"]},
        },
    }
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(body))
    found = [one.message.split("`")[1] for one in patched(tmp_path, pod).diagnostics if one.id == "MLS014"]
    assert found == broken


def test_a_strategic_patch_cannot_weaken_a_pod(tmp_path: Path) -> None:
    weak = {"containers": [{**SIDECAR, "securityContext": {"privileged": True}}]}
    assert [one.split(":")[0] for one in told(patched(tmp_path, weak))] == ["MLS407"]
