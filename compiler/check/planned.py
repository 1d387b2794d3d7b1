"""What the plan of a service says about the flags and variables that it decides, by the names in `catalog/setups`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from ...schema.units import Percent
from ..because import Because
from ..plan.service import ServicePlan
from ..system import LlmCaching

__all__ = ["PLANNED", "agrees"]

_OF_THE_MODEL = "auto"

Value = str | int | Decimal | bool


def _on(value: Because[bool] | None) -> bool | None:
    return value.value if value is not None else None


def _number(value: Because[int] | None) -> int | None:
    return value.value if value is not None else None


def _share(value: Because[Percent] | None) -> Decimal | None:
    return value.value.amount if value is not None else None


def _tokens(service: ServicePlan, kind: str) -> int | None:
    llm = service.part.llm
    return _number(getattr(llm.tokens, kind)) if llm is not None and llm.tokens is not None else None


def _cache(service: ServicePlan) -> LlmCaching | None:
    return service.part.llm.caching if service.part.llm is not None else None


def _prefix(service: ServicePlan) -> bool | None:
    cache = _cache(service)
    return _on(cache.prefix) if cache is not None else None


def _no_prefix(service: ServicePlan) -> bool | None:
    prefix = _prefix(service)
    return not prefix if prefix is not None else None


def _cache_type(service: ServicePlan) -> str:
    cache = _cache(service)
    return cache.dtype.value if cache is not None and cache.dtype.value != "16-bit" else _OF_THE_MODEL


def _sglang_cache_type(service: ServicePlan) -> str:
    kind = _cache_type(service)
    return kind if kind == _OF_THE_MODEL else f"{kind}_e4m3"


def _requests(service: ServicePlan) -> int | None:
    batching = service.part.batching
    return _number(batching.max_size if batching is not None else service.sequences)


def _in_flight(service: ServicePlan) -> int | None:
    return service.slots.value + service.queue.value if service.queue is not None else None


def _devices(service: ServicePlan) -> int | None:
    return service.devices.count.value if service.devices is not None else None


def _device_memory(service: ServicePlan) -> Decimal | None:
    taken = service.runtime.device_memory
    return _share(taken.utilization) if taken is not None else None


def _quantization(service: ServicePlan) -> str | None:
    optimization = service.scope.system.models[service.model.value].optimization
    few = optimization.quantization if optimization is not None else None
    return few.method.value if few is not None else None


def _histograms(service: ServicePlan) -> str | None:
    buckets = service.objectives.buckets("latency")
    return "histogram_latencies=true" if buckets is not None and buckets.value else None


PLANNED: dict[str, Callable[[ServicePlan], Value | None]] = {
    "accelerated": lambda service: service.accelerated.value,
    "answer": lambda service: _tokens(service, "output") if service.generates.value else None,
    "cacheType": _cache_type,
    "chunk": lambda service: _number(service.hardware.prompt_chunk),
    "context": lambda service: _tokens(service, "context"),
    "deviceMemory": _device_memory,
    "devices": _devices,
    "drain": lambda service: service.timing.drain.value,
    "embeds": lambda service: not service.generates.value,
    "grpcPort": lambda service: _number(service.runtime.ports.grpc),
    "histograms": _histograms,
    "httpPort": lambda service: _number(service.runtime.ports.http),
    "inFlight": _in_flight,
    "metricsPort": lambda service: _number(service.runtime.ports.metrics),
    "model": lambda service: service.model.value,
    "noPrefix": _no_prefix,
    "prefix": _prefix,
    "quantization": _quantization,
    "queue": lambda service: _number(service.queue),
    "requests": _requests,
    "revision": lambda service: service.live.files.artifact.digest.value,
    "runner": lambda service: "generate" if service.generates.value else "pooling",
    "sglangCacheType": _sglang_cache_type,
    "threads": lambda service: _number(service.threads),
    "timeoutMillis": lambda service: int(service.timing.timeout.value.amount * 1000),
    "workers": lambda service: service.workers.value,
}
"""Each value as the server reads it; None if the plan has none, so mlspec writes none."""

_WORDS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def agrees(written: str, planned: Value | None) -> bool:
    """Whether the text of a flag or a variable is what the plan says."""
    match planned:
        case None:
            return False
        case bool():
            return _WORDS.get(written.lower()) is planned
        case str():
            return written == planned
    try:
        return Decimal(written) == planned
    except InvalidOperation:
        return False
