"""Rules that compare what a spec says of a language model with what the planner estimates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ....schema.units import Memory
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.accelerators import called
from ...plan.choose import gibibytes
from ...plan.service import ServicePlan
from ...system import MLSystem
from ..lint import rule

if TYPE_CHECKING:
    from ...plan.language_models.fit import Fit

__all__ = ["another_size", "small_chunk", "too_slow"]

NEAR = 0.8
"""The share that one size has of the other at least: other files and rounding make that much of a difference."""


@rule(
    "MLS422",
    "error",
    "models.*.llm.family",
    "models.*.llm.shape",
    "services.*.llm.tokens",
    "constraints.latency",
    "constraints.firstToken",
    "constraints.interToken",
    "services.*.constraints.latency",
    "services.*.constraints.firstToken",
    "services.*.constraints.interToken",
    "platform.families",
)
def too_slow(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:  # noqa: ARG001 - every rule takes both
    """Latency bound that a language model cannot keep on its accelerators.

    Why: even a single request without any others would miss it, so no number of replicas helps, and the alert on the
    bound fires from the first day. The estimate comes from data sheets; a measured `serviceTime` replaces it.

    Bad:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        constraints: {interToken: {p95: 25ms}}
        release:
          artifact:
            uri: hf://example/assistant-8b
            format: safetensors
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
        serving:
          runtime: vllm
          serviceTime: null
          resources: {accelerator: {type: l4}}
          llm:
            tokens: {context: 8192, output: 512}
    Good:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        constraints: {interToken: {p95: 25ms}}
        release:
          artifact:
            uri: hf://example/assistant-8b
            format: safetensors
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
        serving:
          runtime: vllm
          serviceTime: null
          resources: {accelerator: {type: h100}}
          llm:
            tokens: {context: 8192, output: 512}
    """
    for service in plan.online.values():
        devices = service.devices
        if not service.is_language_model or service.part.service_time is not None or devices is None:
            continue
        speed = service.hardware.speed
        if speed is not None and speed.fit.fits.value and speed.late.value:
            yield finding(
                "MLS422",
                f"`{service.model.value}` cannot keep a latency bound on "
                f"{called(devices.count.value, devices.type.value)}",
                *service.latency_of_tokens,
                *service.latency_bounds,
                others=((devices.type, "the accelerator"),),
                note=f"{speed.late.value}; no number of replicas changes that",
                help="use a faster accelerator or more of them, allow more time, or limit `llm.tokens`; if it is "
                "faster, measure it and set `serviceTime`",
            )


@rule(
    "MLS426",
    "warning",
    "models.*.llm.family",
    "models.*.llm.shape",
    "models.*.optimization.quantization if models.*.llm",
    "releases.*.artifact.size",
    "releases.*.shadow.artifact.size",
    "platform.families",
)
def another_size(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:  # noqa: ARG001 - every rule takes both
    """Files of a language model that are not as large as its weights.

    Why: memory, speed, and cost follow from the number of weights and their bits. Files of half that size are
    quantized, which the spec does not say. Files that are much larger contain the weights twice, and each pod downloads
    both, or they are not quantized, although the spec says so. vLLM quantizes such files layer by layer as it loads
    them, for the method `fp8` only. For another method, a server does not start.

    Bad:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        release:
          artifact:
            uri: hf://example/assistant-8b-awq
            format: safetensors
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
            size: 5500Mi
        serving:
          runtime: vllm
          resources: {accelerator: {type: l4}}
          llm:
            tokens: {context: 8192, output: 512}
    Good:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}, optimization: {quantization: {method: awq, bits: 4}}}
        release:
          artifact:
            uri: hf://example/assistant-8b-awq
            format: safetensors
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
            size: 5500Mi
        serving:
          runtime: vllm
          resources: {accelerator: {type: l4}}
          llm:
            tokens: {context: 8192, output: 512}
    """
    for service in plan.online.values():
        fit = service.hardware.fit if service.is_language_model else None
        for version in service.versions if fit is not None else ():
            size = version.files.artifact.size
            weights = fit.model.weights if fit is not None else None
            if size is None or weights is None or NEAR < float(size.value) / weights.value < 1 / NEAR:
                continue
            plain = fit is not None and _plain(fit, float(size.value))
            if plain and service.runtime.setup.value == "vllm" and _quantizes(fit):
                continue  # layer by layer, so they never take the memory of 16 bits (vllm-project/vllm#31914)
            smaller = float(size.value) < weights.value
            yield finding(
                "MLS426",
                f"the files have {_gibibytes(size.value)}, but the weights of `{service.model.value}` have "
                f"{_gibibytes(weights.value)}",
                size,
                note=f"{weights.reason}; memory, speed, and cost are planned for that",
                help=_another(smaller, plain),
            )


def _another(smaller: bool, plain: bool) -> str:
    """What to write instead."""
    known = "correct the size or the family"
    if smaller:
        return f"add `optimization: {{quantization: {{method: ..., bits: ...}}}}` to the model, or {known}"
    if plain:
        return f"name files that are quantized, or remove `quantization` of the model, or {known}"
    return f"name a folder that has the weights once, or {known}"


def _plain(fit: Fit, size: float) -> bool:
    """Whether the files are as large as weights of 16 bits, although the model is quantized."""
    plain = 2 * float(fit.model.shape.parameters.value)
    return fit.model.quantized[0] is not None and NEAR < size / plain < 1 / NEAR


def _quantizes(fit: Fit | None) -> bool:
    """Whether the server quantizes weights as it loads them."""
    method = fit.model.quantized[0] if fit is not None else None
    return method is not None and method.value == "fp8"


@rule("MLS428", "error", "services.*.llm.promptChunk", "services.*.batching.maxSize if services.*.llm")
def small_chunk(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:  # noqa: ARG001 - every rule takes both
    """Steps of a language model that have no room for all its sequences.

    Why: vLLM counts the token of each running sequence and the tokens of prompts together, up to a limit per step. If
    that limit is below the number of sequences, vLLM exits at startup, in every replica. Its own limit is 2,048 tokens
    on devices below 70 GiB and on an A100.

    Bad:
        problem: {task: generation}
        serving:
          runtime: vllm
          batching: {maxSize: 256}
          resources: {accelerator: {type: l4}}
          llm:
            tokens: {context: 8192, output: 512}
            promptChunk: 128
    Good:
        problem: {task: generation}
        serving:
          runtime: vllm
          batching: {maxSize: 256}
          resources: {accelerator: {type: l4}}
          llm:
            tokens: {context: 8192, output: 512}
            promptChunk: 512
    """
    for service in plan.online.values():
        batching = service.part.batching
        if batching is None or service.runtime.setup.value != "vllm":
            continue
        chunk, room, why = _step(service)
        if room < batching.max_size.value:
            add = f"`promptChunk: {batching.max_size.value}` or more" + (" under `llm`" if chunk is None else "")
            yield finding(
                "MLS428",
                f"a step has room for {room:,} tokens, but there can be {batching.max_size.value:,} sequences",
                chunk,
                batching.max_size,
                others=((batching.max_size, "each sequence takes one token of every step"),),
                note=f"{why}`{service.runtime_name.value}` exits at startup, in every replica",
                help=f"write {add}, or `maxSize: {room}` or less",
            )


def _step(service: ServicePlan) -> tuple[Because[int] | None, float, str]:
    """The tokens of a step, where the spec has them, and why they are as many otherwise."""
    from ...plan.language_models.speed import usual_chunk

    chunk, device = service.hardware.prompt_chunk, service.device
    if chunk is not None:
        return chunk, chunk.value, ""
    if device is None or device.memory is None:
        return None, math.inf, ""
    room, why = usual_chunk(device, device.memory.value)
    return None, room, f"{why}; "


def _gibibytes(amount: Memory | int) -> str:
    return gibibytes(float(amount.amount) if isinstance(amount, Memory) else amount)
