"""The rules on startup times, which mlspec derives from the load time of a model and a patch can override.

A patch is a JSON merge patch, which replaces lists: to patch one container is to write all of it, and a field that its
probe omits has Kubernetes' own default.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import ceil

from ....schema.units import Duration
from ...bind.leaf import core_value
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import readable
from ...plan.service import ServicePlan
from ...plan.serving.version import VersionPlan
from ...row import Row
from ...system import MLSystem, Patch
from ...tree import Mapping, Node, Scalar, entries
from ..lint import rule

__all__ = ["shadow_stage_too_short", "start_up_too_short"]

DEFAULTS = {"initialDelaySeconds": 0, "periodSeconds": 10, "failureThreshold": 3}
"""Kubernetes' defaults for a probe (kubernetes.io, Configure Probes)."""


@rule("MLS406", "error", "services.*.load", "services.*.warmup")
def start_up_too_short(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Startup time shorter than the load time.

    Why: a container that is not ready in time is killed and starts to load again, forever. A progress deadline that is
    too short aborts the rollout of every version.

    Bad:
        serving: {load: 15m}
        patches:
          - target: {kind: Rollout, name: base}
            reason: releases should fail fast
            patch: {spec: {progressDeadlineSeconds: 120}}
    Good:
        serving: {load: 15m}
        patches:
          - target: {kind: Rollout, name: base}
            reason: releases should fail fast
            patch: {spec: {progressDeadlineSeconds: 2400}}
    """
    for service in plan.online.values():
        for name, version in zip((service.name, service.shadow_name), service.versions, strict=False):
            for patch in system.patches:
                if patch.target.name.value == name.value:
                    yield from _of_patch(service, version, patch)


def _of_patch(service: ServicePlan, version: VersionPlan, patch: Patch) -> Iterator[Diagnostic]:
    start, whole = version.start, version.until_ready
    for key, node in entries(patch.patch) if patch.patch is not None else ():
        if key.text == "progressDeadlineSeconds" and isinstance(node, Scalar):
            given = _seconds(node)
            if given is not None and given < whole.value.amount:
                why = f"{whole.reason}; on a new node, every rollout would be aborted before that"
                least = ceil(whole.value.amount)
                help_ = f"write `progressDeadlineSeconds: {least}` or more, or remove it to allow twice as long"
                yield _too_short(service, node, given, whole.value, why, help_)
        elif key.text == "startupProbe" and isinstance(node, Mapping):
            probe = _probe(node)
            if probe is not None and probe.allowed < start.value.amount:
                why = f"{start.reason}; the container would be killed before it is ready, again and again"
                help_ = f"write `failureThreshold: {probe.failures_for(start.value)}` or more"
                yield _too_short(service, node, probe.allowed, start.value, why, help_)


def _too_short(service: ServicePlan, node: Node, given: Decimal, needed: Duration, why: str, help_: str) -> Diagnostic:
    return finding(
        "MLS406",
        f"the patch allows {Duration(given)} for a startup that takes {readable(needed)}",
        node,
        others=((service.part.load, "the load time"),),
        note=why,
        help=help_,
    )


@rule("MLS437", "error", "services.*.load", "services.*.warmup")
def shadow_stage_too_short(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Shadow stage that is mostly startup.

    Why: the stage begins when a version is promoted to it. A replica answers no mirrored request until it has a node,
    and has fetched and loaded the model. If that takes most of the stage, the judgment has too few requests, and every
    rollout waits for an engineer.

    Bad:
        constraints: {latency: {p99: 100ms}, throughput: {mean: 20/s, peak: 60/s}, availability: 99.9%}
        serving: {load: 15m}
        rollout: {stages: [{shadow: {duration: 20m}}, {canary: {steps: [50%]}}]}
    Good:
        constraints: {latency: {p99: 100ms}, throughput: {mean: 20/s, peak: 60/s}, availability: 99.9%}
        serving: {load: 15m}
        rollout: {stages: [{shadow: {duration: 6h}}, {canary: {steps: [50%]}}]}
    """
    for service in plan.online.values():
        if service.shadow_plan is None:
            continue
        duration = service.shadow_plan.stage.duration
        until_ready = max((version.until_ready for version in service.versions), key=lambda each: each.value)
        if 2 * until_ready.value.amount > duration.value.amount:
            after = readable(until_ready.value)
            yield finding(
                "MLS437",
                f"the shadow stage lasts {duration.value}, but a replica answers only after {after}",
                duration,
                others=((service.part.load, "the load time"),),
                note=f"{until_ready.reason}; with too few mirrored requests, every rollout waits for an engineer",
                help=f"write `duration: {ceil(until_ready.value.amount / 30)}m` or more",
            )


class Probe(Row):
    """The numbers of a startup probe."""

    delay: Decimal
    period: Decimal
    failures: Decimal

    @property
    def allowed(self) -> Decimal:
        """How many seconds a container may take before this probe kills it."""
        return self.delay + self.period * self.failures

    def failures_for(self, time: Duration) -> int:
        """The smallest failure threshold that allows a time."""
        return ceil((time.amount - self.delay) / max(self.period, Decimal(1)))


def _probe(node: Mapping) -> Probe | None:
    """What a patch says of a probe; None if it sets something other than a number."""
    told = [_seconds(node.entries[key]) if key in node.entries else Decimal(usual) for key, usual in DEFAULTS.items()]
    known = [number for number in told if number is not None]
    return Probe(*known) if len(known) == len(told) else None


def _seconds(node: Node) -> Decimal | None:
    value = core_value(node) if isinstance(node, Scalar) else None
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None
