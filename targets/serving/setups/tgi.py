"""Text Generation Inference: arguments only.

Traps handled here: the image sets `PORT=80`, which only root may bind. By default, TGI rejects more than 128 concurrent
requests. On SIGTERM, in-flight requests get 90 s, whatever the grace period is.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because, text
from ....compiler.plan.service import ServicePlan
from ....compiler.plan.serving.files import ModelFiles
from . import Setup, port
from .weights import language_server, mounted, quantization, repository

SERVER = "TGI"

# The language's methods that TGI knows by the same name.
QUANTIZATIONS = ("fp8", "awq", "gptq", "compressed-tensors")


def build(service: ServicePlan, files: ModelFiles) -> Setup:
    """The arguments and the location of the weights: the hub's cache, or a mounted volume."""
    return language_server(service, _args(service, files), _env(service))


def _env(service: ServicePlan) -> dict[str, Because[str]]:
    """Its share of an accelerator's memory, which has no flag."""
    taken = service.runtime.device_memory
    if taken is None:
        return {}
    return {"TGI_WIGGLE_ROOM": taken.utilization.map(lambda share: f"{share.amount.normalize():f}")}


def _args(service: ServicePlan, files: ModelFiles) -> Iterator[str | Because[str]]:
    hub = repository(files, SERVER)
    yield text("--model-id={place}", place=hub if hub is not None else mounted(service))
    if hub is not None:
        yield text("--revision={commit}", commit=files.artifact.digest)
    yield text("--port={port}", port=port(service, "http"))
    yield from _limits(service)
    yield from _placement(service)
    yield text("--graceful-termination-timeout={seconds}", seconds=service.timing.drain)
    yield "--json-output"


def _limits(service: ServicePlan) -> Iterator[Because[str]]:
    """The maximum context, of prompt and answer together, and the number of concurrent requests."""
    llm, batching = service.part.llm, service.part.batching
    if llm is not None and llm.tokens is not None and llm.tokens.context is not None:
        yield text("--max-total-tokens={tokens}", tokens=llm.tokens.context)
        yield llm.tokens.context.map(lambda tokens: f"--max-input-tokens={tokens - 1}")
    at_once = batching.max_size if batching is not None else service.sequences
    if at_once is not None:  # otherwise, the server takes more than it is fast enough for
        yield text("--max-batch-size={size}", size=at_once)
        yield at_once.map(lambda size: f"--max-concurrent-requests={max(128, 2 * size)}")


def _placement(service: ServicePlan) -> Iterator[Because[str]]:
    """The number of devices for the model, and the quantization of the weights."""
    asked = service.devices
    if asked is not None and asked.count.value > 1:
        yield text("--num-shard={count}", count=asked.count)
    method = quantization(service, QUANTIZATIONS, SERVER)
    if method is not None:
        yield text("--quantize={method}", method=method)
