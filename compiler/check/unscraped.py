"""Metrics that controllers ask for in an environment where nothing scrapes the pods."""

from __future__ import annotations

from collections.abc import Iterator

from ..because import Unavailable
from ..diagnostics import Diagnostic
from ..finding import Refusal, finding
from ..plan import Plan
from ..plan.service import ServicePlan

__all__ = ["unscraped"]


def unscraped(plan: Plan) -> Iterator[Diagnostic]:
    """A warning if an environment runs a canary or an autoscaler, but not the monitors that their queries rest on."""
    try:
        monitored = plan.runs("monitoring")
        served = plan.online.values() if plan.runs("serving").value and not monitored.value else ()
        asking = next((found for service in served if (found := _asking(service)) is not None), None)
    except (Unavailable, Refusal):
        return
    if asking is not None:
        who, happens, fields = asking
        without = " and ".join(f"`{field}: none`" for field in fields)
        yield finding(
            "MLS633",
            f"nothing scrapes the metrics that the {who} asks for",
            monitored,
            label="`monitoring` includes the monitors of its pods",
            severity="warning",
            note=happens,
            help=f"add `monitoring` to the environment's `runs`, or set {without} there",
        ).but(environments=(plan.name,))


def _asking(service: ServicePlan) -> tuple[str, str, list[str]] | None:
    """What asks for metrics of a service, what happens without them, and the fields that do without them."""
    name, entry = service.part.own_name.value, service.scaler
    fields = ["platform.autoscaling.provider"] if entry.scales.value and entry.follows.value == "queries" else []
    if service.workload.progressive.value:
        waits = "each of its steps finds no data, so a rollout waits for an engineer and goes no further"
        return f"canary of `{name}`", waits, ["platform.rollout.provider", *fields]
    stays = "its queries return nothing, so the number of replicas does not follow the load"
    return (f"autoscaler of `{name}`", stays, fields) if fields else None
