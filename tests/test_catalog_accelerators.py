"""The accelerators of the catalog: parts against their devices, and the nodes that each cloud has of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.schema.hardware import Bandwidth, Compute
from mlspec.schema.money import HourlyPrice
from mlspec.schema.units import Memory

from . import batch, retraining
from .online import DIGEST, compiled, emitted, refused, spec
from .support import ROOT, dumped, loaded
from .test_metamorphic import Examined, those
from .test_plan_accelerator import unnamed
from .test_plan_llm import found, plan

CATALOG = ROOT / "compiler" / "catalog"
DEVICES: dict[str, Any] = loaded((CATALOG / "accelerators.yaml").read_text())
SLICES: dict[str, Any] = loaded((CATALOG / "slices.yaml").read_text())

PARTS = {
    # of the eighths of its memory, of its multiprocessors, how many fit on it
    "a100-40gb-1g-5gb": ("a100-40gb", 1, (14, 108), 7),
    "a100-40gb-1g-10gb": ("a100-40gb", 2, (14, 108), 4),
    "a100-40gb-2g-10gb": ("a100-40gb", 2, (28, 108), 3),
    "a100-40gb-3g-20gb": ("a100-40gb", 4, (42, 108), 2),
    "a100-80gb-1g-10gb": ("a100-80gb", 1, (14, 108), 7),
    "a100-80gb-1g-20gb": ("a100-80gb", 2, (14, 108), 4),
    "a100-80gb-2g-20gb": ("a100-80gb", 2, (28, 108), 3),
    "a100-80gb-3g-40gb": ("a100-80gb", 4, (42, 108), 2),
    "h100-1g-10gb": ("h100", 1, (16, 132), 7),
    "h100-1g-20gb": ("h100", 2, (26, 132), 4),
    "h100-2g-20gb": ("h100", 2, (32, 132), 3),
    "h100-3g-40gb": ("h100", 4, (60, 132), 2),
    "h200-1g-18gb": ("h200", 1, (16, 132), 7),
    "h200-1g-35gb": ("h200", 2, (26, 132), 4),
    "h200-2g-35gb": ("h200", 2, (32, 132), 3),
    "h200-3g-71gb": ("h200", 4, (60, 132), 2),
    "b200-1g-23gb": ("b200", 1, (18, 148), 7),
    "b200-1g-45gb": ("b200", 2, (30, 148), 4),
    "b200-2g-45gb": ("b200", 2, (36, 148), 3),
}
"""NVIDIA's user guide of MIG, and what `nvidia-smi mig -lgip` lists."""

NOT_ON_GKE = {"a100-40gb-1g-10gb", "a100-80gb-1g-20gb"}
"""Its partitioner knows 1g with twice the memory from H100 on, and cuts an eighth for the 1g.10gb of any A100."""

CLOUDS = ("gke", "eks", "eks-auto", "aks", "openshift", "none")
TAINTS = [
    {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"},
]
SLICE = "a100-80gb-2g-20gb"
GFD = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}

WITHOUT_PRICE = {"a10", "a30", "tpu-v5e"}
"""No price of a whole device is known: Azure sells parts of an A10, and no large cloud sells an A30."""

OF_ONE_CLOUD = {"tpu-v5e", "tpu-v6e", "inferentia2"}

# The catalog


def test_every_slice_of_the_catalog_is_checked_here() -> None:
    assert set(SLICES) == set(PARTS)
    assert not set(SLICES) & set(DEVICES)


@pytest.mark.parametrize("name", PARTS)
def test_a_slice_is_its_part_of_the_device(name: str) -> None:
    parent, eighths, (own, all_), fit = PARTS[name]
    part, device = SLICES[name], DEVICES[parent]
    profile = part["resource"].removeprefix("nvidia.com/mig-")
    assert name == f"{parent}-{profile.replace('.', '-')}"
    assert part["slice"] is True
    bandwidth, compute = float(Bandwidth.parse(device["bandwidth"])), float(Compute.parse(device["compute"]))
    assert float(Bandwidth.parse(part["bandwidth"])) == pytest.approx(bandwidth * eighths / 8, abs=0.05e9)
    assert float(Compute.parse(part["compute"])) == pytest.approx(compute * own / all_, abs=0.05e12)
    price = float(HourlyPrice.parse(device["price"]).amount) / fit
    assert float(HourlyPrice.parse(part["price"]).amount) == pytest.approx(price, abs=0.00005)
    share = float(Memory.parse(part["memory"])) / float(Memory.parse(device["memory"]))
    assert 0.9 * eighths / 8 < share < eighths / 8, "the driver keeps some of it, and never gives more"


@pytest.mark.parametrize("name", PARTS)
def test_a_slice_is_found_where_its_device_is(name: str) -> None:
    """The device's product label stays with the strategy `mixed`; GKE says the size of the part by a label."""
    part, device = SLICES[name], DEVICES[PARTS[name][0]]
    profile = part["resource"].removeprefix("nvidia.com/mig-")
    product = device["selectors"]["none"]
    assert part["selectors"]["none"] == part["selectors"]["eks"] == product
    assert ("gke" in part["selectors"]) is (name not in NOT_ON_GKE)
    if name not in NOT_ON_GKE:
        size = {"cloud.google.com/gke-gpu-partition-size": profile}
        assert part["selectors"]["gke"] == {**device["selectors"]["gke"], **size}
        assert part["resources"] == {"gke": "nvidia.com/gpu"}
    assert part["selectors"].get("aks") == device["selectors"].get("aks")
    assert part["tolerations"] == device["tolerations"]


@pytest.mark.parametrize("name", [*DEVICES, *SLICES])
def test_every_entry_has_all_facts_with_date_and_source(name: str) -> None:
    entry = {**DEVICES, **SLICES}[name]
    assert entry.keys() >= {"memory", "bandwidth", "compute", "selectors", "tolerations"}
    assert ("price" in entry) is (name not in WITHOUT_PRICE)
    assert ("perNode" in entry) is (name in DEVICES), "a pod gets one slice"
    assert entry["source"].startswith("https://")
    assert entry["checked"].isoformat() >= "2026-11-01"
    assert ("none" in entry["selectors"]) is (name not in OF_ONE_CLOUD)
    assert set(entry["selectors"]) <= set(CLOUDS)


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("l4", 23034),
        ("a10g", 23028),
        ("l40s", 46068),
        ("a100-40gb", 40960),
        ("a100-80gb", 81920),
        ("h100", 81559),
        ("h100-nvl", 95830),
        ("h200", 143771),
        ("b200", 183359),
        ("b300", 275040),
        ("t4", 15360),
        ("a10", 23028),
        ("a30", 24576),
        ("mi300x", 196592),
    ],
)
def test_memory_is_what_nvidia_smi_reports(name: str, memory: int) -> None:
    assert float(Memory.parse(DEVICES[name]["memory"])) == memory * 2**20


def test_no_two_devices_of_a_cloud_have_the_same_nodes() -> None:
    """An A100 of 40 GB and one of 80 GB have one name on AWS; AKS has one label for all of NVIDIA (A9)."""
    for cloud in CLOUDS:
        labels = [
            tuple(sorted(one["selectors"][cloud].items())) for one in DEVICES.values() if cloud in one["selectors"]
        ]
        assert len(set(labels)) == len(labels), cloud


# What pods ask for


BY_CLOUD = pytest.mark.parametrize(
    ("cloud", "resource", "labels"),
    [
        (
            "gke",
            "nvidia.com/gpu",
            {
                "cloud.google.com/gke-accelerator": "nvidia-a100-80gb",
                "cloud.google.com/gke-gpu-partition-size": "2g.20gb",
            },
        ),
        ("eks", "nvidia.com/mig-2g.20gb", GFD),
        ("none", "nvidia.com/mig-2g.20gb", GFD),
    ],
)
ASKED = {"type": SLICE, "count": 1}


def asks_for(pod: dict[str, Any], resource: str, labels: dict[str, str]) -> None:
    """What it asks for, in all containers that use it, and where it may run."""
    assert pod["nodeSelector"] == labels
    assert pod["tolerations"] == TAINTS
    limits = [one["resources"]["limits"] for one in [*pod.get("initContainers", []), *pod["containers"]]]
    devices = [{key: value for key, value in limit.items() if "/" in key} for limit in limits]
    assert {resource: "1"} in devices
    assert all(one in ({resource: "1"}, {}) for one in devices)


@BY_CLOUD
def test_trap_each_cloud_has_its_own_way_to_ask_for_a_slice(
    tmp_path: Path, cloud: str, resource: str, labels: dict[str, str]
) -> None:
    made = emitted(tmp_path, platform__cloud=cloud, serving__resources={"accelerator": ASKED})
    asks_for(made.pod, resource, labels)


@BY_CLOUD
def test_trap_a_run_that_scores_asks_as_a_server_does(
    tmp_path: Path, cloud: str, resource: str, labels: dict[str, str]
) -> None:
    made = batch.job(tmp_path, platform__cloud=cloud, serving__resources__accelerator=ASKED)
    asks_for(made["template"]["spec"], resource, labels)


@BY_CLOUD
def test_trap_a_training_run_asks_as_a_server_does(
    tmp_path: Path, cloud: str, resource: str, labels: dict[str, str]
) -> None:
    changes = {"platform__cloud": cloud, "training__resources__accelerator": ASKED}
    asks_for(retraining.pod(tmp_path, **changes), resource, labels)


def test_a_cloud_that_divides_no_devices_has_no_slices(tmp_path: Path) -> None:
    """EKS Auto Mode brings a device plugin of its own, which offers whole devices."""
    platform = {"apiVersion": "mlspec/v1", "kind": "Platform", "platform": {"cloud": "eks-auto"}}
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(platform))
    devices = plan(tmp_path, unnamed("a100-80gb-3g-40gb", "a100-80gb")).devices
    assert devices is not None
    assert devices.type.value == "a100-80gb"
    assert "`a100-80gb-3g-40gb`: its node labels on `eks-auto` are unknown" in devices.type.reason


def test_the_platform_file_changes_a_slice(tmp_path: Path) -> None:
    """A cluster whose device plugin has the strategy `single` offers slices as `nvidia.com/gpu`."""
    entry = {SLICE: {"resource": "nvidia.com/gpu", "nodeSelector": {"pool": "slices"}}}
    asked = {"type": SLICE, "count": 1}
    got = emitted(tmp_path, platform__accelerators=entry, serving__resources={"accelerator": asked})
    assert got.server["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert got.pod["nodeSelector"] == {"pool": "slices"}


AZURE = {
    "a100-40gb": "Standard_ND96asr_v4",
    "h100": "Standard_ND96isr_H100_v5",
    "h100-1g-10gb": "Standard_ND96isr_H100_v5",
    "h200": "Standard_ND96isr_H200_v5",
}
SEVERAL = ["t4", "a100-80gb", "a100-80gb-1g-10gb", "h100-nvl"]


@pytest.mark.parametrize("name", AZURE)
def test_any_node_of_nvidia_will_do_on_aks(tmp_path: Path, name: str) -> None:
    """A9: its label says only the vendor, so a service for an H100 could start on a T4."""
    made = emitted(tmp_path, platform__cloud="aks", serving__resources={"accelerator": {"type": name}})
    assert made.pod["nodeSelector"] == {"node.kubernetes.io/instance-type": AZURE[name]}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_vm_sizes_have_it_and_only_the_platform_knows_which(tmp_path: Path, name: str) -> None:
    sizes = {**DEVICES, **SLICES}[name]["instanceTypes"]["aks"]
    changes: dict[str, object] = {"platform__cloud": "aks", "serving__resources": {"accelerator": {"type": name}}}
    (wrong,) = [one for one in compiled(tmp_path, spec("triton", **changes)).diagnostics if one.severity == "error"]
    assert (wrong.id, wrong.message) == ("MLS012", f"the labels of nodes with `{name}` on `aks` are unknown")
    assert f"`{{node.kubernetes.io/instance-type: {sizes[0]}}}` under `platform.accelerators.{name}.n" in wrong.help
    assert all(size in wrong.help for size in sizes)
    chosen = {"nodeSelector": {"node.kubernetes.io/instance-type": sizes[-1]}}
    platform = {"cloud": "aks", "accelerators": {name: chosen}}
    file = {"apiVersion": "mlspec/v1", "kind": "Platform", "platform": platform}
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(file))
    made = emitted(tmp_path, "triton", serving__resources=changes["serving__resources"])
    assert made.pod["nodeSelector"] == chosen["nodeSelector"]


# What one node has


@pytest.mark.parametrize(("name", "count", "most"), [("h100", 16, 8), ("l4", 9, 8), ("a100-40gb", 16, 16)])
def test_no_node_has_as_many_devices(tmp_path: Path, name: str, count: int, most: int) -> None:
    """A8: 16 H100 compiled, and the pod would have waited forever. A2 machines of Google have 16 A100."""
    asked = {"accelerator": {"type": name, "count": count}}
    said = [] if count <= most else [f"MLS012: no node has {count} x `{name}`"]
    for part in ("triton", "vllm"):
        assert [one for one in refused(tmp_path, part, serving__resources=asked) if "no node" in one] == said
    wrong = retraining.compiled(tmp_path, retraining.spec(training__resources__accelerator=asked["accelerator"]))
    assert [one for one in retraining.told(wrong) if "no node" in one] == said
    if said:
        more = {"platform__accelerators": {name: {"perNode": count}}}
        assert not [one for one in refused(tmp_path, "triton", serving__resources=asked, **more) if "no node" in one]


def test_the_planner_takes_no_more_than_a_node_has(tmp_path: Path) -> None:
    """Llama 3.1 70B needs 8 x L4; on nodes of 4, it fits nowhere."""
    allowed = unnamed("l4", constraints__maxReplicas=40)
    allowed["models"]["chat"]["llm"]["family"] = "llama-3.1-70b"
    allowed["platform"] = {"accelerators": {"l4": {"perNode": 4}}}
    (wrong,) = found(tmp_path, allowed, "MLS408")
    assert "4 x `l4`: does not fit" in wrong.note
    assert "8 x `l4`" not in wrong.note


# Without bfloat16


def test_trap_a_device_without_bfloat16_needs_twice_the_memory_for_some_models(tmp_path: Path) -> None:
    """vLLM loads Gemma 2 and 3 in 32 bits where float16 overflows; the memory is planned for 16."""
    said = "MLS012: `t4` does not compute in bfloat16, and `fraud` is a language model"
    t4 = {"serving__resources": {"accelerator": {"type": "t4"}}, "model__llm": {"family": "llama-3.2-1b"}}
    assert said in refused(tmp_path, "vllm", **t4)
    assert said not in refused(tmp_path, "vllm", **t4, platform__accelerators={"t4": {"bfloat16": True}})
    assert emitted(tmp_path, "triton", serving__resources=t4["serving__resources"]).pod["nodeSelector"] == {
        "nvidia.com/gpu.product": "Tesla-T4"
    }
    devices = plan(tmp_path, unnamed("t4", "l4")).devices
    assert devices is not None
    assert devices.type.value == "l4"
    assert "`t4`: it does not compute in bfloat16" in devices.type.reason


def test_help_proposes_no_device_of_another_vendor(tmp_path: Path) -> None:
    """An image is built for one: the cheapest device with enough memory is a TPU, or AWS's own."""
    for name in ("l4", "a10g"):
        spec = unnamed(name, llm__tokens={"context": 131_072, "prompt": 2000, "output": 300})
        spec["constraints"].pop("accelerators")
        spec["services"]["chat"]["resources"]["accelerator"] = {"type": name}
        (wrong,) = found(tmp_path, spec, "MLS408")
        others = [other for other, entry in DEVICES.items() if "resource" in entry or other == "t4"]
        assert not [other for other in others if f"`{other}`" in wrong.help]


# Accelerators of others

MI300X = {"resource": "amd.com/gpu", "nodeSelector": {"amd.com/gpu.device-id": "74a1"}}
ROCM = f"registry.example.com/vllm-rocm@{DIGEST}"


@pytest.mark.parametrize("runtime", ["vllm", "triton", "tensorflow-serving", "mlserver"])
def test_trap_an_image_for_cuda_finds_no_other_devices(tmp_path: Path, runtime: str) -> None:
    changes = {"platform__accelerators": {"mi300x": MI300X}, "serving__resources": {"accelerator": {"type": "mi300x"}}}
    said = f"MLS012: the catalog's image for `{runtime}` cannot use `amd.com/gpu`"
    assert refused(tmp_path, runtime, **changes) == [said]


def test_an_image_of_ones_own_uses_what_it_is_built_for(tmp_path: Path) -> None:
    changes = {"platform__accelerators": {"mi300x": MI300X}, "serving__resources": {"accelerator": {"type": "mi300x"}}}
    made = emitted(tmp_path, "vllm", platform__runtimes={"vllm": {"image": ROCM}}, **changes)
    assert made.server["image"] == ROCM
    assert made.server["resources"]["limits"]["amd.com/gpu"] == "1"
    assert made.pod["nodeSelector"] == {"amd.com/gpu.device-id": "74a1"}


# The choice


def chosen(tmp_path: Path, rate: str, family: str, *allowed: str) -> tuple[str, int, str]:
    spec = unnamed(*allowed, constraints__throughput={"mean": rate, "peak": rate})
    spec["models"]["chat"]["llm"]["family"] = family
    devices = plan(tmp_path, spec).devices
    assert devices is not None
    return devices.type.value, devices.count.value, devices.type.reason


def test_a_small_model_is_cheapest_on_a_slice(tmp_path: Path) -> None:
    """Llama 3.2 1B: 92 % of 4.75 GiB - 1.5 - 2.31 GiB of weights leaves 0.56 GiB, 7 sequences of 72 MiB.

    A step reads 2.48 + 7 x 0.075 GB at 60 % of 194.4 GB/s: 25.8 ms. A prompt of 2,000 takes 307 ms at 40 % of 40.4
    TFLOP/s. So 0.307 + 300 x 0.0258 / 7 = 1.41 s of a slice for a request, and two replicas carry 0.2/s.
    """
    name, count, why = chosen(tmp_path, "0.2/s", "llama-3.2-1b", "l4", "a100-40gb", "a100-40gb-1g-5gb")
    assert (name, count) == ("a100-40gb-1g-5gb", 1)
    assert "2 replicas x 0.3914 USD/h = 0.78 USD/h" in why
    assert "`l4`: 2 replicas x 0.8048 USD/h = 1.61 USD/h" in why
    assert "`a100-40gb`: 2 replicas x 2.74 USD/h = 5.48 USD/h" in why


def test_trap_two_slices_do_not_hold_what_one_does_not(tmp_path: Path) -> None:
    """Llama 3.1 8B: 92 % of 4.75 GiB - 1.5 - 14.96 GiB is 12.09 GiB too little, in the first slice as in all."""
    name, _, why = chosen(tmp_path, "0.2/s", "llama-3.1-8b", "a100-40gb-1g-5gb", "l4")
    assert name == "l4"
    assert "; `a100-40gb-1g-5gb`: does not fit: (92% of 4.75 GiB - 1.50 GiB) - 14.96 GiB of weights is 12.09 GiB" in why
    assert "one model cannot span several slices" in why


@pytest.mark.parametrize(
    ("rate", "name", "cost"),
    [
        # 0.391 s + 300 x 49.6 ms / 74 = 0.592 s of half a device: 2 x 0.592 / 0.7 = 1.69; 0.223 s of all of it: 0.64
        ("2/s", "a100-80gb-3g-40gb", "2 replicas x 1.715 USD/h = 3.43 USD/h; `a100-80gb`: 2 replicas x 3.43 USD/h"),
        # 5 x 0.223 / 0.7 = 1.6, and 5 x 0.592 / 0.7 = 4.2
        ("5/s", "a100-80gb", "2 replicas x 3.43 USD/h = 6.86 USD/h; `a100-80gb-3g-40gb`: 5 replicas x 1.715 USD/h"),
    ],
)
def test_half_a_device_is_cheaper_until_it_is_busy(tmp_path: Path, rate: str, name: str, cost: str) -> None:
    """Half of the cache is left next to the same weights: 74 sequences instead of 217."""
    picked, count, why = chosen(tmp_path, rate, "llama-3.1-8b", "a100-80gb-3g-40gb", "a100-80gb")
    assert (picked, count) == (name, 1)
    assert cost in why


def test_help_proposes_slices_only_where_they_are_allowed(tmp_path: Path) -> None:
    """Half an A100 is the cheapest that holds 32,768 tokens of cache more, but it must have been partitioned."""
    spec = unnamed("l4", llm__tokens={"context": 131_072, "prompt": 2000, "output": 300})
    spec["services"]["chat"]["resources"]["accelerator"] = {"type": "l4"}
    (told,) = found(tmp_path, spec, "MLS408")
    assert "-3g-" not in told.help
    spec["constraints"]["accelerators"] = ["l4", "a100-80gb", "a100-80gb-3g-40gb"]
    (told,) = found(tmp_path, spec, "MLS408")
    assert "use `a100-80gb-3g-40gb`" in told.help


def test_help_never_proposes_several_slices(tmp_path: Path) -> None:
    spec = unnamed("a100-40gb-1g-10gb", "a100-40gb-3g-20gb")
    spec["services"]["chat"]["resources"]["accelerator"] = {"type": "a100-40gb-1g-10gb"}
    (told,) = found(tmp_path, spec, "MLS408")
    assert told.help == "use `a100-40gb-3g-20gb`"


@pytest.mark.exhaustive
def test_every_line_that_changes_names_its_cause_where_a_slice_is_taken(tmp_path: Path) -> None:
    """The cloud decides the resource name of a slice; a slice is requested once, whatever its count."""
    spec = unnamed("a100-80gb-3g-40gb", "l4", constraints__interToken={"p95": "80ms"})
    spec["constraints"]["maxReplicas"] = 40
    entry = {"slice": True, "resources": {"gke": "nvidia.com/gpu"}}
    spec["platform"] = {"cloud": "gke", "accelerators": {"a100-80gb-3g-40gb": entry}}
    (tmp_path / "mlspec.yaml").write_text(dumped(spec))
    (tmp_path / ".git").mkdir()
    examined = Examined(tmp_path, those("platform.", "resources.", "constraints."))
    assert not examined.base.compiled.failed
    assert examined.silent == []
