"""Support: what a service asks of its runtime, checked against what the runtime supports.

Law 2 of the language: a field that the chosen runtime does not support is an error that names the runtimes that do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..because import Because, Derived, Unavailable, first
from ..bind.leaf import default_of
from ..catalog import load as catalog
from ..diagnostics import Diagnostic
from ..finding import Refusal, finding, where
from ..language import OBJECTS
from ..part import Part
from ..plan import Plan
from ..plan.service import ServicePlan
from ..plan.serving.identity import OF_TOKENS
from ..system import Runtime
from ..tree import Scalar, Sequence
from ..words import listing
from .capturing import recording

__all__ = ["unsupported"]


def unsupported(plan: Plan) -> Iterator[Diagnostic]:
    """What the runtimes of this environment do not support."""
    for check in (_features, _task, _decoder, _format, _accelerator, _allowed, _vendor, _bfloat16, recording):
        try:
            for service in plan.online.values():
                yield from check(service)
        except (Unavailable, Refusal):
            continue  # the mistake has been reported, or will be where the value is needed


FEATURES: tuple[str, ...] = OBJECTS["Runtime"]["features"][2][1][1]
"""The features that a service can ask of its runtime, as paths below the service."""


ONLY_GENERATE = ("tgi",)
"""The setups whose servers cannot embed or score texts."""


def _task(service: ServicePlan) -> Iterator[Diagnostic]:
    """What a service that only reads tokens cannot have: a server that generates, and bounds on tokens."""
    if service.generates.value:
        return
    task, runtime = service.task, service.runtime
    if runtime.setup.value in ONLY_GENERATE:
        yield finding(
            "MLS012",
            f"`{service.runtime_name.value}` only generates text",
            service.runtime_name,
            others=((task, "the task of the service"),),
            note="the server would not load an embedding model or a reranker",
            help="use `vllm` or `sglang`",
        )
    tokens = service.part.llm.tokens if service.part.llm is not None else None
    if tokens is not None and tokens.output is not None:
        yield finding(
            "MLS012",
            f"a service for {task.value} writes no answers",
            tokens.output,
            others=((task, "its task"),),
            note="its server has no limit on them, and its price would be for tokens that it never writes",
            help="remove it",
        )
    for name in OF_TOKENS:
        bounds = service.bounds(name)
        if bounds.node is not None:
            yield finding(
                "MLS012",
                f"a service for {task.value} has no tokens to bound",
                bounds,
                others=((task, "its task"),),
                note="the server does not export this metric for it, so nothing could judge the bound",
                help="remove it, and bound `latency` instead",
            )


EMBED_DECODERS = ("vllm", "sglang")
"""The setups that take a decoder for an embedder unless they know how its tokens score a text."""

OVERRIDES = "--hf-overrides"
"""The flag of vLLM for that (vllm/model_executor/models/config.py, Qwen3ForSequenceClassificationConfig). SGLang has
none: it scores with a decoder only as it generates (srt/entrypoints/openai/serving_rerank.py).
"""


def _decoder(service: ServicePlan) -> Iterator[Diagnostic]:
    """A reranker that is a decoder: vLLM would compare embeddings that mean nothing, and SGLang would answer 400."""
    setup, llm = service.runtime.setup.value, service.scope.system.models[service.model.value].llm
    known = first(llm.family, llm.shape) if llm is not None else None
    if service.task.value != "reranking" or setup not in EMBED_DECODERS or known is None:
        return
    if setup == "vllm" and any(_flag(arg.value) == OVERRIDES for arg in service.runtime.args):
        return
    cross_encoder = "or remove `llm.family` and `llm.shape` if it is a cross-encoder"
    yield finding(
        "MLS012",
        f"`{service.runtime_name.value}` cannot rank texts with a decoder as it is",
        service.runtime_name,
        others=((known, "a decoder"), (service.task, "the task of the service")),
        note="it would take the model for an embedder, and the order of its answers would mean nothing",
        help=f"pass `{OVERRIDES}` in `container.args`, with the model's `architectures` and `classifier_from_token`, "
        f"{cross_encoder}"
        if setup == "vllm"
        else f"use `vllm`, {cross_encoder}",
    )


def _flag(arg: str) -> str:
    """The name of a flag; vLLM also takes it with underscores."""
    return arg.partition("=")[0].replace("_", "-")


def _features(service: ServicePlan) -> Iterator[Diagnostic]:
    part, runtime = service.part, service.runtime_name
    able = {feature.value for feature in service.runtime.features}
    for feature in FEATURES:
        within = feature.partition(".")[0]
        if feature in able or (within != feature and within in FEATURES and within not in able):
            continue  # if the whole section is unsupported, that is reported once
        given = _asked(part, feature)
        if given is not None:
            yield finding(
                "MLS012",
                f"`{runtime.value}` does not support `{feature}`",
                given,
                part,
                label="requested here",
                others=((runtime, "the runtime"),),
                note="the server would silently run without it",
                help=_instead(service, "features", feature),
            )


def _asked(part: Part, feature: str) -> Because[object] | Part | None:
    """What a service sets at a path, unless it is the default."""
    at: Any = part
    for step in feature.split("."):
        attribute, _, kind, default, _ = OBJECTS[type(at).__name__][step]
        at = getattr(at, attribute)
        at = at.given if isinstance(at, Derived) else at
        if at is None or (isinstance(at, (tuple, dict)) and not at):
            return None
        if isinstance(at, Because) and default is not None and at.value == default_of(kind, default):
            return None
    found: Because[object] | Part = at
    return found


def _format(service: ServicePlan) -> Iterator[Diagnostic]:
    runtime = service.runtime_name
    able = {format_.value for format_ in service.runtime.formats}
    for release in (service.release, service.shadow):
        asked = release.artifact.format if release is not None else None
        if asked is not None and asked.value not in able:
            yield finding(
                "MLS012",
                f"`{runtime.value}` cannot load the format `{asked.value}`",
                asked,
                others=((runtime, "the runtime"),),
                note="the server would fail at startup, or serve nothing",
                help=_instead(service, "formats", asked.value, leave="export the model in another format"),
            )


def _accelerator(service: ServicePlan) -> Iterator[Diagnostic]:
    runtime = service.runtime_name
    if service.runtime.needs_accelerator.value and not service.accelerated.value:
        yield finding(
            "MLS012",
            f"`{runtime.value}` needs an accelerator",
            service.part.resources,
            runtime,
            others=((runtime, "the runtime"),),
            note="every pod would fail at startup",
            help="add `resources: {accelerator: {type: l4}}` to the service, list allowed types under "
            "`constraints.accelerators`, or use a runtime that needs none",
        )


def _allowed(service: ServicePlan) -> Iterator[Diagnostic]:
    asked, allowed = service.part.resources.accelerator, service.scope.system.constraints.accelerators
    if asked is not None and allowed and asked.type.value not in {one.value for one in allowed}:
        yield finding(
            "MLS012",
            f"the accelerator `{asked.type.value}` is not allowed",
            asked.type,
            others=((allowed, "the allowed types"),),
            note="the constraints list the accelerators that this system has the budget and the quota for",
            help=f"use {listing([one.value for one in allowed])}, or add it to `constraints.accelerators`",
        )


def _bfloat16(service: ServicePlan) -> Iterator[Diagnostic]:
    """Language models on devices without bfloat16: the memory is planned for 16 bits."""
    devices = service.devices
    if devices is None:
        return
    device = service.device
    if device is None or device.bfloat16.value or service.hardware.model is None:
        return
    yield finding(
        "MLS012",
        f"`{devices.type.value}` does not compute in bfloat16, and `{service.model.value}` is a language model",
        devices.type,
        others=((device.bfloat16, "no bfloat16"), (service.model, "the model")),
        note="servers convert it to float16, in which some models overflow: vLLM loads Gemma 2 and 3 in 32 bits there, "
        "twice the memory that is planned",
        help="use an accelerator with bfloat16, such as `l4`, or set "
        f"`platform.accelerators.{devices.type.value}.bfloat16: true` if the model runs in float16",
    )


def _vendor(service: ServicePlan) -> Iterator[Diagnostic]:
    """The catalog's images for accelerators are built for CUDA; any other build must be set explicitly."""
    if service.devices is None or service.image is None:
        return
    runtime, resource = service.runtime_name, service.scope.resource_of(service.devices)
    image = where(service.image)
    if not resource.value.startswith("nvidia.com/") and image is not None and catalog.ships(image.file):
        yield finding(
            "MLS012",
            f"the catalog's image for `{runtime.value}` cannot use `{resource.value}`",
            service.devices.type,
            others=((runtime, "the runtime"), (resource, "its resource name")),
            note="it is built for CUDA: on any other device, the server stops or falls back to the CPU",
            help=f"set `platform.runtimes.{runtime.value}.acceleratedImage` to an image built for it, or use an NVIDIA "
            "accelerator",
        )


def _instead(service: ServicePlan, key: str, wanted: str, leave: str = "remove it") -> str:
    """The alternatives, with the other runtimes of the platform and the catalog that support it."""
    own = service.scope.platform.runtimes
    others = dict.fromkeys((*catalog.runtime_names(), *own))
    others.pop(service.runtime_name.value, None)
    able = [n for n in others if (_offers(own[n], key, wanted) if n in own else _has(n, key, wanted))]
    return f"{leave}, or use {listing(able)}" if able else leave


def _offers(runtime: Runtime, key: str, wanted: str) -> bool:
    """Whether a runtime, as the platform configures it, supports something, has an image, and is still maintained."""
    listed: tuple[Because[str], ...] = getattr(runtime, OBJECTS["Runtime"][key][0])
    active = runtime.image is not None and runtime.support.value == "active"
    return active and any(one.value == wanted for one in listed)


def _has(name: str, key: str, wanted: str) -> bool:
    """The same for a catalog entry, which is bound only if the spec names it."""
    entry = catalog.runtime(name)
    if entry is None or "image" not in entry.entries or "support" in entry.entries:
        return False
    listed = entry.entries.get(key)
    items = listed.items if isinstance(listed, Sequence) else []
    return any(isinstance(item, Scalar) and item.text == wanted for item in items)
