"""The traps of the memory of accelerators, for models whose weights are not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import compiled, refused, spec

SLICE = {"serving__resources": {"accelerator": {"type": "a100-40gb-1g-5gb"}}, "platform__cloud": "gke"}
L4 = {"serving__resources": {"accelerator": {"type": "l4", "count": 2}}}


@pytest.mark.parametrize(("size", "fits"), [("4Gi", True), ("6Gi", False)])
@pytest.mark.parametrize("format_", ["onnx", "torchscript", "tensorrt"])
def test_trap_a_model_is_larger_than_its_slice(tmp_path: Path, format_: str, size: str, fits: bool) -> None:
    """A slice of 5 GB has 4,864 MiB."""
    told = refused(tmp_path, "triton", **SLICE, release__artifact__size=size, release__artifact__format=format_)
    said = f"MLS408: `fraud` has {size} of files, but `a100-40gb-1g-5gb` has 4864Mi of memory"
    assert told == ([] if fits else [said])


@pytest.mark.parametrize(("instances", "fits"), [(2, True), (4, False)])
def test_trap_each_instance_on_a_device_has_a_copy_of_the_model(tmp_path: Path, instances: int, fits: bool) -> None:
    changes = {**SLICE, "serving__instances": instances, "release__artifact__size": "2Gi"}
    assert (refused(tmp_path, "triton", **changes) == []) == fits
    shared = {**changes, "serving__parameters": {"share_session_between_instances": "true"}}
    assert refused(tmp_path, "triton", **shared) == []
    assert refused(tmp_path, "triton", **changes, release__artifact__format="python") == [], "its code decides"


@pytest.mark.parametrize(("size", "fits"), [("80Gi", True), ("140Gi", False)])
@pytest.mark.parametrize("runtime", ["vllm", "sglang"])
def test_trap_weights_of_an_unknown_shape_are_larger_than_all_devices(
    tmp_path: Path, runtime: str, size: str, fits: bool
) -> None:
    """Two L4 have 45 GiB. 80 GiB of 32-bit weights take 40 GiB in 16 bits."""
    told = refused(tmp_path, runtime, **L4, release__artifact__size=size)
    assert told == ([] if fits else [f"MLS408: `fraud` has {size} of files, but 2 x `l4` have 23034Mi of memory each"])


def test_trap_the_larger_accelerator_would_be_too_small_as_well(tmp_path: Path) -> None:
    """Most files have 16 bits for each weight: 140 GiB need more than the 80 GiB of two smaller ones."""
    found = compiled(tmp_path, spec("vllm", **L4, release__artifact__size="140Gi")).diagnostics
    [told] = [one for one in found if one.id == "MLS408"]
    assert told.help == "use 2 x `h100-nvl`, or correct the `size` of the files"


def test_weights_that_are_quantized_as_they_are_loaded_may_take_a_quarter(tmp_path: Path) -> None:
    quantized: dict[str, Any] = {"model__optimization": {"quantization": {"method": "fp8"}}}
    assert refused(tmp_path, "vllm", **L4, **quantized, release__artifact__size="140Gi") == []


TURNS = {"cloud.google.com/gke-gpu-sharing-strategy": "time-sharing"}


@pytest.mark.parametrize(("share", "fits"), [(None, False), ("60%", False), ("45%", True)])
@pytest.mark.parametrize(
    "shared",
    [
        {"platform__accelerators": {"l40s": {"resource": "nvidia.com/gpu.shared"}}},
        {"platform__accelerators": {"l40s": {"nodeSelector": TURNS}}},
    ],
)
def test_trap_pods_that_use_a_device_in_turns_see_all_of_its_memory(
    tmp_path: Path, shared: dict[str, Any], share: str | None, fits: bool
) -> None:
    changes = {**shared, "serving__resources": {"accelerator": {"type": "l40s"}}}
    if share is not None:
        changes["serving__container"] = {"deviceMemory": {"utilization": share}}
    told = [one.message for one in compiled(tmp_path, spec("vllm", **changes)).diagnostics if one.id == "MLS444"]
    assert told == ([] if fits else [f"`fraud` takes {share or '92%'} of an accelerator that several pods share"])
    mps = {"platform__accelerators": {"l40s": {"nodeSelector": {**TURNS, next(iter(TURNS)): "mps"}}}}
    assert "MLS444" not in {one.id for one in compiled(tmp_path, spec("vllm", **changes | mps)).diagnostics}
