"""Rules on how requests arrive: a canary needs a route, a route needs a host, and no timeout may break an objective."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.objectives import ALERTED
from ...plan.service import ServicePlan
from ...system import MLSystem
from ..lint import rule

__all__ = ["answers_every_host", "bypassed_canary", "timeout_below_the_objective"]


@rule("MLS609", "error", "services.*.endpoint.callers", "services.*.endpoint.hosts")
def bypassed_canary(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Callers that bypass the canary.

    Why: only a route shifts and mirrors requests. Callers that use the Service always reach the live version, so the
    first of their requests that a new version gets is after its canary. An analysis that counts on them waits for
    requests that never arrive.

    Bad:
        constraints: {availability: 99.5%}
        serving:
          endpoint: {hosts: [base.example.com], callers: [{namespace: payments}]}
    Good:
        constraints: {availability: 99.5%}
        serving:
          endpoint: {hosts: [base.example.com], callers: [{namespace: payments}], throughGateway: 90%}
    """
    for service in plan.online.values():
        canary, arrival = service.canary, service.arrival
        if arrival.routed_share is not None:
            continue
        if canary.progressive.value:
            what = "canary"
        elif canary.shadow_stage is not None:
            what = "shadow"
        else:
            continue
        stage = canary.stage if what == "canary" else canary.shadow_stage
        yield finding(
            "MLS609",
            f"the requests of these callers bypass the {what} of `{service.part.own_name.value}`",
            arrival.callers,
            others=((stage, f"the {what}"), (service.part.endpoint.hosts, "only requests to its hosts pass the route")),
            note="they always reach the live version, and the planner cannot tell how many of all requests pass the "
            "route, so the analysis may wait for requests that never arrive",
            help=_way_out(service, plan, what),
        )


def _way_out(service: ServicePlan, plan: Plan, what: str) -> str:
    endpoint = service.part.endpoint
    if endpoint.hosts:
        share = "write the share of the requests that arrive through the gateway, such as `throughGateway: 90%`"
        return f"{share}, or remove `callers`" if endpoint.callers and not service.siblings else share
    others = (other for other in plan.online.values() if other is not service)
    if any(other.arrival.by_gateway.value for other in others):
        rolls = "write `throughGateway: 0%`, so that new versions of this service replace the old one without it"
    else:
        rolls = f"remove the {what} from `rollout.stages`, so that new versions replace the old one without it"
    return f"give it `hosts` and write the share of requests that use them, such as `throughGateway: 90%`, or {rolls}"


@rule("MLS612", "warning", "services.*.endpoint.timeout")
def timeout_below_the_objective(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Timeout shorter than the latency objective.

    Why: the gateway fails requests that the objective allows. Their callers get errors, while the latency objective
    looks better than before: what the server never finished is not in its histogram.

    Bad:
        constraints: {latency: {p99: 100ms}}
        serving: {endpoint: {timeout: 50ms}}
    Good:
        constraints: {latency: {p99: 100ms}}
        serving: {endpoint: {timeout: 400ms}}
    """
    for service in plan.online.values():
        given = service.part.endpoint.timeout.given
        latency = service.bounds("latency")
        bounds = (getattr(latency, name) for name in reversed(ALERTED))
        slowest = next((bound for bound in bounds if bound is not None), None)
        if given is not None and slowest is not None and given.value < slowest.value:
            yield finding(
                "MLS612",
                f"requests may take {slowest.value}, but the gateway gives up after {given.value}",
                given,
                others=((slowest, "the objective allows this"),),
                note="they fail although the objective allows them, and the latency objective does not see them",
                help=f"write at least `timeout: {slowest.value}`, or remove it to allow four times as long",
            )


@rule("MLS617", "warning", "services.*.endpoint.hosts", "platform.gateway.domain")
def answers_every_host(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Route for every host of the gateway.

    Why: a route without host names takes all requests that no other route claims, also those that are not for the
    model. Of two such routes, the older one gets everything, and the other service gets no requests at all.

    Bad:
        serving: {endpoint: {timeout: 1s}}
    Good:
        serving: {endpoint: {hosts: [fraud.example.com]}}
    """
    for service in plan.online.values():
        arrival = service.arrival
        if not arrival.by_gateway.value or arrival.hosts or arrival.routed_share is None:
            continue  # a service whose share is unknown has a worse finding
        name = service.part.own_name.value
        yield finding(
            "MLS617",
            f"the route of `{name}` takes the requests to every host of the gateway",
            service.part.endpoint,
            service.part.mode,
            note="requests that are not for the model reach it, and of two such routes, one silently gets none",
            help=f"add `endpoint: {{hosts: [{name}.example.com]}}` with its host name, or set "
            "`platform.gateway.domain`, which gives every service a host",
        )
