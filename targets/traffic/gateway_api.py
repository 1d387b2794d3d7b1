"""Gateway API: a route with explicit weights for both versions, a mirror to the shadow, and timeouts.

Traps handled here: a missing weight counts as 1, so a sync in the middle of a canary would send half of all requests to
the new version. A route for every path would let callers load and unload models. The gateway plugin's own mirror step
does nothing, and a static mirror to the canary's Service would hit stable pods between rollouts, so the mirror goes to
the shadow's Service. A timeout of `0s` means no timeout.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import refusal
from ...compiler.kinds import Kind, Known, Object
from ...compiler.plan.service import ServicePlan
from ...compiler.system import ShadowStage
from ...schema.units import Duration, Percent
from .. import naming
from ..providers import Moving, TrafficProvider
from .kinds import KINDS

__all__ = ["PROVIDER"]


def route(service: ServicePlan) -> Iterator[Artifact]:
    """An HTTPRoute, or a GRPCRoute if callers use gRPC; none if callers reach the Service directly."""
    parents = _parents(service)
    if not parents:
        return
    plan, kind = service.scope, service.gateway.route_kind
    grpc = kind.value == "GRPCRoute"
    body: Body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": naming.metadata(plan, service.name, naming.labels(plan, "route", service.name)),
        "spec": {
            "parentRefs": parents,
            "hostnames": list(service.arrival.hosts) or None,
            "rules": [
                {
                    "matches": _methods(service) if grpc else _paths(service),
                    "filters": _mirror(service),
                    "backendRefs": _backends(service),
                    "timeouts": _timeouts(service),
                }
            ],
        },
    }
    sources = (kind, service.part.own_name, service.part.mode, service.runtime_name, service.gateway.provider)
    why = because(kind.value, "the gateway routes requests to the service", *sources)
    yield Artifact(path=naming.path_of(plan, "rollout", kind.value, service.name), body=body, why=why)
    if service.arrival.by_gateway.value:
        yield from _own_objects(service)


def _own_objects(service: ServicePlan) -> Iterator[Artifact]:
    """The objects that only this product reads. Their modules are loaded on demand."""
    entry, asked = service.gateway.entry, service.gateway.tokens
    for name in (entry.objects.value, "none" if asked is None else entry.tokens.value):
        if name != "none":
            yield from import_module(f".{name}", __package__).objects(service)


def moving(service: ServicePlan) -> Iterator[Moving]:
    """The weights of both versions, in the only rule of the route."""
    if service.workload.new_service is None:
        return
    kind, why = service.gateway.route_kind, "the weights that the controller sets"
    pointers = tuple(
        because(f"/spec/rules/0/backendRefs/{number}/weight", why, service.workload.progressive)
        for number in range(len(_backends(service)))
    )
    yield Moving(group="gateway.networking.k8s.io", kind=kind.value, name=service.name.also(kind), pointers=pointers)


def _paths(service: ServicePlan) -> list[Body]:
    return [{"path": {"type": path.type, "value": path.value}} for path in service.gateway.paths]


def _methods(service: ServicePlan) -> list[Body] | None:
    taken = service.gateway.methods
    return [{"method": {"type": "Exact", "service": one.service, "method": one.method}} for one in taken] or None


def _parents(service: ServicePlan) -> list[Body | Because[Body]]:
    """The gateway, and the Service if the mesh follows routes to it.

    A mesh does not read `hostnames`, so one route can have both parents (Gateway API, GEP-1426; Istio replaces them by
    the Service's own name in `conversion.go`).
    """
    arrival, gateway = service.arrival, service.scope.platform.gateway
    parents: list[Body | Because[Body]] = []
    if arrival.by_gateway.value:
        parents.append(
            {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "name": gateway.name,
                "namespace": gateway.namespace,
                "sectionName": gateway.listener,
            }
        )
    if arrival.by_mesh.value:
        own: Body = {"group": "", "kind": "Service", "name": service.workload.service, "port": _port(service)}
        parents.append(because(own, arrival.by_mesh.reason, arrival.by_mesh))
    return parents


def _backends(service: ServicePlan) -> list[Body]:
    port = _port(service)
    run, progressive = service.workload, service.workload.progressive
    if run.new_service is None:
        return [_backend(run.service, port, because(100, "there is only one version", progressive))]
    return [
        _backend(run.service, port, because(100, "between rollouts, all requests go to the live version", progressive)),
        _backend(run.new_service, port, because(0, "between rollouts, no requests go to the new version", progressive)),
    ]


def _backend(name: Because[str], port: Because[int], weight: Because[int]) -> Body:
    return {"group": "", "kind": "Service", "name": name, "port": port, "weight": weight}


def _port(service: ServicePlan) -> Because[int]:
    protocol = service.part.protocol
    port: Because[int] | None = getattr(service.runtime.ports, protocol.value)
    if port is None:
        able = [name for name in ("http", "grpc") if getattr(service.runtime.ports, name) is not None]
        raise refusal(
            "MLS012",
            f"`{service.runtime_name.value}` does not speak {protocol.value}",
            protocol,
            service.runtime_name,
            others=((service.runtime_name, "this runtime"),),
            note="the gateway would send requests to a port without a listener",
            help=f"write `protocol: {able[0]}`" if able else "name the port under `container.ports`",
        )
    return because(port.value, "the port that callers use", port, protocol)


def _mirror(service: ServicePlan) -> list[Body] | None:
    stage = service.canary.shadow_stage
    if stage is None:
        return None
    able = _able_to_mirror(service, stage)
    share = _percent(stage.percent)
    if service.shadow is None:
        return None
    mirror: Body = {"backendRef": {"group": "", "kind": "Service", "name": service.shadow_name, "port": _port(service)}}
    if able.value == "percent":
        mirror["percent"] = share
    return [
        {
            "type": "RequestMirror",
            "requestMirror": because(mirror, "a version is in the shadow stage", service.shadow.version, able),
        }
    ]


def _able_to_mirror(service: ServicePlan, stage: ShadowStage) -> Because[str]:
    """What the gateway mirrors. It is refused before a version is in the stage: a promotion would be too late."""
    able = service.mirroring
    if able.value == "none" or (able.value == "all" and stage.percent.value != Percent(1)):
        raise refusal(
            "MLS606",
            f"this gateway cannot mirror {'requests' if able.value == 'none' else 'a share of the requests'}",
            stage.percent,
            stage,
            others=((able, "what the platform supports"),),
            note="the shadow would silently get no traffic, or more than its replicas can handle",
            help="remove the shadow stage"
            + ("" if able.value == "none" else ", or mirror 100%")
            + ", or set `platform.gateway.mirroring` to what your version of the gateway supports",
        )
    return able


def _percent(share: Because[Percent]) -> Because[int]:
    percent = share.value.amount * 100
    if percent != percent.to_integral_value() or not 0 < percent <= 100:
        raise refusal(
            "MLS008",
            f"a gateway cannot mirror {share.value} of the requests",
            share,
            help="write a whole percentage from 1% to 100%",
        )
    return share.map(lambda value: int(value.amount * 100))


def _timeouts(service: ServicePlan) -> Body | None:
    """The request timeout, if the gateway takes it from the route. Others refuse the route, or ignore the field."""
    length = service.gateway.timeout
    if length is None or service.gateway.enforces_timeout.value != "route":
        return None
    timeout = _timeout(length)
    return {"request": timeout, "backendRequest": timeout}


def _timeout(length: Because[Duration]) -> Because[str]:
    if not Duration.parse("1ms") <= length.value < Duration.parse("100000h"):
        raise refusal(
            "MLS008",
            f"a gateway cannot time out after {length.value}",
            length,
            note="its timeouts are at least 1 ms and at most 99,999 hours, and `0s` disables the timeout",
            help="write four times the p99 objective, or leave the timeout out",
        )
    return length.map(gateway_duration)


def gateway_duration(length: Duration) -> str:
    """A duration in the format of Gateway API: whole numbers of h, m, s, and ms (GEP-2257)."""
    millis = int(length.amount * 1000)
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        if millis >= size:
            parts.append(f"{millis // size}{unit}")
            millis %= size
    return "".join(parts) or "0s"


def _resolved(body: Object, known: Known) -> Iterator[str]:
    """Check every Service and port that a route has as its parent, or sends or mirrors requests to."""
    for parent in body["spec"].get("parentRefs", []):
        if parent.get("kind") == "Service":
            yield from _reached(parent, known, "is attached")
    for rule in body["spec"].get("rules", []):
        filters = [one for one in rule.get("filters", []) if one.get("type") == "RequestMirror"]
        mirrors = [one.get("requestMirror", {}).get("backendRef", {}) for one in filters]
        for backend in [*rule.get("backendRefs", []), *mirrors]:
            yield from _reached(backend, known, "routes")


def _reached(reference: Object, known: Known, verb: str) -> Iterator[str]:
    name, port = reference.get("name"), reference.get("port")
    service = known.names.get("Service", {}).get(str(name))
    if service is None:
        yield f"{verb} to a Service `{name}` that does not exist"
    elif port not in [one.get("port") for one in service["spec"].get("ports", [])]:
        yield f"{verb} to port {port} of `{name}`, which has no such port"


PROVIDER = TrafficProvider(
    name="gateway-api",
    route=route,
    moving=moving,
    kinds={
        "HTTPRoute": Kind(check=_resolved),
        "GRPCRoute": Kind(check=_resolved),
        **KINDS,
    },
)
