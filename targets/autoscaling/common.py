"""What autoscalers share: the workload to scale, the speed, and the error for a runtime that reports no load."""

from __future__ import annotations

from ...compiler.because import fixed
from ...compiler.emit.artifact import Body
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.scaling.reaction import SETTLE
from ...compiler.plan.service import ServicePlan

__all__ = ["behavior", "no_signal", "target"]


def target(service: ServicePlan) -> Body:
    """The workload to scale."""
    run = service.workload
    return {"apiVersion": run.api, "kind": run.kind, "name": run.name}


def behavior() -> Body:
    """Scale up fast. Scale down slowly, because a replica that comes back must load its model again."""
    why = "a replica that was removed too soon must load its model again"
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": SETTLE,
            "policies": [
                {
                    "type": "Percent",
                    "value": fixed(100, "at most double the replicas"),
                    "periodSeconds": fixed(60, "per minute"),
                }
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": fixed(300, why),
            "policies": [{"type": "Pods", "value": fixed(1, why), "periodSeconds": fixed(120, why)}],
        },
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
