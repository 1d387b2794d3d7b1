"""What is needed at the worst moment, against numbers worked out by hand, and against what is emitted.

A quota that is just enough gives no finding, and one less does.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.diagnostics import Diagnostic
from mlspec.compiler.kinds import pods_of
from mlspec.compiler.plan.budget.quota import QuotaPlan
from mlspec.schema.units import Cores, Memory

from .support import EXAMPLES, MINIMAL, changed, compile_text, dumped, loaded, run
from .validation import load

# Two services, one with accelerators; Triton adds 256 MiB of shared memory to a pod.
SPEC: dict[str, Any] = loaded(f"""
apiVersion: mlspec/v1
kind: MLSystem
metadata: {{name: shop, owner: payments, links: {{runbook: "https://runbooks.example.com/shop"}}}}
problem: {{useCase: Score., task: binary-classification}}
constraints:
  availability: 99%
  throughput: {{mean: 10/s, peak: 20/s}}
model:
  signature:
    inputs: [{{name: amount, dtype: float32}}]
    outputs: [{{name: score, dtype: float32}}]
release:
  version: 1
  artifact: {{uri: "https://models.example.com/1.onnx", format: onnx, digest: "sha256:{"1" * 64}", size: 4Mi}}
services:
  scorer:
    mode: online
    runtime: triton
    serviceTime: {{mean: 10ms}}
    resources: {{cpu: 4, memory: 4Gi}}
    replicas: {{min: 2, max: 6}}
  ranker:
    mode: online
    runtime: triton
    serviceTime: {{mean: 10ms}}
    resources: {{cpu: 2, memory: 8Gi, accelerator: {{type: l4}}}}
    replicas: {{min: 2, max: 3}}
  nightly:
    mode: batch
    image: registry.example.com/score:1
    schedule: "0 4 * * *"
    input: {{uri: "s3://in/{{date}}/"}}
    output: {{uri: "s3://out/{{date}}/"}}
    partitions: 6
    parallel: 4
    resources: {{cpu: 1, memory: 2Gi}}
rollout:
  stages:
    - shadow: {{duration: 10h, replicas: 1}}
    - canary: {{steps: [10%, 60%]}}
training:
  image: registry.example.com/train:1
  resources: {{cpu: 8, memory: 32Gi, accelerator: {{type: a100-80gb, count: 2}}}}
  steps: {{train: {{command: [train]}}}}
""")

ENOUGH = {"accelerators": {"l4": 7, "a100-80gb": 2}, "cpu": 78, "memory": "153Gi", "ephemeralStorage": "31Gi"}


def compiled(tmp_path: Path, quota: object = None, **changes: object) -> mlspec.api.Result:
    tmp_path.mkdir(exist_ok=True)
    platform = {"apiVersion": "mlspec/v1", "kind": "Platform", "platform": {"quota": quota} if quota else {}}
    text = dumped(changed(SPEC, **changes))
    return compile_text(tmp_path, text, platform=dumped(platform))


def plan(tmp_path: Path, quota: object = None, **changes: object) -> QuotaPlan:
    return compiled(tmp_path, quota, **changes)._compiled.environments[0].plan.quota


def found(tmp_path: Path, quota: object, **changes: object) -> list[Diagnostic]:
    return [d for d in compiled(tmp_path, quota, **changes).diagnostics if d.id == "MLS409"]


def needed(made: QuotaPlan) -> dict[str, str]:
    return {path: str(amount.value) for path, amount in made.needed.items()}


def pods(made: QuotaPlan) -> dict[str, int]:
    return {share.name: share.pods.value for share in made.shares}


# By hand


def test_pods_at_the_worst_moment(tmp_path: Path) -> None:
    """The last step sets 60 %, and yet the new version ends with as many pods as the old one has."""
    assert pods(plan(tmp_path)) == {
        "serving scorer": 6,
        "rollout of scorer": 6,
        "shadow of scorer": 1,
        "serving ranker": 3,
        "rollout of ranker": 3,
        "shadow of ranker": 1,
        "batch nightly": 4,
        "training": 1,
    }


def test_the_sums(tmp_path: Path) -> None:
    """Cores: 13 x 4 + 7 x 2 + 4 x 1 + 8 = 78. GiB: 13 x 4.25 + 7 x 8.25 + 4 x 2 + 32 = 153. GiB of disk: 20 x 1.25 for
    Triton, 4 x 0.25 for the model and logs of a batch run, and 5 for training are 31.
    """
    made = plan(tmp_path)
    assert needed(made) == {
        "accelerators.l4": "7",
        "accelerators.a100-80gb": "2",
        "cpu": "78",
        "memory": "153Gi",
        "ephemeralStorage": "31Gi",
    }
    said = "serving ranker 3 x 1 + rollout of ranker 3 x 1 + shadow of ranker 1 x 1"
    assert made.needed["accelerators.l4"].reason == said
    assert made.needed["accelerators.a100-80gb"].reason == "training 1 x 2"


def test_a_search_with_its_own_schedule_runs_beside_a_training_run(tmp_path: Path) -> None:
    """One pod, whatever it tries at once: 78 + 8 = 86 cores, 153 + 32 = 185 GiB, 31 + 5 = 36 GiB, 2 + 2 = 4
    accelerators.
    """
    depth = {"type": "int", "min": 1, "max": 9}
    tuning = {"when": "schedule", "schedule": "0 5 * * 0", "trials": 12, "parallel": 3, "parameters": {"depth": depth}}
    made = plan(tmp_path, training__tuning=tuning)
    assert needed(made) == {
        "accelerators.l4": "7",
        "accelerators.a100-80gb": "4",
        "cpu": "86",
        "memory": "185Gi",
        "ephemeralStorage": "36Gi",
    }
    manual = plan(tmp_path / "manual", training__tuning={**tuning, "when": "manual", "schedule": None})
    assert "tuning" not in pods(manual)


def test_without_traffic_routing_a_rollout_adds_its_surge(tmp_path: Path) -> None:
    """A Deployment adds one pod, or none where it replaces accelerated replicas in their place."""
    made = plan(tmp_path, platform__rollout__provider="none", rollout=None)
    assert pods(made)["rollout of scorer"] == 1
    assert "rollout of ranker" not in pods(made)
    alone = plan(
        tmp_path / "alone",
        platform__rollout__provider="none",
        rollout=None,
        services__ranker__replicas={"min": 1, "max": 3},
    )
    assert pods(alone)["rollout of ranker"] == 1


def test_without_an_autoscaler_the_number_is_the_least(tmp_path: Path) -> None:
    assert pods(plan(tmp_path, platform__autoscaling__provider="none"))["serving scorer"] == 2


def test_a_container_that_runs_first_counts_only_where_it_asks_for_more(tmp_path: Path) -> None:
    """What downloads a model asks for 100m: 13 x 0.1 + 14 + 4 + 8 cores."""
    assert needed(plan(tmp_path, services__scorer__resources__cpu="50m"))["cpu"] == "27300m"


def test_only_what_runs_here_is_counted(tmp_path: Path) -> None:
    environments = {"staging": {"runs": ["training"]}}
    assert pods(plan(tmp_path, environments=environments)) == {"training": 1}


# Against what is emitted


KINDS = ("Rollout", "Deployment", "CronJob", "TrainingRuntime")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_pod_requests_what_its_manifest_says(example: Path) -> None:
    """The larger of what containers request together and of what any that runs before them requests."""
    result = mlspec.compile(example / "mlspec.yaml")
    for environment in result._compiled.environments:
        bodies = [load(file.text) for file in environment.bundle.files()]
        emitted = {_requests(body) for body in bodies if body.get("kind") in KINDS}
        shares = environment.plan.quota.shares
        wanted = {(s.cpu.value.amount, s.memory.value.amount, s.disk.value.amount, _devices(s.each)) for s in shares}
        assert emitted == wanted


def _devices(each: dict[str, Any]) -> int:
    return sum(amount.value for path, amount in each.items() if path.startswith("accelerators."))


def _requests(body: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal, int]:
    pod = (pods_of(body) or {})["spec"]

    def asked(container: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal, int]:
        requests = container["resources"]["requests"]
        cpu, memory = Cores.parse(str(requests["cpu"])).amount, Memory.parse(requests["memory"]).amount
        disk = Memory.parse(requests["ephemeral-storage"]).amount
        return cpu, memory, disk, int(requests.get("nvidia.com/gpu", 0))

    first = pod.get("initContainers", [])
    sidecars = [container for container in first if container.get("restartPolicy") == "Always"]
    before = [asked(container) for container in first if container not in sidecars]
    together = [asked(container) for container in [*pod["containers"], *sidecars]]
    cpu, memory, disk, devices = zip(*before, tuple(map(sum, zip(*together, strict=True))), strict=True)
    return max(cpu), max(memory), max(disk), max(devices)


# The finding


def test_a_quota_that_is_just_enough(tmp_path: Path) -> None:
    assert found(tmp_path, ENOUGH) == []


@pytest.mark.parametrize(
    ("quota", "said"),
    [
        ({"accelerators": {"l4": 6}}, "the system needs 7 x `l4`, but the quota is 6"),
        ({"accelerators": {"a100-80gb": 1}}, "the system needs 2 x `a100-80gb`, but the quota is 1"),
        ({"cpu": "77.999"}, "the system needs 78 cores, but the quota is 77999m"),
        ({"memory": "152Gi"}, "the system needs 153Gi of memory, but the quota is 152Gi"),
        ({"ephemeralStorage": "30Gi"}, "the system needs 31Gi of disk space, but the quota is 30Gi"),
    ],
)
def test_one_less_is_too_little(tmp_path: Path, quota: dict[str, Any], said: str) -> None:
    [diagnostic] = found(tmp_path, {**ENOUGH, **quota})
    assert (diagnostic.message, diagnostic.severity) == (f"at the worst moment {said}", "warning")
    assert [(other.span.file.name.rpartition("/")[2], other.text) for other in diagnostic.others] == [
        ("mlspec.platform.yaml", "the quota")
    ]


def test_what_the_platform_does_not_name_is_not_limited(tmp_path: Path) -> None:
    made = plan(tmp_path, {"accelerators": {"h100": 1}})
    assert made.left == {}


def test_the_help_mends_it(tmp_path: Path) -> None:
    """Of 5 the shadow takes one: two replicas, and two more during a rollout."""
    quota = {"accelerators": {"l4": 5}}
    [diagnostic] = found(tmp_path, quota)
    said = "write `replicas: {max: 2}` for `ranker`, or use another accelerator, or request a quota of `l4: 7`"
    assert diagnostic.help == said
    assert found(tmp_path / "a", quota, services__ranker__replicas={"max": 2}) == []
    assert found(tmp_path / "b", {"accelerators": {"l4": 7}}) == []


def test_fewer_replicas_are_no_help_where_they_would_not_carry_the_peak(tmp_path: Path) -> None:
    """20/s x 10 ms need two replicas; of 3 accelerators one is the shadow's, so one replica could be rolled out."""
    [diagnostic] = found(tmp_path, {"accelerators": {"l4": 3}})
    assert diagnostic.help == "use another accelerator, or request a quota of `l4: 7`"


def test_without_an_autoscaler_the_least_is_what_helps(tmp_path: Path) -> None:
    """Four replicas and their rollout; of five accelerators the shadow takes one."""
    alone = {"services__ranker__replicas": {"min": 4}, "platform__autoscaling__provider": "none"}
    [diagnostic] = found(tmp_path, {"accelerators": {"l4": 5}}, **alone)
    assert diagnostic.help.startswith("write `replicas: {min: 2}` for `ranker`")


def test_fewer_replicas_must_fit_every_quota(tmp_path: Path) -> None:
    """Five accelerators are two replicas and their rollout; 128.25 GiB, less 95.25 for the others and 8.25 for the
    shadow, are three pods of 8.25 GiB: one replica and its rollout, which would not carry the peak.
    """
    [alone] = found(tmp_path / "a", {"accelerators": {"l4": 6}})
    assert alone.help.startswith("write `replicas: {max: 2}` for `ranker`")
    both = found(tmp_path / "b", {"accelerators": {"l4": 6}, "memory": "128.25Gi"})
    assert [d.help.partition(",")[0] for d in both if "`l4`" in d.message] == ["use another accelerator"]


def test_fewer_parts_of_a_batch_run_at_once(tmp_path: Path) -> None:
    """13 x 4 + 7 x 2 + 8 = 74 cores for the others, and of the other 126 three parts of 40."""
    [diagnostic] = found(tmp_path, {"cpu": 200}, services__nightly__resources__cpu="40")
    assert diagnostic.help == "write `parallel: 3` for `nightly`, or request a quota of `cpu: 234`"


def test_a_cluster_has_a_quota_of_its_own(tmp_path: Path) -> None:
    platform = """
        apiVersion: mlspec/v1
        kind: Platform
        platform: {quota: {cpu: 100}}
        clusters: {small: {quota: {cpu: 50}}, large: {}}
    """
    places = {name: {"cluster": name, "runs": ["serving"]} for name in ("small", "large")}
    spec = dumped(changed(SPEC, environments=places, training=None))
    result = compile_text(tmp_path, spec, platform=platform)
    assert [d.environments for d in result.diagnostics if d.id == "MLS409"] == [("small",)]


def test_a_quota_names_what_the_catalog_or_the_platform_knows(tmp_path: Path) -> None:
    """Also of accelerators that the system itself does not use."""
    platform = "apiVersion: mlspec/v1\nkind: Platform\nplatform: {quota: {accelerators: {%s: 2}}}\n"
    assert not compile_text(tmp_path, MINIMAL, platform=platform % "l4").diagnostics
    [unknown] = compile_text(tmp_path, MINIMAL, platform=platform % "l5").diagnostics
    assert (unknown.id, unknown.help.partition(",")[0]) == ("MLS010", "declare `l5` under `platform.accelerators`")


# The memo


def test_the_memo_says_what_is_left(tmp_path: Path) -> None:
    compiled(tmp_path, {**ENOUGH, "cpu": 100})
    said = run("plan", tmp_path / "mlspec.yaml").out
    assert "  Peak resource usage\n" in said
    for line in (
        ("l4", "7 accelerators"),
        ("CPU", "78 cores"),
        ("headroom: l4", "0 accelerators"),
        ("headroom: CPU", "22 cores"),
        ("headroom: memory", "0"),
    ):
        assert any(row.split("  ")[0] == line[0] and line[1] in row for row in map(str.strip, said.splitlines())), line


def test_a_setting_gives_another_quota(tmp_path: Path) -> None:
    compiled(tmp_path)
    said = run("plan", tmp_path / "mlspec.yaml", "--set", "platform.quota.accelerators.l4=9").out
    assert "headroom: l4" in said
    assert "2 accelerators" in said
    assert "CPU" not in said


def test_nothing_is_said_where_nothing_is_scarce(tmp_path: Path) -> None:
    compile_text(tmp_path)
    assert "Peak resource usage" not in run("plan", tmp_path / "mlspec.yaml").out
    assert "Peak resource usage" in run("plan", tmp_path / "mlspec.yaml", "--set", "platform.quota.cpu=9").out


def test_a_number_of_pods_that_the_spec_gives_needs_no_reason(tmp_path: Path) -> None:
    distributed = {"strategy": "data-parallel", "nodes": 2, "processesPerNode": 2}
    [one] = found(tmp_path, {"accelerators": {"a100-80gb": 1}}, training__distributed=distributed)
    assert one.note is not None
    assert one.note.startswith("training 2 x 2; pods over the quota are rejected")
