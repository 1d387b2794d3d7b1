"""What autoscalers share: whom they scale, how fast, and what they say of a runtime that reports no load."""

from __future__ import annotations

from ...compiler.because import fixed
from ...compiler.emit.artifact import Body
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.service import ServicePlan

__all__ = ["behavior", "no_signal", "target"]


def target(service: ServicePlan) -> Body:
    """The workload whose replicas change."""
    run = service.workload
    return {"apiVersion": run.api, "kind": run.kind, "name": run.name}


def behavior() -> Body:
    """Up at once and by much; down slowly, as a replica that is gone must load its model again."""
    why = "a replica that was taken away too soon must load its model again"
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": fixed(30, "a spike of a few seconds is over before a replica is there"),
            "policies": [
                {
                    "type": "Percent",
                    "value": fixed(100, "at most twice as many"),
                    "periodSeconds": fixed(60, "in a minute"),
                }
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": fixed(300, why),
            "policies": [{"type": "Pods", "value": fixed(1, why), "periodSeconds": fixed(120, why)}],
        },
    }


def no_signal(service: ServicePlan) -> Refusal:
    """A runtime that exports nothing to scale on."""
    runtime = service.runtime_name
    return refusal(
        "MLS012",
        f"`{runtime.value}` exports nothing that says how busy it is",
        runtime,
        others=((service.scaling.provider, "KEDA scales on a query"),),
        note="replicas would follow processors, which say little of requests that wait, or nothing at all",
        help=f"describe `inFlight` or `queue` under `platform.runtimes.{runtime.value}.metrics`, or set "
        "`platform.autoscaling.provider: none`",
    )
