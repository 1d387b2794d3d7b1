"""`mlspec cluster` on a real API server, with a rollout that Argo Rollouts really drives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mlspec

from ..support import EXAMPLES, Ran, run
from .api import Object, path_of
from .control_plane import wait
from .ground import Ground
from .network import Demand
from .systems import PATH, compiled

ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes/digits"
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts/digits"


class System:
    """One system in a namespace of its own; `release` writes its spec for a version."""

    def __init__(self, ground: Ground, namespace: str, folder: Path) -> None:
        self.ground = ground
        self.namespace = namespace
        self.folder = folder
        self.config = ground.plane.kubeconfig("admin")
        ground.namespace(namespace)

    def release(self, version: int, **changes: Any) -> None:
        """Write the spec with a version."""
        compiled(self.folder, self.namespace, release__version=version, **changes)

    def run(self, command: str, *arguments: str) -> Ran:
        """Run a command of `mlspec cluster` on it."""
        return run("cluster", command, self.folder, "--kubeconfig", self.config, *arguments)

    @property
    def weight(self) -> int:
        """The weight of the new version in the live route."""
        refs = self.ground.api.get(ROUTES.format(self.namespace))["spec"]["rules"][0]["backendRefs"]
        return next(int(ref["weight"]) for ref in refs if ref["name"] == "digits-canary")

    @property
    def rollout(self) -> Object:
        """The live Rollout."""
        return self.ground.api.get(ROLLOUTS.format(self.namespace))

    def versions(self) -> dict[str, str]:
        """The resource versions of the objects that no controller changes all the time."""
        namespace, api = self.namespace, self.ground.api
        paths = [f"/api/v1/namespaces/{namespace}/{plural}" for plural in ("services", "configmaps")]
        paths += [f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"]
        paths += [f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes"]
        found = [body for path in paths for body in api.items(path)]
        return {
            f"{body['metadata']['uid']} {body['metadata']['name']}": body["metadata"]["resourceVersion"]
            for body in found
        }


@pytest.fixture(scope="module")
def system(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> System:
    """A system whose first version is applied and healthy."""
    made = System(ground, "by-command", tmp_path_factory.mktemp("by-command"))
    made.release(1)
    ran = made.run("apply")
    assert ran.status == 0, ran
    assert made.rollout["status"]["phase"] == "Healthy"
    assert f"context: ground, namespace: {made.namespace}" in ran.err
    assert "+ Rollout/digits: created" in ran.out
    return made


@pytest.fixture(scope="module")
def moving(system: System) -> Iterator[System]:
    """The same system, with a second version that has 20% of the traffic."""
    system.ground.network.demands[system.namespace] = Demand(PATH, lambda _: 200.0)
    system.release(2)
    ran = system.run("apply", "--no-wait")
    assert ran.status == 0, ran
    wait(lambda: system.weight == 20, "the first step")
    yield system
    system.ground.network.demands.pop(system.namespace)


def test_a_second_apply_changes_nothing(system: System) -> None:
    before = system.versions()
    ran = system.run("apply")
    assert (ran.status, ran.out.partition(":")[0]) == (0, "nothing to change"), ran
    assert system.versions() == before


def test_a_clean_diff_is_0_and_a_changed_field_1(system: System) -> None:
    clean = system.run("diff")
    assert (clean.status, clean.out) == (0, ""), clean
    system.release(1, constraints__throughput={"mean": "200/s", "peak": "900/s"})
    ran = system.run("diff")
    assert ran.status == 1, ran
    assert "~ Rollout/digits: differs" in ran.out
    assert any(line.startswith("+") and "replicas:" in line for line in ran.out.splitlines()), ran.out
    found = json.loads(system.run("diff", "--format", "json").out)
    assert {one["object"]: one["state"] for one in found["objects"]}["Rollout/digits"] == "changed"
    system.release(1)


def test_an_object_that_the_output_no_longer_has_is_listed(system: System) -> None:
    labels = {"app.kubernetes.io/managed-by": "mlspec", "app.kubernetes.io/part-of": "digits"}
    path = f"/api/v1/namespaces/{system.namespace}/services/old"
    body: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "old", "namespace": system.namespace, "labels": labels},
        "spec": {"ports": [{"port": 80}]},
    }
    system.ground.api.apply(body, "someone")
    ran = system.run("diff")
    assert (ran.status, ran.out) == (1, "- Service/old: not in the output any more\n")
    system.ground.api.request("DELETE", path)


def test_a_conflict_names_the_object_the_field_and_the_manager(system: System) -> None:
    ports = [{"name": "http", "port": 8000, "targetPort": 1234, "protocol": "TCP"}]
    body: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "digits", "namespace": system.namespace},
        "spec": {"ports": ports},
    }
    system.ground.api.apply(body, "someone", force=True)
    ran = system.run("apply")
    assert ran.status == 1
    assert "error: Service/digits: `someone` manages .spec.ports" in ran.err
    assert "nothing was applied" in ran.err
    assert system.run("diff").status == 1
    assert system.run("apply", "--force-conflicts").status == 0
    assert system.run("diff").status == 0


def test_nothing_is_applied_if_one_object_would_be_refused(system: System) -> None:
    """The route comes before the Rollout: applied one by one, it would have changed already."""
    target = {"kind": "Rollout", "name": "digits"}
    wrong = {"spec": {"revisionHistoryLimit": "many"}}
    system.release(
        1,
        serving__endpoint={"timeout": "700ms"},
        patches=[{"target": target, "patch": wrong, "reason": "a test"}],
    )
    before = system.versions(), system.rollout["metadata"]["generation"]
    ran = system.run("apply")
    system.release(1)
    assert ran.status == 1, ran
    assert "error: Rollout/digits: " in ran.err
    assert "revisionHistoryLimit" in ran.err
    assert ran.err.endswith("nothing was applied\n")
    assert (system.versions(), system.rollout["metadata"]["generation"]) == before


def test_a_namespace_that_does_not_exist_is_named(ground: Ground, tmp_path: Path) -> None:
    compiled(tmp_path, "nowhere")
    for command in ("apply", "diff"):
        ran = run("cluster", command, tmp_path, "--kubeconfig", ground.plane.kubeconfig("admin"))
        assert ran.status == 1
        assert "the namespace `nowhere` does not exist: create it first" in ran.out + ran.err


def test_someone_without_permission_learns_which_one(ground: Ground, system: System) -> None:
    ran = run("cluster", "apply", system.folder, "--kubeconfig", ground.plane.kubeconfig("scheduler"))
    assert ran.status == 1
    assert 'cannot patch resource "services"' in ran.err or "cannot get resource" in ran.err, ran.err
    assert "ask for the permission" in ran.err


def test_a_wrong_token_is_2_without_a_traceback(ground: Ground, system: System, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(ground.plane.kubeconfig("admin").read_text().replace("token: admin", "token: nonsense"))
    ran = run("cluster", "status", system.folder, "--kubeconfig", config)
    assert ran.status == 2
    assert "does not accept the credentials of context `ground`" in ran.err


def environments() -> Iterator[tuple[Path, str]]:
    """Every environment of every example."""
    for folder in EXAMPLES:
        yield from ((folder, name) for name in mlspec.compile(folder / "mlspec.yaml").environments)


@pytest.fixture
def idle(ground: Ground) -> Iterator[Callable[[str], None]]:
    """Creates namespaces in which nothing gets a pod, until the end of the test."""
    made: list[Object] = []

    def create(namespace: str) -> None:
        ground.namespace(namespace)
        body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-pods", "namespace": namespace}}
        made.append(ground.api.apply({**body, "spec": {"hard": {"pods": "0"}}}))

    yield create
    for body in made:
        ground.api.request("DELETE", path_of({**body, "apiVersion": "v1", "kind": "ResourceQuota"}))


@pytest.mark.parametrize(("folder", "name"), [*environments()], ids=lambda value: getattr(value, "name", value))
def test_every_example_is_applied_and_then_differs_in_nothing(
    ground: Ground, idle: Callable[[str], None], folder: Path, name: str
) -> None:
    """A field that the server drops or rewrites would be a difference forever. No pods: only their objects matter."""
    bundle = mlspec.compile(folder / "mlspec.yaml", environments=[name]).bundles[name]
    for namespace in {body["metadata"]["namespace"] for body in bundle.objects}:
        idle(namespace)
    options = (folder, "--env", name, "--kubeconfig", ground.plane.kubeconfig("admin"))
    first = run("cluster", "apply", *options, "--no-wait")
    assert first.status == 0, first
    diff = run("cluster", "diff", *options)
    assert (diff.status, diff.out) == (0, ""), diff
    again = run("cluster", "apply", *options, "--no-wait")
    assert (again.status, again.out.partition(":")[0]) == (0, "nothing to change"), again
    assert run("cluster", "status", *options).status in (0, 1)


def test_the_status_in_the_middle_of_a_canary_names_share_and_step(moving: System) -> None:
    ran = moving.run("status")
    assert ran.status == 0, ran
    assert "traffic: version 1 (stable) 80%, version 2 (canary) 20%" in ran.out, ran.out
    assert "  step: 2 of " in ran.out, ran.out
    assert f"kubectl argo rollouts abort digits -n {moving.namespace}" in ran.out
    found: dict[str, Any] = json.loads(moving.run("status", "--format", "json").out)
    (rollout,) = [one for one in found["workloads"] if one["kind"] == "Rollout"]
    assert [(share["version"], share["percent"]) for share in rollout["shares"]] == [("1", 80), ("2", 20)]


def test_an_apply_in_the_middle_of_a_canary_leaves_the_weights_alone(moving: System) -> None:
    for arguments in ([], ["--force-conflicts"]):
        ran = moving.run("apply", "--no-wait", *arguments)
        assert ran.status == 0, ran
        assert "Rollout/digits is in the middle of a rollout, so these stay as they are: " in ran.err
        assert "spec.rules of HTTPRoute/digits" in ran.err
        assert moving.weight == 20
    assert moving.run("diff").status == 0
    services = [
        moving.ground.api.get(f"/api/v1/namespaces/{moving.namespace}/services/{name}")
        for name in ("digits", "digits-canary")
    ]
    assert all("rollouts-pod-template-hash" in body["spec"]["selector"] for body in services)


def test_an_apply_that_changes_the_route_in_the_middle_of_a_canary_is_refused(moving: System) -> None:
    moving.release(2, serving__endpoint={"timeout": "700ms"})
    ran = moving.run("apply", "--no-wait")
    moving.release(2)
    assert ran.status == 1, ran
    assert "HTTPRoute/digits: the output changes `spec.rules`" in ran.err
    assert "nothing was applied" in ran.err


def test_a_wait_that_ends_too_early_says_what_the_rollout_does(moving: System) -> None:
    ran = moving.run("apply", "--timeout", "2s")
    assert ran.status == 1
    assert "error: Rollout/digits is not rolled out after 2s" in ran.err


def test_a_newer_version_in_the_middle_of_a_canary_starts_with_the_first_step(moving: System) -> None:
    moving.release(3)
    ran = moving.run("apply", "--no-wait")
    assert (ran.status, moving.weight in (0, 20)) == (0, True), ran
    assert "~ Rollout/digits: changed" in ran.out
    wait(lambda: "version 3 (canary) 20%" in moving.run("status").out, "the first step of version 3", every=2)


def test_the_plain_patch_rolls_back_and_the_status_says_so(moving: System) -> None:
    found = json.loads(moving.run("status", "--format", "json").out)
    (rollout,) = [one for one in found["workloads"] if one["kind"] == "Rollout"]
    command = next(one for one in rollout["commands"] if "abort" in one["line"])
    patch = command["patch"].partition("-p '")[2].rstrip("'")
    moving.ground.api.merge(f"{ROLLOUTS.format(moving.namespace)}/status", json.loads(patch))
    wait(lambda: moving.rollout["status"].get("phase") == "Degraded" and moving.weight == 0, "the rollback")
    ran = moving.run("status")
    assert ran.status == 1
    assert "Rollout/digits: degraded: the new version was rolled back" in ran.out
    assert moving.run("apply").status == 1


def test_after_a_rollback_a_new_version_can_be_applied(moving: System) -> None:
    moving.release(4)
    assert moving.run("apply", "--no-wait").status == 0
    wait(lambda: moving.weight == 20, "the first step of version 4")
