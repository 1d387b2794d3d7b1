"""Honours: what a service asks of its runtime, against what the runtime can do.

Law 2 of the language: a field that the chosen runtime cannot honour is an error that names the runtimes that can.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..because import Because, Derived, Unavailable
from ..bind.leaf import default_of
from ..catalog import load as catalog
from ..diagnostics import Diagnostic
from ..finding import Refusal, finding, where
from ..language import OBJECTS
from ..part import Part
from ..plan import Plan
from ..plan.service import ServicePlan
from ..system import Runtime
from ..tree import Scalar, Sequence
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


FEATURES: tuple[str, ...] = OBJECTS["Runtime"]["honours"][2][1][1]
"""What a service may ask of its runtime, by its path below the service: the words of the language for it."""


def _features(service: ServicePlan) -> Iterator[Diagnostic]:
    part, runtime = service.part, service.runtime_name
    able = {feature.value for feature in service.runtime.honours}
    for feature in FEATURES:
        within = feature.partition(".")[0]
        if feature in able or (within != feature and within in FEATURES and within not in able):
            continue  # what is asked of a section that the runtime cannot honour at all is told of the whole section
        given = _asked(part, feature)
        if given is not None:
            yield finding(
                "MLS012",
                f"`{runtime.value}` cannot honour `{feature}`",
                given,
                part,
                label="asked for here",
                others=((runtime, "the runtime"),),
                note="it would run without it, and nobody would be told",
                help=_instead(service, "honours", feature),
            )


def _asked(part: Part, feature: str) -> Because[object] | Part | None:
    """What a service says at a path, unless it is what holds anyway."""
    at: Any = part
    for step in feature.split("."):
        attribute, _, kind, default, _ = OBJECTS[type(at).__name__][step]
        at = getattr(at, attribute)
        at = at.given if isinstance(at, Derived) else at
        if at is None:
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
                f"`{runtime.value}` cannot load `{asked.value}`",
                asked,
                others=((runtime, "the runtime"),),
                note="the server would fail at its start, or serve nothing",
                help=_instead(service, "formats", asked.value, leave="export the model otherwise"),
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


def _instead(service: ServicePlan, key: str, wanted: str, leave: str = "leave it out") -> str:
    """What else could be done: a runtime of the platform's or of the catalog's that has it."""
    own = service.scope.platform.runtimes
    others = dict.fromkeys((*catalog.runtime_names(), *own))
    others.pop(service.runtime_name.value, None)
    able = [n for n in others if (_offers(own[n], key, wanted) if n in own else _has(n, key, wanted))]
    return f"{leave}, or use {listing(able)}, which can" if able else leave


def _offers(runtime: Runtime, key: str, wanted: str) -> bool:
    """Whether a runtime as the platform has it can do something, has an image to run, and is still developed."""
    listed: tuple[Because[str], ...] = getattr(runtime, OBJECTS["Runtime"][key][0])
    active = runtime.image is not None and runtime.support.value == "active"
    return active and any(one.value == wanted for one in listed)


def _has(name: str, key: str, wanted: str) -> bool:
    """The same of the catalog's entry, which is not bound where nobody names it."""
    entry = catalog.runtime(name)
    if entry is None or "image" not in entry.entries or "support" in entry.entries:
        return False
    listed = entry.entries.get(key)
    items = listed.items if isinstance(listed, Sequence) else []
    return any(isinstance(item, Scalar) and item.text == wanted for item in items)
