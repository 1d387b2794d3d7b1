"""The alerts on NVIDIA's devices, run by promtool on series as the DCGM exporter writes them.

A device belongs to the pod in its labels, which Prometheus renames to `exported_*` unless the monitor honors them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.catalog import load as catalog
from mlspec.compiler.emit.dump import plain
from mlspec.compiler.plan.alerting import xids

from . import batch, retraining
from .online import compiled, spec
from .scenes import counter, labeled, proves, proves_each
from .support import files
from .validation import load

SERVER = "fraud-5d9c7f6b84-x7k2p"
"""A pod of a ReplicaSet, whose hash has up to ten characters."""

AMD = {
    "serving__resources__accelerator": {"type": "mi300x"},
    "serving__container": {"image": f"docker.io/vllm/vllm-openai-rocm:v0.11@sha256:{'1' * 64}"},
}
SLICE = {"platform__accelerators": {"l4": {"slice": True}}}


def served(tmp_path: Path, runtime: str = "vllm", /, **changes: object) -> dict[str, dict[str, Any]]:
    """The alerts of a service by name, without those that have several."""
    result = compiled(tmp_path, spec(runtime, **changes))
    assert result.ok, [d.message for d in result.diagnostics]
    (text,) = (text for name, text in files(result).items() if name.endswith("monitoring/rules.yaml"))
    return _named(load(text)["groups"])


def _named(groups: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def scored(tmp_path: Path, **changes: object) -> dict[str, dict[str, Any]]:
    return _jobs(batch.compiled(tmp_path, batch.spec(**changes)))


def trained(tmp_path: Path, **changes: object) -> dict[str, dict[str, Any]]:
    return _jobs(retraining.compiled(tmp_path, retraining.spec(**changes)))


def _jobs(made: Any) -> dict[str, dict[str, Any]]:
    bundle = made.environments[0].bundle
    (rules,) = [one for one in bundle.artifacts if re.fullmatch(r"monitoring/rules(-\w+)?\.yaml", one.path)]
    return _named(plain(rules.body)["groups"])


def device(name: str, pod: str, values: str, prefix: str = "exported_", **labels: str) -> dict[str, str]:
    own = {"Hostname": "gpu-7", "gpu": "3", "UUID": "GPU-3", "device": "nvidia3", "modelName": "NVIDIA L4", **labels}
    own |= {f"{prefix}namespace": own.pop("namespace", "default"), f"{prefix}pod": pod}
    if prefix:
        own |= {"namespace": "gpu-operator", "pod": "dcgm-exporter-9x2lm"}
    return {labeled(name, **own): values}


def xid(code: int, pod: str = SERVER, prefix: str = "exported_", **labels: str) -> dict[str, str]:
    return device("DCGM_FI_DEV_XID_ERRORS", pod, f"{code}x30", prefix, err_code=str(code), **labels)


def on_device(rule: dict[str, Any]) -> dict[str, Any]:
    """The alert as it fires for this device, whose labels its annotations show."""
    return {**rule, "labels": {**rule["labels"], "Hostname": "gpu-7", "gpu": "3"}}


def reported(name: str, code: int) -> str:
    return f"{name}: GPU 3 of node gpu-7 reported XID {code}, and has to be reset"


def test_a_device_that_has_to_be_reset_is_a_ticket_and_a_fault_of_the_program_is_not(tmp_path: Path) -> None:
    rule = on_device(served(tmp_path)["GPUFailed"])
    assert rule["labels"]["severity"] == "ticket"
    cases = [
        (xid(79), reported("fraud", 79)),
        (xid(79, prefix=""), reported("fraud", 79)),
        (xid(154), reported("fraud", 154)),
        (xid(13), None),
        (xid(31), None),
        (xid(43), None),
        (xid(45), None),
        (xid(94), None),  # contained: only the process that met it ends
        (xid(0), None),
        (xid(79, "fraud-shadow-gateway-5d9c7f6b84-x7k2p"), None),
        (xid(79, namespace="staging"), None),
        ({}, None),  # no exporter
    ]
    proves_each(tmp_path, [rule], [(series, [(5, rule, said)]) for series, said in cases])


def test_a_ticket_on_a_device_outlives_the_pod_that_had_it(tmp_path: Path) -> None:
    """The node gets no work from then on, so no pod of the service has the device."""
    rule = on_device(served(tmp_path)["GPUFailed"])
    series = device("DCGM_FI_DEV_XID_ERRORS", SERVER, "79x2 stale", err_code="79")
    said = reported("fraud", 79)
    proves(tmp_path, [rule], series, [(2, rule, said), (55, rule, said), (70, rule, None)])


@pytest.mark.parametrize(
    ("made", "name", "pods"),
    [
        (scored, "demand", ("demand-29384840-0-x7k2p", "demand-29384840-11-x7k2p")),
        (lambda path: scored(path, **batch.ONE), "demand", ("demand-29384840-x7k2p",)),
        (lambda path: trained(path, **retraining.ACCELERATED), "fraud-retrain", ("fraud-retrain-29384840-x7k2p",)),
    ],
    ids=["a batch service with partitions", "a batch service", "training"],
)
def test_the_device_of_a_run_is_found_by_the_name_of_its_pod(
    made: Callable[[Path], dict[str, dict[str, Any]]], name: str, pods: tuple[str, ...], tmp_path: Path
) -> None:
    found = made(tmp_path)
    failed, unrepaired = on_device(found["GPUFailed"]), on_device(found["GPUMemoryUnrepaired"])
    assert failed["labels"]["service"] == name
    said = f"{name}: GPU 3 of node gpu-7 cannot replace a faulty row of its memory, so the next error there ends what "
    cases: list[tuple[dict[str, str], list[tuple[int, dict[str, Any], str | None]]]] = []
    for pod in pods:
        series = {**xid(48, pod), **device("DCGM_FI_DEV_ROW_REMAP_FAILURE", pod, "1x30")}
        cases.append((series, [(5, failed, reported(name, 48)), (5, unrepaired, f"{said}runs on it")]))
    other = {**xid(48, f"{name}-api-5d9c7f6b84-x7k2p"), **device("DCGM_FI_DEV_ROW_REMAP_FAILURE", "another", "1x30")}
    cases.append((other, [(5, failed, None), (5, unrepaired, None)]))
    healthy = device("DCGM_FI_DEV_ROW_REMAP_FAILURE", pods[0], "0x30")
    cases.append((healthy, [(5, failed, None), (5, unrepaired, None)]))
    proves_each(tmp_path, [failed, unrepaired], cases)


def busy(requests: float, *utilization: str) -> dict[str, str]:
    """Two replicas with so many requests per second each, and the utilization of their devices by the minute."""
    made: dict[str, str] = {}
    for index, pod in enumerate((SERVER, "fraud-5d9c7f6b84-q4m8z")):
        own = {"namespace": "default", "job": "default/fraud", "pod": pod}
        made[labeled("up", **own)] = "1x200"
        total = labeled("http_requests_total", **own, handler="/v1/chat/completions", method="POST", status="2xx")
        made[total] = counter((200, 60 * requests))
        if index < len(utilization):
            made |= device("DCGM_FI_DEV_GPU_UTIL", pod, utilization[index], gpu=str(index))
    return made


@pytest.mark.slow
def test_devices_are_idle_only_if_all_are_and_requests_would_keep_them_busy(tmp_path: Path) -> None:
    """A request takes 1 s, and a replica has 16 slots: 1.6 requests per second use a tenth of them."""
    rule = served(tmp_path)["GPUIdle"]
    said = "fraud: no GPU has done any work for an hour, although more than 10% of the capacity is in use"
    works, never, stops = "40x200", "0x200", "40x9 0x190"
    cases: list[tuple[dict[str, str], int, str | None]] = [
        (busy(2, stops, stops), 101, said),  # the last work was in minute 9: an hour, and 30 minutes of waiting
        (busy(2, stops, stops), 98, None),
        (busy(1.5, never, never), 180, None),
        (busy(0, never, never), 180, None),
        (busy(2, never, works), 180, None),
        (busy(2, "0x120 1 0x60", never), 150, None),  # a single sample with work
        (busy(2), 180, None),  # no exporter
    ]
    proves_each(tmp_path, [rule], [(series, [(minute, rule, told)]) for series, minute, told in cases])


def names(found: dict[str, Any]) -> set[str]:
    return {name for name in found if name.startswith("GPU")}


def test_only_devices_of_nvidia_have_these_alerts(tmp_path: Path) -> None:
    assert names(served(tmp_path)) == {"GPUFailed", "GPUMemoryUnrepaired", "GPUIdle"}
    assert names(served(tmp_path, "triton")) == set()
    assert names(served(tmp_path, "vllm", **AMD)) == set()
    assert names(trained(tmp_path)) == set()


def test_a_slice_has_no_utilization_and_so_no_alert_on_it(tmp_path: Path) -> None:
    assert names(served(tmp_path, "vllm", **SLICE)) == {"GPUFailed", "GPUMemoryUnrepaired"}


def test_a_job_that_reads_data_is_not_idle(tmp_path: Path) -> None:
    assert names(scored(tmp_path)) == {"GPUFailed", "GPUMemoryUnrepaired"}


def test_without_a_service_time_nothing_says_that_devices_should_work(tmp_path: Path) -> None:
    assert "GPUIdle" not in served(tmp_path, "vllm", serving__serviceTime=None)


def test_what_ends_only_a_process_is_no_failure_of_a_device() -> None:
    """NVIDIA's catalog says RESTART_APP or IGNORE for these, and calls the device healthy."""
    numbers = {int(number) for number in xids.fatal().value.split("|")}
    assert not numbers & {0, 8, 13, 31, 32, 43, 45, 63, 68, 69, 92, 94, 155}
    assert {48, 64, 79, 95, 119, 140} <= numbers
    assert xids.source().value.startswith("https://docs.nvidia.com/")


def test_a_reboot_is_asked_for_by_number(tmp_path: Path) -> None:
    action = served(tmp_path)["GPUFailed"]["annotations"]["action"]
    assert "or reboot the node after XID 79. Restart the DCGM exporter" in action
    assert xids.reboot().value == "79"
    assert catalog.xids().entries.keys() == {"source", "checked", "reset", "reboot"}
