"""Honours: what a service asks of its runtime, against what the runtime can do.

Law 2 of the language: a field that the chosen runtime cannot honour is an error that names the runtimes that can.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..because import Because, Unavailable
from ..catalog import load as catalog
from ..diagnostics import Diagnostic
from ..finding import Refusal, finding, where
from ..part import Part
from ..plan import Plan
from ..plan.service import ServicePlan
from ..tree import Mapping, Scalar, Sequence
from ..words import listing

__all__ = ["unhonoured"]


def unhonoured(plan: Plan) -> Iterator[Diagnostic]:
    """What the runtimes of this environment cannot do."""
    for check in (_features, _format, _accelerator, _allowed, _vendor):
        try:
            for service in plan.online.values():
                yield from check(service)
        except (Unavailable, Refusal):
            continue  # what is wrong there has been reported, or will be where it is needed


def _features(service: ServicePlan) -> Iterator[Diagnostic]:
    part, runtime = service.part, service.runtime_name
    tokens, caching = (part.llm.tokens, part.llm.caching) if part.llm is not None else (None, None)
    asked: dict[str, Because[object] | Part | None] = {
        "batching.maxSize": part.batching.max_size if part.batching is not None else None,
        "batching.maxDelay": part.batching.max_delay if part.batching is not None else None,
        "caching": part.caching,
        "warmup": part.warmup,
        "llm": part.llm,
    }
    able = {feature.value for feature in service.runtime.honours}
    if "llm" in able and tokens is not None:
        asked["llm.tokens.output"] = tokens.output
    if "llm" in able and caching is not None and caching.dtype.value != "16-bit":
        asked["llm.caching.dtype"] = caching.dtype
    for feature, given in asked.items():
        if given is not None and feature not in able:
            yield finding(
                "MLS012",
                f"`{runtime.value}` cannot honour `{feature}`",
                given,
                part,
                label="asked for here",
                others=((runtime, "the runtime"),),
                note="it would run without it, and nobody would be told",
                help=_instead("honours", feature),
            )


def _format(service: ServicePlan) -> Iterator[Diagnostic]:
    runtime = service.runtime_name
    able = {format_.value for format_ in service.runtime.formats}
    for release in (service.release, service.shadow):
        asked = release.artifact.format if release is not None else None
        if asked is not None and asked.value not in able:
            yield finding(
                "MLS012",
                f"`{runtime.value}` cannot load `{asked.value}`",
                asked,
                others=((runtime, "the runtime"),),
                note="the server would fail at its start, or serve nothing",
                help=_instead("formats", asked.value, leave="export the model otherwise"),
            )


def _accelerator(service: ServicePlan) -> Iterator[Diagnostic]:
    runtime = service.runtime_name
    if service.runtime.needs_accelerator.value and not service.accelerated.value:
        yield finding(
            "MLS012",
            f"`{runtime.value}` does not start without an accelerator",
            service.part.resources,
            runtime,
            others=((runtime, "the runtime"),),
            note="its pods would fail at their start, one after the other",
            help="add `resources: {accelerator: {type: l4}}`, allow some under `constraints.accelerators`, or use a "
            "runtime that needs none",
        )


def _allowed(service: ServicePlan) -> Iterator[Diagnostic]:
    asked, allowed = service.part.resources.accelerator, service.scope.system.constraints.accelerators
    if asked is not None and allowed and asked.type.value not in {one.value for one in allowed}:
        yield finding(
            "MLS012",
            f"the constraints do not allow `{asked.type.value}`",
            asked.type,
            others=((allowed, "what they allow"),),
            note="the constraints say what the system may cost others, and what quota there is",
            help=f"use {listing([one.value for one in allowed])}, or allow it under `constraints.accelerators`",
        )


def _vendor(service: ServicePlan) -> Iterator[Diagnostic]:
    """The catalogue's images for accelerators are builds for CUDA; who has another build names it."""
    if service.devices is None or service.runtime.image is None:
        return
    runtime, resource = service.runtime_name, service.scope.resource_of(service.devices)
    image = where(service.image)
    if not resource.value.startswith("nvidia.com/") and image is not None and image.file.name.startswith("catalogue/"):
        yield finding(
            "MLS012",
            f"the catalogue's image of `{runtime.value}` cannot use `{resource.value}`",
            service.devices.type,
            others=((runtime, "the runtime"), (resource, "its resource")),
            note="images for accelerators are builds for CUDA: they find no other device, and stop or use processors",
            help=f"name a build for it under `platform.runtimes.{runtime.value}`, or use a device of NVIDIA's",
        )


def _instead(key: str, wanted: str, leave: str = "leave it out") -> str:
    names = [
        name
        for name in catalog.runtime_names()
        if (entry := catalog.runtime(name)) is not None and _proposed(entry) and _has(entry, key, wanted)
    ]
    return f"{leave}, or use {listing(names)}, which can" if names else leave


def _proposed(entry: Mapping) -> bool:
    """What has an image to run, and is still developed."""
    return "image" in entry.entries and "support" not in entry.entries


def _has(entry: Mapping, key: str, wanted: str) -> bool:
    listed = entry.entries.get(key)
    items = listed.items if isinstance(listed, Sequence) else []
    return any(isinstance(item, Scalar) and item.text == wanted for item in items)
