"""The rule on start-up times: what a patch may set, and mlspec sets by itself from how long a model loads.

A patch is a JSON merge patch, which replaces lists: whoever patches a container writes all of it, and what a probe
leaves out has Kubernetes' own default.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....schema.units import Duration
from ...bind.leaf import core_value
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.service import ServicePlan
from ...system import MLSystem, Patch
from ...tree import Mapping, Node, Scalar, entries
from ..lint import rule

__all__ = ["start_up_too_short"]

DEFAULTS = {"initialDelaySeconds": 0, "periodSeconds": 10, "failureThreshold": 3}
"""Of a probe (kubernetes.io, Configure Probes)."""


@rule("MLS406", "error", "services.*.load", "services.*.warmup")
def start_up_too_short(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Start-up time that is shorter than the load.

    Why: a container that is not ready in time is killed and begins to load again, for ever. A deadline for the whole
    rollout that is too short gives up on every version.

    Bad:
        serving: {load: 15m}
        patches:
          - target: {kind: Rollout, name: base}
            reason: releases are to fail fast
            patch: {spec: {progressDeadlineSeconds: 120}}
    Good:
        serving: {load: 15m}
        patches:
          - target: {kind: Rollout, name: base}
            reason: releases are to fail fast
            patch: {spec: {progressDeadlineSeconds: 2400}}
    """
    for service in plan.online.values():
        for patch in system.patches:
            if patch.target.name.value in (service.name.value, service.shadow_name.value):
                yield from _of_patch(service, patch)


def _of_patch(service: ServicePlan, patch: Patch) -> Iterator[Diagnostic]:
    start, fetch = service.timing.start, service.timing.fetch
    whole = Duration(start.value.amount + fetch.value.amount)
    for key, node in entries(patch.patch) if patch.patch is not None else ():
        if key.text == "progressDeadlineSeconds" and isinstance(node, Scalar):
            given = _seconds(node)
            if given is not None and given < whole.amount:
                yield _too_short(service, node, given, whole, f"{fetch.value} to fetch and {start.value} to start")
        elif key.text == "startupProbe" and isinstance(node, Mapping):
            given = _allowed(node)
            if given is not None and given < start.value.amount:
                yield _too_short(service, node, given, start.value, start.reason)


def _too_short(service: ServicePlan, node: Node, given: Decimal, needed: Duration, why: str) -> Diagnostic:
    return finding(
        "MLS406",
        f"{Duration(given)} are allowed for a start that takes {needed}",
        node,
        others=((service.part.load, "the time to load"),),
        note=f"{why}; the pod would be given up on before it is ready, again and again",
        help=f"leave it out, and twice the time is allowed, or allow at least `{int(needed.amount)}` s",
    )


def _allowed(probe: Mapping) -> Decimal | None:
    """How long a container may take until this probe gives up on it; None where a number is not one."""
    told = {key: Decimal(usual) for key, usual in DEFAULTS.items()}
    for key in DEFAULTS.keys() & probe.entries.keys():
        given = _seconds(probe.entries[key])
        if given is None:
            return None
        told[key] = given
    return told["initialDelaySeconds"] + told["periodSeconds"] * told["failureThreshold"]


def _seconds(node: Node) -> Decimal | None:
    value = core_value(node) if isinstance(node, Scalar) else None
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None
