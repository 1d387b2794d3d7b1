"""SGLang: arguments only.

Traps handled here: by default, SGLang listens on 127.0.0.1 and exports no metrics. It guesses its share of memory on
each device, but the plan must know it. Its histograms have no bucket below 100 ms. It takes a model that generates text
for one that cannot embed it. Asked for `awq` or `gptq`, it does not use the faster kernels that it chooses by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because, because, text
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.files import ModelFiles
from ....compiler.plan.serving.identity import Measured
from ....schema.units import plain
from . import Setup, port
from .weights import language_server, mounted, quantization, repository

SERVER = "SGLang"

# The language's methods that SGLang knows by the same name.
QUANTIZATIONS = ("fp8", "awq", "gptq", "compressed-tensors", "modelopt", "mxfp4")

# Those that it recognizes in the checkpoint, and then serves with Marlin kernels where it can (quantization/awq.py,
# gptq.py: `override_quantization_method`).
RECOGNIZED = ("awq", "gptq")

BUCKETS: dict[Measured, str] = {
    "latency": "--bucket-e2e-request-latency",
    "first_token": "--bucket-time-to-first-token",
    "inter_token": "--bucket-inter-token-latency",
}
"""The flag of each histogram, by the kind of objective that it measures."""


def build(service: ServicePlan, files: ModelFiles) -> Setup:
    """The arguments and the location of the weights: the hub's cache, or a mounted volume."""
    return language_server(service, _args(service, files))


def _args(service: ServicePlan, files: ModelFiles) -> Iterator[str | Because[str]]:
    hub = repository(files, SERVER)
    place = text("--model-path={place}", place=hub if hub is not None else mounted(service))
    method = quantization(service, QUANTIZATIONS, SERVER)
    recognized = method is not None and method.value in RECOGNIZED
    yield place.also(method) if recognized else place
    if hub is not None:
        yield text("--revision={commit}", commit=files.artifact.digest)
    yield text("--served-model-name={name}", name=service.model)
    yield "--host=0.0.0.0"
    yield text("--port={port}", port=port(service, "http"))
    yield from _limits(service)
    yield from _placement(service)
    if method is not None and not recognized:
        yield text("--quantization={method}", method=method)
    if not service.generates.value:
        yield because("--is-embedding", service.task.reason, service.task)
    yield "--enable-metrics"
    yield from _buckets(service)
    yield from ("--uvicorn-access-log-exclude-prefixes", "/health", "/ready", "/metrics")


def _limits(service: ServicePlan) -> Iterator[Because[str]]:
    """The maximum context, the number of concurrent requests, chunks of prompts, and the prefix cache."""
    llm, batching = service.part.llm, service.part.batching
    if llm is not None and llm.tokens is not None and llm.tokens.context is not None:
        yield text("--context-length={tokens}", tokens=llm.tokens.context)
    at_once = batching.max_size if batching is not None else service.sequences
    if at_once is not None:  # otherwise, the server takes more than it is fast enough for
        yield text("--max-running-requests={size}", size=at_once)
    if service.hardware.prompt_chunk is not None:
        yield text("--chunked-prefill-size={tokens}", tokens=service.hardware.prompt_chunk)
    if service.queue is not None:
        yield text("--max-queued-requests={most}", most=service.queue)
    if llm is not None and llm.caching is not None:
        prefix = llm.caching.prefix
        yield prefix.map(lambda on: "--radix-eviction-policy=lru" if on else "--disable-radix-cache")
        if llm.caching.dtype.value != "16-bit":
            yield text("--kv-cache-dtype={dtype}_e4m3", dtype=llm.caching.dtype)


def _placement(service: ServicePlan) -> Iterator[Because[str]]:
    """The number of devices for the model, and its share of their memory."""
    asked, taken = service.devices, service.runtime.device_memory
    if asked is not None and asked.count.value > 1:
        yield text("--tp-size={count}", count=asked.count)
    if taken is not None:
        yield taken.utilization.map(lambda share: f"--mem-fraction-static={share.amount.normalize():f}")


def _buckets(service: ServicePlan) -> Iterator[str | Because[str]]:
    """Each flag and its bounds, as separate arguments: the flag takes a list."""
    for kind, flag in BUCKETS.items():
        bounds = service.objectives.buckets(kind)
        if bounds is not None and bounds.value:
            yield because(flag, bounds.reason, bounds)
            for bound in bounds.value:
                yield because(plain(bound), bounds.reason, bounds)
