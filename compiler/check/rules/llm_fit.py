"""Rules on the memory and the context of models: what does not fit fails at startup or at the next peak."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...because import Because, because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.accelerators import COUNTS, called, divides, shares
from ...plan.service import ServicePlan
from ...system import Accelerator, MLSystem
from ..lint import rule

if TYPE_CHECKING:
    from ...plan.language_models.fit import Fit

__all__ = ["context_overrun", "does_not_fit", "indivisible_heads"]


@rule(
    "MLS408",
    "error",
    "models.*.llm.family",
    "models.*.llm.shape",
    "models.*.llm.window",
    "services.*.container.deviceMemory",
    "releases.*.artifact.size",
    "platform.families",
)
def does_not_fit(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:  # noqa: ARG001 - every rule takes both
    """Model that does not fit on its accelerator.

    Why: a language model server allocates its memory at startup: first the weights, then the KV cache. If the cache
    cannot hold one context of the promised length, the server exits immediately, in every replica. The check compares
    (utilization x memory that the driver reports - overhead) x devices with the weights plus the cache. Of a model
    whose shape is unknown, it compares the files with the memory. Each instance of Triton loads a copy of them.

    Bad:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
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
            tokens: {context: 131072, output: 512}
    Good:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
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
    """
    for service in plan.online.values():
        fit = service.hardware.fit if service.is_language_model else None
        if fit is not None and not fit.fits.value:
            yield _misfit(service, fit)
        elif fit is None and service.devices is not None:
            from .device_files import larger_than_memory  # rarely needed, so imported late

            yield from larger_than_memory(service)


def _misfit(service: ServicePlan, fit: Fit) -> Diagnostic:
    devices, context = service.devices, fit.model.context
    assert devices is not None
    asked = f"a context of {context.value:,} tokens" if context is not None else "even a single request"
    return finding(
        "MLS408",
        f"`{service.model.value}` with {asked} does not fit on {called(fit.devices.value, devices.type.value)}",
        _tokens(service, "context"),
        devices.type,
        others=((devices.type, "the accelerator"),),
        note=f"{fit.model.weights.reason}; {fit.budget.reason}; {fit.whole.reason}",
        help=", or ".join(_ways_out(service, fit)) or "quantize to fewer bits per weight, or use a smaller model",
    )


def _tokens(service: ServicePlan, name: str) -> Because[int] | None:
    tokens = service.part.llm.tokens if service.part.llm is not None else None
    return getattr(tokens, name) if tokens is not None else None


def _ways_out(service: ServicePlan, fit: Fit) -> Iterator[str]:
    """A shorter context, the cheapest accelerator that is enough in the same number, or more of the same.

    Slices exist only where a device has been partitioned, so they are proposed only where they are allowed.
    """
    if fit.longest >= 1024:
        yield f"write `context: {2 ** int(math.log2(fit.longest))}` under `llm.tokens`"
    known = service.scope.platform.accelerators
    named = {name.value for name in service.scope.system.constraints.accelerators}
    present = known[service.devices.type.value] if service.devices is not None else None
    fitting = [
        name
        for name, device in known.items()
        if (present is None or _vendor(device) == _vendor(present))  # an image is built for one of them
        and device.bfloat16.value
        and (not device.slice.value or (name in named and fit.devices.value == 1))
        and device.memory is not None
        and fit.on(device.memory, fit.devices).fits.value
    ]
    usable = [name for name in fitting if name in named or not named]
    if fitting:
        name = min(usable or fitting, key=lambda name: _price(known[name]))
        allow = "" if usable else f"add `{name}` to `constraints.accelerators` and "
        yield f"{allow}use {called(fit.devices.value, name)}"
    assert service.devices is not None
    if known[service.devices.type.value].slice.value:
        return
    for devices in COUNTS:
        more = fit.on(fit.memory, because(devices, "more of them"))
        if devices > fit.devices.value and more.fits.value:
            yield f"use {called(devices, service.devices.type.value)}"
            return


def _vendor(device: Accelerator) -> str:
    """Whose device it is, by the domain of its extended resource."""
    return device.resource.value.partition("/")[0]


def _price(device: Accelerator) -> float:
    return float(device.price.value) if device.price is not None else math.inf


@rule(
    "MLS415",
    "error",
    "models.*.llm.family",
    "models.*.llm.shape",
    "services.*.resources.accelerator.count",
    "platform.families",
)
def indivisible_heads(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:  # noqa: ARG001 - every rule takes both
    """Language model whose heads cannot be divided among the devices.

    Why: tensor parallelism gives every device the same number of query heads, and either every device the same number
    of key-value heads, or every key-value head the same number of devices. Any other number ends the server at startup,
    in every replica (vllm-project/vllm#596).

    Bad:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        release:
          artifact:
            uri: hf://example/assistant-8b
            format: safetensors
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
        serving:
          runtime: vllm
          resources: {accelerator: {type: l40s, count: 3}}
          llm:
            tokens: {context: 8192, output: 512}
    Good:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        release:
          artifact:
            uri: hf://example/assistant-8b
            format: safetensors
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
        serving:
          runtime: vllm
          resources: {accelerator: {type: l40s, count: 2}}
          llm:
            tokens: {context: 8192, output: 512}
    """
    for service in plan.online.values():
        fit, devices = service.hardware.fit if service.is_language_model else None, service.devices
        if fit is None or devices is None:
            continue
        shape, count = fit.model.shape, devices.count
        if shares(shape, count.value):
            continue
        able = [number for number in range(1, 65) if shares(shape, number)]
        fewer, more = max(n for n in able if n < count.value), [n for n in able if n > count.value]
        kv = shape.heads is None or not divides(shape.kv_heads.value, count.value)
        heads = shape.kv_heads if kv or shape.heads is None else shape.heads
        yield finding(
            "MLS415",
            f"{heads.value} {'key-value' if kv else 'query'} heads cannot be divided among {count.value} devices",
            count,
            devices.type,
            others=((heads, "the heads of the model"),),
            note=f"`{service.runtime_name.value}` exits at startup, in every replica",
            help=f"write `count: {fewer}`" + (f" or `count: {min(more)}`" if more else ""),
        )


@rule(
    "MLS806",
    "error",
    "services.*.llm.tokens",
    "services.*.llm.retrieval.chunks",
    "services.*.llm.retrieval.chunkTokens",
    "models.*.llm.window",
    "models.*.llm.family",
)
def context_overrun(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:  # noqa: ARG001 - every rule takes both
    """Context that is too short for its contents.

    Why: the system prompt, earlier turns, retrieved chunks, the question, and the answer share one context. If they do
    not fit, the server rejects the request or the caller truncates it, which drops the oldest part: the instructions. A
    server does not start with a context longer than the model's window.

    Bad:
        serving:
          runtime: vllm
          resources: {accelerator: {type: l4}}
          llm:
            tokens: {context: 2048, system: 600, prompt: 1200, output: 512}
            prompt: {version: 2026-11-03}
    Good:
        serving:
          runtime: vllm
          resources: {accelerator: {type: l4}}
          llm:
            tokens: {context: 4096, system: 600, prompt: 1200, output: 512}
            prompt: {version: 2026-11-03}
    """
    for service in plan.online.values():
        if service.part.llm is None:
            continue
        tokens = service.hardware.tokens
        window, context = tokens.window, tokens.context
        if window is not None and context is not None and context.value > window.value:
            yield finding(
                "MLS806",
                f"a context of {context.value:,} tokens is longer than the model's window of {window.value:,}",
                context,
                others=((window, "the model's window"),),
                note="the server refuses to start with it",
                help=f"write `context: {window.value}` or less",
            )
        parts = tokens.parts
        whole = sum(part.value for part in parts.values())
        if context is not None and whole > context.value:
            yield _overrun(service, parts, whole, context, window)


def _overrun(
    service: ServicePlan, parts: dict[str, Because[int]], whole: int, context: Because[int], window: Because[int] | None
) -> Diagnostic:
    told = " + ".join(f"{tokens.value:,} ({which})" for which, tokens in parts.items())
    longer = 2 ** math.ceil(math.log2(whole))
    fits = window is None or longer <= window.value
    return finding(
        "MLS806",
        f"a request and its answer take {whole:,} tokens, but the context has {context.value:,}",
        _tokens(service, "context"),
        service.part.llm,
        note=f"{told}; a request that is too long is rejected, or loses its beginning: the instructions",
        help=(f"write `context: {longer}` if it fits in memory, or " if fits else "") + "shorten a part of the request",
    )
