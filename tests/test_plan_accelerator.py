"""Which accelerator a replica gets when the spec names none, against costs worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.api import Result
from mlspec.compiler.check.effects import reached
from mlspec.compiler.tree import Scalar
from mlspec.schema.hardware import Bandwidth, Compute
from mlspec.schema.units import Quantity, UnitError

from .support import ROOT, dumped, objects
from .test_metamorphic import Examined
from .test_plan_llm import assistant, found, plan


def unnamed(*allowed: str, **changes: object) -> dict[str, Any]:
    """The support assistant with accelerators allowed and none named."""
    spec = assistant(resources__accelerator=None, **changes)
    spec["constraints"]["accelerators"] = list(allowed)
    spec["constraints"].pop("maxReplicas")
    spec["services"]["embedder"]["resources"]["accelerator"] = {"type": allowed[0]} if allowed else None
    return spec


def compiled(tmp_path: Path, spec: dict[str, Any]) -> Result:
    (tmp_path / "mlspec.yaml").write_text(dumped(spec))
    (tmp_path / ".git").mkdir(exist_ok=True)
    return mlspec.compile(tmp_path / "mlspec.yaml")


def pod(result: Result) -> dict[str, Any]:
    """The pod of the chat service."""
    rollouts: list[Any] = objects(result, "Rollout")
    return next(r["spec"]["template"]["spec"] for r in rollouts if r["metadata"]["name"].endswith("chat"))


@pytest.mark.parametrize(
    ("mean", "chosen", "cost"),
    [
        # 0.2/s x 2.852 s / 0.7 = 0.81, so two replicas: 2 x 0.8048 against 2 x 6.88
        ("0.2/s", "l4", "2 replicas x 0.8048 USD/h = 1.61 USD/h"),
        # 20/s x 0.0959 s / 0.7 = 2.74: 3 x 6.88 = 20.64; two L4s take 0.818 s: 24 x 2 x 0.8048 = 38.63
        ("20/s", "h100", "3 replicas x 6.88 USD/h = 20.64 USD/h"),
    ],
)
def test_what_all_replicas_cost_decides(tmp_path: Path, mean: str, chosen: str, cost: str) -> None:
    spec = unnamed("l4", "h100", constraints__throughput={"mean": mean, "peak": mean})
    devices = plan(tmp_path, spec).devices
    assert devices is not None
    assert (devices.type.value, devices.count.value) == (chosen, 1)
    assert devices.type.reason.startswith(f"`{chosen}` is the cheapest that fits and meets the bounds: {cost}; ")
    assert "set `resources.accelerator` to override the choice" in devices.type.reason


def test_what_lost_says_why(tmp_path: Path) -> None:
    spec = unnamed("l4", "h100", constraints__throughput={"mean": "20/s", "peak": "20/s"})
    devices = plan(tmp_path, spec).devices
    assert devices is not None
    assert "; 2 x `l4`: 24 replicas x 2 x 0.8048 USD/h = 38.63 USD/h; " in devices.type.reason
    spec = unnamed("l4", "h100", constraints__throughput={"mean": "0.2/s", "peak": "0.2/s"})
    devices = plan(tmp_path, spec).devices
    assert devices is not None
    assert "; `h100`: 2 replicas x 6.88 USD/h = 13.76 USD/h; " in devices.type.reason


def test_a_bound_between_tokens_takes_a_faster_one(tmp_path: Path) -> None:
    """One token of one sequence takes 92 ms on an L4 and 25 ms on four of them, and 7.8 ms on an H100."""
    spec = unnamed("l4", "h100", constraints__interToken={"p95": "10ms"})
    devices = plan(tmp_path, spec).devices
    assert devices is not None
    assert devices.type.value == "h100"


def test_where_none_keeps_the_bound_the_fastest_is_taken_and_said(tmp_path: Path) -> None:
    spec = unnamed("l4", "l40s", constraints__interToken={"p95": "1ms"})
    devices = plan(tmp_path, spec).devices
    assert devices is not None
    assert devices.type.value == "l40s"
    assert "is the fastest, because none meets the bounds" in devices.type.reason


def test_a_context_that_one_does_not_hold_takes_two(tmp_path: Path) -> None:
    spec = unnamed("l4", llm__tokens={"context": 131_072, "prompt": 2000, "output": 300})
    made = pod(compiled(tmp_path, spec))
    (server,) = made["containers"]
    assert server["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert "--tensor-parallel-size=2" in server["args"]


def test_pods_go_to_the_nodes_of_what_was_chosen(tmp_path: Path) -> None:
    made = pod(compiled(tmp_path, unnamed("h100", "a100-80gb")))
    assert made["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}
    assert made["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in made["tolerations"]


def test_the_spec_overrides_the_choice(tmp_path: Path) -> None:
    spec = unnamed("l4", "h100")
    spec["services"]["chat"]["resources"]["accelerator"] = {"type": "h100", "count": 2}
    devices = plan(tmp_path, spec).devices
    assert devices is not None
    assert (devices.type.value, devices.count.value) == ("h100", 2)


def test_replicas_that_are_not_allowed_rule_one_out(tmp_path: Path) -> None:
    """40/s x 0.0959 s / 0.7 = 5.5 replicas of an H100, and 40/s x 2.852 s / 0.7 = 163 of an L4."""
    spec = unnamed("l4", "h100", constraints__throughput={"mean": "0.2/s", "peak": "40/s"})
    spec["constraints"]["maxReplicas"] = 8
    devices = plan(tmp_path, spec).devices
    assert devices is not None
    assert devices.type.value == "h100"
    assert "`l4`: the peak needs 163 replicas, but `maxReplicas` allows only 8" in devices.type.reason


def test_nodes_that_the_cloud_does_not_name_rule_one_out(tmp_path: Path) -> None:
    platform = {"apiVersion": "mlspec/v1", "kind": "Platform", "platform": {"cloud": "gke"}}
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(platform))
    devices = plan(tmp_path, unnamed("a10g", "h100")).devices
    assert devices is not None
    assert devices.type.value == "h100"
    assert "`a10g`: its node labels on `gke` are unknown" in devices.type.reason


def test_a_price_of_the_platform_changes_the_choice(tmp_path: Path) -> None:
    quiet = {"mean": "0.2/s", "peak": "0.2/s"}
    platform = {
        "apiVersion": "mlspec/v1",
        "kind": "Platform",
        "platform": {"accelerators": {"h100": {"price": "0.5 USD/h"}}},
    }
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(platform))
    devices = plan(tmp_path, unnamed("l4", "h100", constraints__throughput=quiet)).devices
    assert devices is not None
    assert devices.type.value == "h100"


def test_nothing_is_chosen_where_nothing_is_allowed(tmp_path: Path) -> None:
    spec = unnamed()
    spec["constraints"].pop("accelerators")
    assert len(found(tmp_path, spec, "MLS012")) == 1


def test_a_model_of_unknown_shape_is_judged_by_its_files(tmp_path: Path) -> None:
    """16 GiB of files on devices of 16 and 22.5 GiB."""
    small = {"memory": "15360Mi", "price": "0.1 USD/h", "nodeSelector": {"accelerator": "k80"}}
    platform = {"apiVersion": "mlspec/v1", "kind": "Platform", "platform": {"accelerators": {"k80": small}}}
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(platform))
    spec = unnamed("k80", "l4")
    spec["models"]["chat"].pop("llm")
    devices = plan(tmp_path, spec).devices
    assert devices is not None
    assert (devices.type.value, devices.count.value) == ("l4", 1)
    assert "`k80`: 15Gi is less than the 16Gi of files" in devices.type.reason


def test_what_fits_nowhere_is_refused_with_every_sum(tmp_path: Path) -> None:
    spec = unnamed("l4", "a10g")
    spec["models"]["chat"]["llm"] = {"family": "deepseek-v3"}
    (refused,) = found(tmp_path, spec, "MLS408")
    assert "8 x `l4`: does not fit" in refused.note
    assert "8 x `a10g`: does not fit" in refused.note


def test_every_line_about_the_choice_rests_on_what_decided_it(tmp_path: Path) -> None:
    """The price, the memory, the allowed ones, the model and the rate all lead to the node selector."""
    spec = unnamed("l4", "h100")
    devices = plan(tmp_path, spec).devices
    assert devices is not None
    texts = {node.text for node in reached(devices.type) if isinstance(node, Scalar)}
    assert {"0.8048 USD/h", "6.88 USD/h", "23034Mi", "3350 GB/s", "llama-3.1-8b", "h100", "8192", "2/s"} <= texts


@pytest.mark.exhaustive
def test_every_line_that_changes_names_its_cause_where_the_planner_chooses(tmp_path: Path) -> None:
    """Each leaf of a spec that leaves the choice open and was never measured, as for the examples."""
    tokens = {"context": 8192, "system": 300, "history": 500, "prompt": 200, "output": 300}
    retrieval = {"store": "pgvector", "uri": "postgres://a:5432/a", "embedder": "embedder", "chunks": 6}
    bound = {"p95": "150ms"}
    spec = unnamed("l4", "h100", llm__tokens=tokens, llm__retrieval=retrieval, constraints__interToken=bound)
    spec["constraints"]["maxReplicas"] = 40
    layers = {"layers": 32, "kvHeads": 8, "headDim": 128}
    sliding = {"attention": "sliding-window", "slidingWindow": 4096, "globalLayers": 16}
    shape = {"parameters": "8.03B", "embeddingParameters": "1.05B", **layers, **sliding}
    spec["models"]["chat"]["llm"] = {"shape": shape, "window": 131_072}
    spec["models"]["chat"]["optimization"] = {"quantization": {"method": "modelopt", "bits": 8}}
    spec["services"]["chat"]["container"] = {"deviceMemory": {"utilization": "88%", "overhead": "2Gi"}}
    (tmp_path / "mlspec.yaml").write_text(dumped(spec))
    (tmp_path / ".git").mkdir()
    examined = Examined(tmp_path)
    assert not examined.base.compiled.failed
    assert examined.silent == []
    assert [leaf.path for leaf in examined.idle if id(leaf.node) not in examined.warned] == []


@pytest.mark.parametrize(
    ("kind", "text", "amount", "printed"),
    [
        (Bandwidth, "300 GB/s", 300e9, "300 GB/s"),
        (Bandwidth, "3.35 TB/s", 3350e9, "3350 GB/s"),
        (Compute, "121 TFLOP/s", 121e12, "121 TFLOP/s"),
        (Compute, "2250 TFLOP/s", 2250e12, "2250 TFLOP/s"),
    ],
)
def test_units_of_hardware(kind: type[Quantity], text: str, amount: float, printed: str) -> None:
    assert float(kind.parse(text)) == amount
    assert str(kind.parse(text)) == printed


@pytest.mark.parametrize(("kind", "text"), [(Bandwidth, "300"), (Bandwidth, "300 GiB/s"), (Compute, "121 TOPS")])
def test_hardware_without_its_unit_is_refused(kind: type[Quantity], text: str) -> None:
    with pytest.raises(UnitError):
        kind.parse(text)


@pytest.mark.parametrize(("fact", "none"), [("compute", "0 TFLOP/s"), ("bandwidth", "0 MB/s")])
def test_a_device_that_does_nothing_is_refused(fact: str, none: str) -> None:
    """An unmeasured speed is divided by both."""
    settings = ["services.chat.serviceTime=null", f"platform.accelerators.l4.{fact}={none}"]
    told = mlspec.compile(ROOT / "examples" / "support-assistant" / "mlspec.yaml", settings=settings).diagnostics
    assert f"MLS008: an accelerator with {none} is impossible" in [f"{one.id}: {one.message}" for one in told]
