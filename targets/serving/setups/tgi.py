"""Text Generation Inference: arguments only.

Traps that are handled here: the image says `PORT=80`, which only root may open; more than 128 requests at once are
turned away unless it is told otherwise; in-flight requests have 90 s on SIGTERM, whatever the grace period is.
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
    """The arguments, and where the weights are: in the hub's cache, or downloaded beforehand."""
    return language_server(service, _args(service, files), _env(service))


def _env(service: ServicePlan) -> dict[str, Because[str]]:
    """The share of an accelerator's memory that it takes, which has no flag."""
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
    """How long a context may be, of prompt and answer together, and how many requests are worked on at once."""
    llm, batching = service.part.llm, service.part.batching
    if llm is not None and llm.tokens is not None and llm.tokens.context is not None:
        yield text("--max-total-tokens={tokens}", tokens=llm.tokens.context)
        yield llm.tokens.context.map(lambda tokens: f"--max-input-tokens={tokens - 1}")
    if batching is not None:
        yield text("--max-batch-size={size}", size=batching.max_size)
        yield batching.max_size.map(lambda size: f"--max-concurrent-requests={max(128, 2 * size)}")


def _placement(service: ServicePlan) -> Iterator[Because[str]]:
    """Over how many devices the model is divided, and in how few bits its weights are."""
    asked = service.devices
    if asked is not None and asked.count.value > 1:
        yield text("--num-shard={count}", count=asked.count)
    method = quantization(service, QUANTIZATIONS, SERVER)
    if method is not None:
        yield text("--quantize={method}", method=method)
