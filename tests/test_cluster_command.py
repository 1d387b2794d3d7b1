"""`mlspec cluster` against an API server in memory: order, refusals, conflicts, waiting, and what is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mlspec.targets.live import rollouts
from mlspec.targets.registry import BACKENDS
from mlspec.terminal.cluster import apply as applying
from mlspec.terminal.cluster.access import Cluster, ClusterError, Object, RefusedError
from mlspec.terminal.cluster.hold import Holds, sent
from mlspec.terminal.cluster.order import KINDS, ordered
from mlspec.terminal.commands import cluster as command

from .apiserver import ApiServer
from .support import DOMAIN, EXAMPLES, ROOT, Ran, dumped, loaded, minimal, run

NAMESPACE = "digit-reader"
NAME = "digit-reader"
ROLLOUT, ROUTE = f"Rollout/{NAME}", f"HTTPRoute/{NAME}"
STABLE, CANARY = f"Service/{NAME}", f"Service/{NAME}-canary"
HASH = "rollouts-pod-template-hash"


class Ground:
    """A spec, an API server, and a controller that rolls everything out at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = ApiServer("default")
        self.server.after = self.roll_out
        (folder / ".git").mkdir()
        self.write()

    def write(self, **changes: object) -> None:
        """Write the spec."""
        (self.folder / "mlspec.yaml").write_text(minimal(**changes))

    def run(self, name: str, *arguments: str) -> Ran:
        """Run a command of `mlspec cluster`."""
        return run("cluster", name, self.folder, *arguments)

    def roll_out(self, body: Object) -> None:
        """Do what Argo Rollouts does when a Rollout is created or becomes stable."""
        if body["kind"] == "Rollout":
            seen = str(body["metadata"]["generation"])
            status: Object = {
                "observedGeneration": seen,
                "phase": "Healthy",
                "stableRS": "aaa",
                "currentPodHash": "aaa",
            }
            if body.get("status") != status:
                self.server.status(ROLLOUT, **status)

    def move(self, weight: int = 20) -> None:
        """Put the Rollout into the middle of a canary: the controller has changed selectors and weights."""
        self.server.after = lambda _: None
        for at, hash_ in ((STABLE, "aaa"), (CANARY, "bbb")):
            own = self.server.objects[at]["spec"].get("selector") or {}
            self.server.update(at, "argo-rollouts", ("spec", "selector"), {**own, HASH: hash_})
        rules = json.loads(json.dumps(self.server.objects[ROUTE]["spec"]["rules"]))
        for ref in rules[0]["backendRefs"]:
            ref["weight"] = weight if ref["name"].endswith("-canary") else 100 - weight
        if weight:
            self.server.update(ROUTE, "gatewayAPI", ("spec", "rules"), rules)
        generation = str(self.server.objects[ROLLOUT]["metadata"]["generation"])
        self.server.status(
            ROLLOUT,
            observedGeneration=generation,
            phase="Progressing",
            message="more replicas need to be updated",
            stableRS="aaa",
            currentPodHash="bbb",
            currentStepIndex=1,
        )

    @property
    def weights(self) -> list[int]:
        """The live weights."""
        return [ref["weight"] for ref in self.server.objects[ROUTE]["spec"]["rules"][0]["backendRefs"]]


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    made = Ground(tmp_path)
    monkeypatch.setattr(command, "connect", lambda *_: Cluster(made.server, "test"))
    monkeypatch.setattr(applying, "PAUSE", 0.0)
    return made


@pytest.fixture
def live(ground: Ground) -> Ground:
    """The same, with everything applied."""
    assert ground.run("apply").status == 0
    ground.server.applied.clear()
    ground.server.tried.clear()
    return ground


# Apply


def test_everything_is_tried_before_the_first_object_is_applied(ground: Ground) -> None:
    seen: list[int] = []
    ground.server.before = lambda _: seen.append(len(ground.server.tried))
    ran = ground.run("apply")
    assert ran.status == 0, ran
    assert "context: test, namespace: default" in ran.err
    assert ground.server.tried == ground.server.applied
    assert set(seen) == {len(ground.server.applied)}
    assert f"+ {ROLLOUT}: created\n" in ran.out
    assert ran.out.endswith(f"{len(seen)} created, 0 changed, 0 unchanged\n")


def test_what_others_refer_to_comes_first(ground: Ground) -> None:
    ground.run("apply")
    kinds = [name.split("/")[0] for name in ground.server.applied]
    known = [kind for _, kind in KINDS]
    assert kinds == sorted(kinds, key=known.index)
    for first, later in (
        ("ServiceAccount", "Rollout"),
        ("ConfigMap", "Rollout"),
        ("Service", "Rollout"),
        ("AnalysisTemplate", "Rollout"),
        ("HTTPRoute", "Rollout"),
        ("Rollout", "PodDisruptionBudget"),
    ):
        assert kinds.index(first) < kinds.index(later)


def test_every_kind_that_mlspec_writes_has_a_place_in_the_order() -> None:
    known = {kind for _, kind in KINDS}
    assert set(BACKENDS.kinds) - {"Application", "Kustomization"} <= known, "a GitOps tool reads those two"
    for example in EXAMPLES:
        for file in example.glob("out/**/*.yaml"):
            body = loaded(file.read_text())
            assert "kustomization" in file.name or "kind" not in body or (body["apiVersion"], body["kind"]) in KINDS


def test_kinds_of_plugins_come_before_the_workloads() -> None:
    bodies = [{"kind": kind, "metadata": {"name": "x"}} for kind in ("CronJob", "Deployment", "Quota", "Service")]
    assert [body["kind"] for body in ordered(bodies)] == ["Service", "Quota", "Deployment", "CronJob"]


def test_a_second_run_changes_nothing_and_says_so(live: Ground) -> None:
    before = {at: body["metadata"]["resourceVersion"] for at, body in live.server.objects.items()}
    ran = live.run("apply")
    assert ran.status == 0
    assert ran.out == f"nothing to change: {len(before)} objects are up to date\n"
    assert {at: body["metadata"]["resourceVersion"] for at, body in live.server.objects.items()} == before


def test_nothing_is_applied_if_one_object_would_be_refused(ground: Ground) -> None:
    ground.server.refusals[ROLLOUT] = RefusedError(422, "spec.replicas: Invalid value: 0")
    ground.server.refusals[ROUTE] = RefusedError(403, "httproutes is forbidden: User x cannot patch")
    ran = ground.run("apply")
    assert (ran.status, ran.out, ground.server.applied) == (1, "", [])
    assert f"error: {ROLLOUT}: spec.replicas: Invalid value: 0\n" in ran.err
    assert "ask for the permission, or use another --context" in ran.err
    assert ran.err.endswith("nothing was applied\n")


def test_an_object_that_is_refused_only_when_it_is_applied_is_named(ground: Ground) -> None:
    def refuse(at: str) -> None:
        if at == ROUTE:
            ground.server.refusals[at] = RefusedError(500, "the webhook failed")

    ground.server.before = refuse
    ran = ground.run("apply")
    assert ran.status == 1
    assert f"error: {ROUTE}: the webhook failed" in ran.err
    assert f"{len(ground.server.applied)} objects were applied before this one" in ran.err


def test_a_missing_namespace_is_said_once(ground: Ground) -> None:
    ground.server.namespace = "elsewhere"
    ran = ground.run("apply")
    assert ran.status == 1
    assert ran.err.count("the namespace `default` does not exist: create it first") == 1


def test_a_kind_that_the_cluster_does_not_know_says_what_to_install(ground: Ground) -> None:
    ground.server.missing = "argoproj.io/v1alpha1"
    ran = ground.run("apply")
    assert ran.status == 1
    assert f"error: {ROLLOUT}: the cluster has no Rollout in argoproj.io/v1alpha1: install what defines it" in ran.err


def test_a_conflict_names_object_field_and_manager_and_is_refused_unless_forced(live: Ground) -> None:
    live.server.update(ROLLOUT, "kubectl-edit", ("spec", "revisionHistoryLimit"), 99)
    ran = live.run("apply")
    assert (ran.status, live.server.applied) == (1, [])
    assert f"error: {ROLLOUT}: `kubectl-edit` manages .spec.revisionHistoryLimit\n" in ran.err
    assert "--force-conflicts" in ran.err
    forced = live.run("apply", "--force-conflicts")
    assert forced.status == 0
    assert f"~ {ROLLOUT}: changed" in forced.out
    assert live.server.objects[ROLLOUT]["spec"]["revisionHistoryLimit"] != 99


def test_a_warning_of_the_server_is_shown_once(ground: Ground) -> None:
    ground.server.warnings += ["policy/v1beta1 is deprecated", "policy/v1beta1 is deprecated"]
    assert ground.run("apply").err.count("warning: the API server says: policy/v1beta1 is deprecated\n") == 1


def test_old_configuration_is_never_deleted(live: Ground) -> None:
    configs = {at for at in live.server.objects if at.startswith("ConfigMap/")}
    live.write(constraints__throughput={"mean": "100/s", "peak": "900/s"})
    assert live.run("apply").status == 0
    assert configs <= live.server.objects.keys()


# In the middle of a rollout


@pytest.mark.parametrize("arguments", [[], ["--force-conflicts"]])
def test_weights_and_selectors_stay_with_the_controller(live: Ground, arguments: list[str]) -> None:
    live.move()
    ran = live.run("apply", "--no-wait", *arguments)
    assert ran.status == 0, ran
    assert live.weights == [80, 20]
    assert live.server.objects[STABLE]["spec"]["selector"][HASH] == "aaa"
    assert live.server.objects[CANARY]["spec"]["selector"][HASH] == "bbb"
    said = [line for line in ran.err.splitlines() if "middle of a rollout" in line]
    assert len(said) == 1
    assert said[0].startswith(f"{ROLLOUT} is in the middle of a rollout, so these stay as they are: ")
    assert f"spec.rules of {ROUTE}" in said[0]


def test_rules_that_mlspec_still_owns_are_sent_as_they_are(live: Ground) -> None:
    """Leaving them out would remove them: the controller has not changed them before its first step."""
    live.move(weight=0)
    before = live.server.objects[ROUTE]["spec"]["rules"]
    assert live.run("apply", "--no-wait").status == 0
    assert live.server.objects[ROUTE]["spec"]["rules"] == before


def test_a_weight_that_changes_between_reading_and_applying_is_not_set_back(live: Ground) -> None:
    live.move(weight=0)

    def step(at: str) -> None:
        if at == ROUTE and live.weights == [100, 0]:
            live.move(weight=20)

    live.server.before = step
    assert live.run("apply", "--no-wait").status == 0
    assert live.weights == [80, 20]


def test_other_changes_of_the_route_are_refused_until_the_rollout_ends(live: Ground) -> None:
    live.move()
    live.write(serving__endpoint={"timeout": "700ms"})
    for arguments in ([], ["--force-conflicts"]):
        ran = live.run("apply", "--no-wait", *arguments)
        assert (ran.status, live.server.applied) == (1, [])
        assert f"error: {ROUTE}: the output changes `spec.rules`, and {ROLLOUT} is in the middle" in ran.err
        assert f"kubectl argo rollouts abort {NAME} -n default" in ran.err
    ran = live.run("diff")
    assert ran.status == 1
    assert "700ms" in ran.out
    assert "weight" not in "".join(line for line in ran.out.splitlines() if line[:1] in "+-")


def test_after_a_rollout_the_route_can_change_although_the_controller_owns_it(live: Ground) -> None:
    live.move()
    rules = json.loads(json.dumps(live.server.objects[ROUTE]["spec"]["rules"]))
    rules[0]["backendRefs"][0]["weight"], rules[0]["backendRefs"][1]["weight"] = 100, 0
    live.server.update(ROUTE, "gatewayAPI", ("spec", "rules"), rules)
    live.server.after = live.roll_out
    live.roll_out(live.server.objects[ROLLOUT])
    live.write(serving__endpoint={"timeout": "700ms"})
    assert live.run("apply").status == 0
    assert live.server.objects[ROUTE]["spec"]["rules"][0]["timeouts"]["request"] == "700ms"


def test_the_controllers_key_stays_in_selectors_between_rollouts(live: Ground) -> None:
    own = live.server.objects[STABLE]["spec"].get("selector") or {}
    live.server.update(STABLE, "argo-rollouts", ("spec", "selector"), {**own, HASH: "aaa"})
    assert live.run("diff").status == 0
    ran = live.run("apply")
    assert (ran.status, ran.out.partition(":")[0]) == (0, "nothing to change"), ran
    assert live.server.objects[STABLE]["spec"]["selector"] == {**own, HASH: "aaa"}


@pytest.mark.parametrize("moving", [False, True])
def test_a_selector_that_the_output_leaves_to_the_controller_is_not_removed(live: Ground, moving: bool) -> None:
    """mlspec may still own the selector that an earlier version of it wrote."""
    if moving:
        live.move()
    service, rollout = (json.loads(json.dumps(live.server.objects[at])) for at in (STABLE, ROLLOUT))
    service["metadata"] = {"name": NAME, "namespace": "default"}
    service["spec"]["selector"] = before = {"app": "x", HASH: "aaa"}
    cluster = Cluster(live.server, "test")
    cluster.apply(service, force=True)
    del service["spec"]["selector"]
    sent(cluster, Holds(cluster, [rollout]).prepare(service))
    assert live.server.objects[STABLE]["spec"]["selector"] == before


# Waiting


def stays(ground: Ground, **status: Any) -> None:
    """Let the Rollout keep a status after it is applied."""

    def set_(body: Object) -> None:
        if body["kind"] == "Rollout":
            seen = {"observedGeneration": str(body["metadata"]["generation"]), "stableRS": "aaa"}
            ground.server.status(ROLLOUT, **{**seen, "currentPodHash": "bbb", **status})

    ground.server.after = set_


def test_a_rollout_that_never_becomes_healthy_ends_at_the_deadline(ground: Ground) -> None:
    stays(ground, phase="Progressing", message="more replicas need to be updated")
    ran = ground.run("apply", "--timeout", "50ms")
    assert ran.status == 1
    assert f"error: {ROLLOUT} is not rolled out after 50ms" in ran.err
    assert "message: more replicas need to be updated" in ran.out


def test_a_rollout_that_waits_for_a_person_ends_the_wait(ground: Ground) -> None:
    pause = {"reason": "InconclusiveAnalysisRun", "startTime": "2026-11-26T10:00:00Z"}
    stays(ground, phase="Paused", pauseConditions=[pause], controllerPause=True, currentStepIndex=1)
    ran = ground.run("apply")
    assert ran.status == 1
    assert f"{ROLLOUT}: waiting: an analysis could not judge the new version: you decide" in ran.out
    assert f"kubectl argo rollouts promote {NAME} -n default" in ran.out


def test_a_rollback_ends_the_wait(ground: Ground) -> None:
    stays(ground, phase="Degraded", abort=True, message="RolloutAborted: metric availability failed")
    ran = ground.run("apply")
    assert ran.status == 1
    assert f"{ROLLOUT}: degraded: the new version was rolled back" in ran.out
    assert "message: RolloutAborted: metric availability failed" in ran.out
    assert f"kubectl argo rollouts retry rollout {NAME}" in ran.out


def test_without_waiting_the_state_does_not_matter(ground: Ground) -> None:
    stays(ground, phase="Degraded", abort=True)
    assert ground.run("apply", "--no-wait").status == 0


def test_a_status_of_an_older_generation_does_not_end_the_wait(ground: Ground) -> None:
    stays(ground, phase="Healthy", observedGeneration="0", currentPodHash="aaa")
    ran = ground.run("apply", "--timeout", "50ms")
    assert ran.status == 1
    assert "waits for Argo Rollouts to notice the change" in ran.err


def test_a_short_outage_does_not_end_the_wait(live: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, left = live.server.request, [3]

    def fail(method: str, path: str, *more: Any, **query: Any) -> Object:
        if len(live.server.applied) == len(live.server.objects) and left[0]:
            left[0] -= 1
            raise ClusterError("the connection was reset")
        return answer(method, path, *more, **query)

    monkeypatch.setattr(live.server, "request", fail)
    assert live.run("apply").status == 0
    assert left == [0]


def test_a_workload_that_was_never_seen_is_not_ready(live: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = live.server.request

    def fail(method: str, path: str, *more: Any, **query: Any) -> Object:
        if len(live.server.applied) == len(live.server.objects):
            raise ClusterError("the connection was reset")
        return answer(method, path, *more, **query)

    monkeypatch.setattr(live.server, "request", fail)
    for timeout in ("0s", "10m"):
        live.server.applied.clear()
        ran = live.run("apply", "--timeout", timeout)
        assert (ran.status, "the connection was reset" in ran.err) == (2, True)


# Diff


def test_an_empty_cluster_lacks_everything(ground: Ground) -> None:
    ran = ground.run("diff")
    assert ran.status == 1
    assert f"+ {ROLLOUT}: not in the cluster\n" in ran.out
    assert "objects differ from what " in ran.err
    assert ground.server.applied == []


def test_a_diff_shows_the_changed_fields_and_nothing_else(live: Ground) -> None:
    clean = live.run("diff")
    assert (clean.status, clean.out) == (0, "")
    assert "objects are up to date" in clean.err
    live.server.update(ROLLOUT, "kubectl-edit", ("spec", "revisionHistoryLimit"), 99)
    ran = live.run("diff")
    assert ran.status == 1
    assert f"~ {ROLLOUT}: differs\n" in ran.out
    assert f"note: {ROLLOUT}: `kubectl-edit` manages .spec.revisionHistoryLimit: apply it with --force-con" in ran.out
    changed = [line for line in ran.out.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert len(changed) == 2, changed
    assert changed[0] == "-  revisionHistoryLimit: 99"


def test_what_the_output_no_longer_has_is_listed(live: Ground) -> None:
    labels = {"app.kubernetes.io/managed-by": "mlspec", "app.kubernetes.io/part-of": NAME}
    for kind, name, more in (
        ("Service", "old", {}),
        ("ConfigMap", "config-old", {"immutable": True}),
        ("Service", "owned", {}),
    ):
        metadata: Object = {"name": name, "namespace": "default", "labels": labels, "managedFields": []}
        if name == "owned":
            metadata["ownerReferences"] = [{"kind": "Rollout"}]
        live.server.objects[f"{kind}/{name}"] = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}
    ran = live.run("diff")
    assert ran.status == 1
    assert "- Service/old: not in the output any more\n" in ran.out
    assert "  ConfigMap/config-old: not in the output any more, but kept" in ran.out
    assert "owned" not in ran.out
    del live.server.objects["Service/old"]
    assert live.run("diff").status == 0


def test_a_diff_as_json_has_every_object(live: Ground) -> None:
    live.server.update(ROLLOUT, "kubectl-edit", ("spec", "revisionHistoryLimit"), 99)
    found = json.loads(live.run("diff", "--format", "json").out)
    assert (found["version"], found["context"], found["namespace"]) == (1, "test", "default")
    states = {one["object"]: one["state"] for one in found["objects"]}
    assert states.pop(ROLLOUT) == "changed"
    assert set(states.values()) == {"unchanged"}


def test_the_values_of_a_secret_are_not_printed() -> None:
    from mlspec.terminal.cluster.fields import fields

    secret = {"kind": "Secret", "metadata": {"name": "x", "uid": "1"}, "data": {"password": "aHVudGVyMg=="}}
    assert "aHVudGVyMg==" not in str(fields(secret))
    assert fields(secret) != fields({**secret, "data": {"password": "b3RoZXI="}})


# Status


def test_the_status_of_an_empty_cluster_is_missing(ground: Ground) -> None:
    ran = ground.run("status")
    assert ran.status == 1
    assert f"{ROLLOUT}: missing: not in the cluster\n" in ran.out


def test_the_status_of_a_canary_names_its_shares_and_its_step(live: Ground) -> None:
    live.move()
    ran = live.run("status")
    assert ran.status == 0
    assert "aaa (stable) 80%" in ran.out
    assert "(canary) 20%" in ran.out
    assert "  step: 2 of " in ran.out
    found = json.loads(live.run("status", "--format", "json").out)
    assert (found["version"], found["context"]) == (1, "test")
    (one,) = [one for one in found["workloads"] if one["kind"] == "Rollout"]
    assert [share["percent"] for share in one["shares"]] == [80, 20]


def test_text_from_the_cluster_cannot_control_the_terminal(live: Ground) -> None:
    live.move()
    live.server.objects[ROLLOUT]["status"]["message"] = "\x1b[2Jgone"
    ran = live.run("status")
    assert "gone" in ran.out
    assert "\x1b" not in ran.out
    live.server.refusals[ROUTE] = RefusedError(422, "\x1b[2Jgone")
    assert "\x1b" not in live.run("apply").err


# Usage and access


def test_exactly_one_environment_is_needed(ground: Ground) -> None:
    ground.write(environments={"staging": {}, "production": {}}, **DOMAIN)
    ran = ground.run("apply")
    assert (ran.status, ground.server.tried) == (2, [])
    assert "choose one with --env: `staging` or `production`" in ran.err
    assert ground.run("apply", "--env", "staging", "--env", "production").status == 2
    assert ground.run("apply", "--env", "nowhere").status == 2
    ground.server.namespace = "staging"
    assert ground.run("apply", "--env", "staging").status == 0


def test_a_spec_with_errors_is_not_applied(ground: Ground) -> None:
    ground.write(constraints__availability=99.5)
    for name in ("apply", "diff", "status"):
        ran = ground.run(name)
        assert ran.status == 1
        assert "error[MLS006]" in ran.err
    assert ground.server.tried == []


def test_one_spec_at_a_time(ground: Ground) -> None:
    (ground.folder / "other.mlspec.yaml").write_text(
        minimal(metadata__name="other", serving__endpoint={"hosts": ["other.example.com"]})
    )
    ran = ground.run("diff")
    assert ran.status == 2
    assert "works on one spec at a time" in ran.err


def test_a_timeout_needs_a_unit(ground: Ground) -> None:
    ran = ground.run("apply", "--timeout", "10")
    assert ran.status == 2
    assert "--timeout `10` has no unit: write `10ms`, `10s`, `10m`, `10h`, or `10d`" in ran.err


def test_an_unreachable_cluster_is_2(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ClusterError("the API server cannot be reached")

    monkeypatch.setattr(ground.server, "request", fail)
    for name in ("apply", "diff", "status"):
        ran = ground.run(name)
        assert ran.status == 2
        assert "error: the API server cannot be reached\n" in ran.err


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec, and no cluster in the environment."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(minimal())
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def kubeconfig(folder: Path, server: str = "https://127.0.0.1:1") -> Path:
    path = folder / "config"
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "x"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "mine"}}],
        "current-context": "here",
    }
    path.write_text(dumped(body))
    return path


def test_without_the_package_the_command_says_what_to_install(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    ran = run("cluster", "status", spec)
    assert ran.status == 2
    assert "run `pip install 'mlspec-compiler[cluster]'`" in ran.err


def test_without_a_kubeconfig_the_command_says_where_it_looked(spec: Path) -> None:
    ran = run("cluster", "status", spec)
    assert ran.status == 2
    assert f"there is no kubeconfig at {spec}/.kube/config: pass --kubeconfig FILE" in ran.err


def test_a_context_that_does_not_exist_lists_the_others(spec: Path) -> None:
    ran = run("cluster", "status", spec, "--kubeconfig", kubeconfig(spec), "--context", "prod")
    assert ran.status == 2
    assert "the kubeconfig has no context `prod`: choose with --context; it has `here`" in ran.err


@pytest.mark.parametrize("text", ["", "nonsense", "a: [", "[]", "current-context: x\n"])
def test_an_invalid_kubeconfig_is_one_line(spec: Path, text: str) -> None:
    (spec / "config").write_text(text)
    ran = run("cluster", "status", spec, "--kubeconfig", spec / "config")
    assert ran.status == 2
    assert len([line for line in ran.err.splitlines() if line.startswith("error: ")]) == 1


def test_a_server_that_does_not_answer_is_one_line(spec: Path) -> None:
    ran = run("cluster", "status", spec, "--kubeconfig", kubeconfig(spec))
    assert ran.status == 2
    assert "error: the API server https://127.0.0.1:1 of context `here` cannot be reached: " in ran.err
    assert "kubectl --context here get --raw /readyz" in ran.err


def test_the_examples_of_the_page_are_those_of_the_program() -> None:
    page = (ROOT / "docs" / "cluster.md").read_text()
    for word in ("--force-conflicts", "--no-wait", "--timeout", "[cluster]"):
        assert word in page
    assert rollouts.HASH == HASH
