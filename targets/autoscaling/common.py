"""What autoscalers share: the workload to scale, the speed, and the error for a runtime that reports no load."""

from __future__ import annotations

from ...compiler.emit.artifact import Body
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.scaling.behavior import DOWN, UP, Pace
from ...compiler.plan.service import ServicePlan

__all__ = ["behavior", "no_signal", "target"]


def target(service: ServicePlan) -> Body:
    """The workload to scale."""
    run = service.workload
    return {"apiVersion": run.api, "kind": run.kind, "name": run.name}


def behavior() -> Body:
    """Scale up fast. Scale down slowly, because a replica that comes back must load its model again."""
    return {"scaleUp": _pace(UP), "scaleDown": _pace(DOWN)}


def _pace(pace: Pace) -> Body:
    return {
        "stabilizationWindowSeconds": pace.stable,
        "policies": [{"type": pace.kind, "value": pace.most, "periodSeconds": pace.period}],
    }


def no_signal(service: ServicePlan) -> Refusal:
    """The error for a runtime that exports no metric to scale on."""
    runtime = service.runtime_name
    return refusal(
        "MLS012",
        f"`{runtime.value}` exports no metric for its load",
        runtime,
        others=((service.scaling.provider, "this autoscaler needs a load metric"),),
        note="replicas would follow CPU usage, which says little about queued requests, or nothing at all",
        help=f"describe `inFlight` or `queue` under `platform.runtimes.{runtime.value}.metrics`, or set "
        "`platform.autoscaling.provider: none`",
    )
