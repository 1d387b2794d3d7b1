"""vLLM: arguments only. The image already runs `vllm serve`, so they start with the model.

Traps handled here: on SIGTERM, vLLM aborts in-flight requests unless a shutdown timeout is set. A model's longest
context rarely fits on one device. It exits if it may use all memory of a device, because the driver takes some first.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because, because, decision, text
from ....compiler.finding import Refusal, refusal
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.files import ModelFiles
from ....schema.units import Percent
from . import Setup, port
from .weights import language_server, mounted, quantization, repository

SERVER = "vLLM"
UTILIZATION = Percent.parse("92%")
"""The share of an accelerator's memory that vLLM takes by default."""

# The language's methods that vLLM knows by the same name.
QUANTIZATIONS = ("fp8", "awq", "gptq", "compressed-tensors", "modelopt", "mxfp4")


def build(service: ServicePlan, files: ModelFiles) -> Setup:
    """The arguments and the location of the weights: the hub's cache, or a mounted volume."""
    return language_server(service, _args(service, files))


def _args(service: ServicePlan, files: ModelFiles) -> Iterator[str | Because[str]]:
    yield from _weights(service, files)
    yield text("--served-model-name={name}", name=service.model)
    if not service.generates.value:
        yield because("--runner=pooling", service.task.reason, service.task)
    yield text("--port={port}", port=port(service, "http"))
    yield from _limits(service)
    yield from _placement(service)
    yield text("--shutdown-timeout={seconds}", seconds=service.timing.drain)
    yield "--disable-access-log-for-endpoints=/health,/metrics"


def _weights(service: ServicePlan, files: ModelFiles) -> Iterator[Because[str]]:
    hub = repository(files, SERVER)
    yield hub if hub is not None else mounted(service)
    if hub is not None:
        yield text("--revision={commit}", commit=files.artifact.digest)


def _limits(service: ServicePlan) -> Iterator[Because[str]]:
    """The maximum context and answer, the number of concurrent requests, chunks of prompts, and the prefix cache."""
    llm, batching = service.part.llm, service.part.batching
    tokens = llm.tokens if llm is not None else None
    if tokens is not None and tokens.context is not None:
        yield text("--max-model-len={tokens}", tokens=tokens.context)
    if tokens is not None and tokens.output is not None and service.generates.value:
        yield text('--override-generation-config={{"max_new_tokens": {tokens}}}', tokens=tokens.output)
    at_once = batching.max_size if batching is not None else service.sequences
    if at_once is not None:  # otherwise, the server takes more than it is fast enough for
        yield text("--max-num-seqs={size}", size=at_once)
    if service.hardware.prompt_chunk is not None:
        yield text("--max-num-batched-tokens={tokens}", tokens=service.hardware.prompt_chunk)
    if service.queue is not None:  # the server counts the running ones, too, and answers 503
        yield text("--max-num-queued-reqs={most}", most=_in_flight(service.slots, service.queue))
    if llm is not None and llm.caching is not None:
        prefix = llm.caching.prefix
        yield prefix.map(lambda on: "--enable-prefix-caching" if on else "--no-enable-prefix-caching")
        if llm.caching.dtype.value != "16-bit":
            yield text("--kv-cache-dtype={dtype}", dtype=llm.caching.dtype)


@decision
def _in_flight(slots: Because[int], queue: Because[int]) -> tuple[int, str]:
    return slots.value + queue.value, f"{slots.value} that run and {queue.value} that wait"


def _placement(service: ServicePlan) -> Iterator[Because[str]]:
    """The number of devices for the model, its share of their memory, and the quantization of the weights."""
    asked, taken = service.devices, service.runtime.device_memory
    if taken is not None and float(taken.utilization.value) == 1:
        raise _no_room(taken.utilization)
    if taken is not None and taken.utilization.value != UTILIZATION:
        yield taken.utilization.map(lambda share: f"--gpu-memory-utilization={share.amount.normalize():f}")
    if asked is not None and asked.count.value > 1:
        yield text("--tensor-parallel-size={count}", count=asked.count)
    method = quantization(service, QUANTIZATIONS, SERVER)
    if method is not None:
        yield text("--quantization={method}", method=method)


def _no_room(utilization: Because[Percent]) -> Refusal:
    return refusal(
        "MLS008",
        "vLLM cannot use 100% of the memory of an accelerator",
        utilization,
        note="the driver takes a part of it for each process, so less is free, and the server exits at startup",
        help="write `98%` or less",
    )
