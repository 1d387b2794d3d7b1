"""Whether the service has capacity left: requests in flight, queues, replicas, and the resources of pods.

The series of containers are cAdvisor's, which the kubelet exports. Those of accelerators are described in `dcgm`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ....compiler.because import Because, because, fixed, text
from ....compiler.plan.choose import count
from ....compiler.plan.objectives.sli import Indicators
from ....compiler.plan.service import ServicePlan
from ....schema.units import Percent
from ...providers import RolloutProvider
from ..dcgm import either, nvidia, sliced
from ..health import in_use
from ..replicas import pods
from .panel import WINDOW, Line, Panel, Query, number, share

__all__ = ["resources", "saturation"]

LATELY = fixed("5m", "long enough for a scrape that fails")


def saturation(service: ServicePlan) -> Iterator[Panel]:
    """How much of the capacity requests use."""
    used, limit = in_use(service), service.scope.system.monitoring.saturation
    if used is not None:
        yield _used(service, used, limit)
    yield from _flying(service)
    waiting = Indicators(service).waiting()
    if waiting is not None:
        yield Panel(
            key="waiting",
            kind="graph",
            title="Requests that wait",
            about=fixed(
                "Requests in the queues of all replicas. A queue that does not empty means too few replicas: check the "
                "panel Replicas.",
                "what it shows",
            ),
            unit="short",
            queries=(Query(asks=waiting, legend="waiting"),),
            why=because("queue", "the runtime exports its queue", service.runtime_name),
        )


def _used(service: ServicePlan, used: Because[str], limit: Because[Percent]) -> Panel:
    about = text(
        "The share in use of the resource that runs out first. Above {limit}, ModelServiceSaturated fires: more "
        "replicas, or fewer requests.",
        limit=limit.map(str),
    )
    return Panel(
        key="used",
        kind="graph",
        title="Capacity in use",
        about=about,
        unit="percentunit",
        queries=(Query(asks=used, legend="in use"),),
        why=because("saturation", "the runtime exports it", service.runtime_name),
        lines=(Line(at=limit.map(share), color="orange"),),
    )


def _flying(service: ServicePlan) -> Iterator[Panel]:
    indicators = Indicators(service)
    flying = indicators.in_flight(WINDOW)
    if flying is None:
        return
    queries = [Query(asks=flying, legend="in flight")]
    about = "Requests that the replicas work on, or that wait."
    if service.mean_time is not None:
        slots = text("{slots} * count({up} == 1)", slots=service.slots, up=indicators.up())
        queries.append(Query(asks=slots, legend="slots"))
        about += f" Each replica has {count(service.slots.value, 'slot')}: above the slots of all, requests wait."
    yield Panel(
        key="in-flight",
        kind="graph",
        title="Requests in flight",
        about=because(about, "what it shows", service.slots, service.mean_time),
        unit="short",
        queries=tuple(queries),
        why=because("in flight", "the runtime exports it", service.runtime_name, service.mean_time),
    )


def resources(service: ServicePlan) -> Iterator[Panel]:
    """The replicas, and the resources that they use."""
    yield _replicas(service)
    yield _cpu(service)
    yield _memory(service)
    yield from _devices(service)


def _replicas(service: ServicePlan) -> Panel:
    least, most = service.scaling.least, service.max_replicas
    queries = [Query(asks=text("count({up} == 1)", up=Indicators(service).up()), legend="answering")]
    seen = service.scope.providers.chosen(RolloutProvider, service.workload.provider).replicas(service, LATELY)
    if seen is not None:
        queries += [Query(asks=seen.wanted, legend="wanted"), Query(asks=seen.available, legend="available")]
    about = "The replicas of all versions."
    lines: tuple[Line, ...] = (Line(at=least, color="blue"),)
    if service.scales.value and most.value > least.value:
        lines = (*lines, Line(at=most, color="orange"))
        about += (
            f" The autoscaler keeps {least.value} to {most.value}, the lines. At {most.value}, it cannot follow the "
            "load any further: raise `replicas.max`."
        )
    else:
        about += f" The line is what the plan wants: {least.value}."
    about += " If fewer answer than are wanted, `kubectl describe pods` shows why."
    return Panel(
        key="replicas",
        kind="graph",
        title="Replicas",
        about=because(about, "what it shows", least, most, service.scales),
        unit="short",
        queries=tuple(queries),
        why=because("replicas", "what serves the requests", service.workload.provider, least, most, service.scales),
        lines=lines,
    )


def _cpu(service: ServicePlan) -> Panel:
    used = text(
        'sum by (pod) (rate(container_cpu_usage_seconds_total{{{pods},container="server"}}[{window}]))',
        pods=pods(service),
        window=WINDOW,
    )
    return Panel(
        key="cpu",
        kind="graph",
        title="CPU",
        about=text(
            "The cores that each server uses. The line is what it requests, {cpu}. Above it, it depends on what the "
            "node has left.",
            cpu=service.cpu.map(str),
        ),
        unit="short",
        queries=(Query(asks=used, legend="{{pod}}"),),
        why=because("CPU", "what each replica requests", service.cpu),
        lines=(Line(at=service.cpu.map(lambda cores: number(cores.amount)), color="orange"),),
    )


def _memory(service: ServicePlan) -> Panel:
    limit = service.live.pod_memory
    used = text('max by (pod) (container_memory_working_set_bytes{{{pods},container="server"}})', pods=pods(service))
    return Panel(
        key="memory",
        kind="graph",
        title="Memory",
        about=text(
            "The memory that each server uses. The line is its limit, {limit}: at it, the kernel kills the server. "
            "Raise `resources.memory` before that.",
            limit=limit.map(str),
        ),
        unit="bytes",
        queries=(Query(asks=used, legend="{{pod}}"),),
        why=because("memory", "the limit of each replica", limit),
        lines=(Line(at=limit.map(lambda memory: number(memory.amount)), color="red"),),
    )


def _devices(service: ServicePlan) -> Iterator[Panel]:
    """NVIDIA's devices. A slice has no utilization of its own."""
    devices = service.devices
    resource = nvidia(service.scope, devices)
    if devices is None or resource is None:
        return
    part = sliced(service.scope, devices)
    why = because("accelerators", "each replica has some", devices.type, resource, part)
    if not part.value:
        yield Panel(
            key="gpu",
            kind="graph",
            title="GPU utilization",
            about=fixed(
                "The share of the time in which each GPU computes. Low utilization with a long queue means that "
                "something else limits the server, such as its CPU.",
                "what it shows",
            ),
            unit="percent",
            queries=(Query(asks=_each_device(service, "DCGM_FI_DEV_GPU_UTIL{{{pods}}}"), legend=_DEVICE),),
            why=why,
            empty="No metrics of the DCGM exporter",
        )
    share_used = "DCGM_FI_DEV_FB_USED{{{pods}}} / (DCGM_FI_DEV_FB_USED{{{pods}}} + DCGM_FI_DEV_FB_FREE{{{pods}}})"
    yield Panel(
        key="gpu-memory",
        kind="graph",
        title="GPU memory",
        about=fixed(
            "The share of the memory of each GPU that is in use. Servers of language models allocate most of it when "
            "they start.",
            "what it shows",
        ),
        unit="percentunit",
        queries=(Query(asks=_each_device(service, share_used), legend=_DEVICE),),
        why=why,
        empty="No metrics of the DCGM exporter",
    )


_DEVICE = "{{exported_pod}}{{pod}} GPU {{gpu}}"
"""A series has only one of the labels for the pod."""


def _each_device(service: ServicePlan, template: str) -> Because[str]:
    renamed, kept = either(template, partial(pods, service))
    return text("max by (exported_pod, gpu) ({renamed})\nor max by (pod, gpu) ({kept})", renamed=renamed, kept=kept)
