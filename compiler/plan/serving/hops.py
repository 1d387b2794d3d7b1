"""What a request to an online service spends before the model works on it: hops, lookups, and calls to other services.

Only what the spec or the platform file declares counts. A hop and a lookup take time of the bound and no slot of a
replica. A call takes a slot for as long as it lasts, so a service time that was measured on a replica includes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Protocol

from ....schema.units import Duration
from ...because import Because, decision
from ...row import Row
from ...system import Latency, OnlineService, ServiceAccess
from ..scope import Scope
from .arrival import Arrival
from .identity import Measured
from .recording import chosen, recorder

__all__ = ["BOUNDED", "Call", "Hops", "less"]

BOUNDED: dict[Measured, str] = {"latency": "latency", "first_token": "time to first token"}
"""The bounds that hops and calls count toward, and how a title names them."""


class Served(Protocol):
    """What must be known of a service."""

    scope: Scope
    part: OnlineService
    arrival: Arrival

    @property
    def model(self) -> Because[str]: ...

    def bounds(self, name: Measured) -> Latency: ...


class Call(Row):
    """A call to another service of the system."""

    name: str
    time: Because[Duration] | None
    """How long it takes; None if nothing says it."""


class Hops:
    """What a request to one online service passes before the model works on it."""

    def __init__(self, service: Served) -> None:
        self._service = service

    @property
    def _scope(self) -> Scope:
        return self._service.scope

    @cached_property
    def hop(self) -> Because[Duration] | None:
        """How long the gateway or the mesh delays a request; None if neither is declared."""
        arrival, gateway, mesh = self._service.arrival, self._scope.platform.gateway.hop, _mesh_hop(self._scope)
        if gateway is not None and not arrival.by_gateway.value:
            gateway = None
        if mesh is not None and not arrival.callers:
            mesh = None
        if gateway is None and mesh is None:
            return None
        return _slower(gateway, mesh).also(arrival.by_gateway, arrival.callers)

    @cached_property
    def lookup(self) -> Because[Duration] | None:
        """How long the lookup of features takes; None if the model reads none, or if that is not declared."""
        features = self._scope.system.features
        if features is None or features.lookup is None:
            return None
        signature = self._scope.system.models[self._service.model.value].signature
        read = [
            one.from_ for one in (signature.inputs if signature is not None else ()) if one.from_.value != "request"
        ]
        return _lookup(features.lookup).also(read) if read else None

    @cached_property
    def recorder(self) -> Because[Duration] | None:
        """How long the sidecar that records predictions takes; no time if something else records them, and None if
        nothing does.
        """
        found = recorder(self._scope, self._service.part)
        if found is not None:
            return _recorder(found.part.hop).also(found.part.by)
        return next((_no_recorder(by) for by in chosen(self._scope, self._service.part)), None)

    @property
    def before(self) -> tuple[Because[Duration], ...]:
        """What takes time of the bound, but no slot of a replica."""
        return tuple(time for time in (self.hop, self.recorder, self.lookup) if time is not None)

    def calls(self, kind: Measured, percentile: str) -> tuple[Call, ...]:
        """The calls to other services, one after another, for a percentile of a bound of the service."""
        bounds = self._service.bounds(kind)
        return tuple(_calls(self._scope, self._service.part, bounds, percentile, ()))


def less(bound: Because[Duration], before: tuple[Because[Duration], ...]) -> Because[Duration]:
    """What hops and lookups leave of a bound, at least a millisecond."""
    return _less(bound, *before) if before else bound


def _mesh_hop(scope: Scope) -> Because[Duration] | None:
    mesh = scope.platform.mesh
    return mesh.hop.also(mesh.provider) if mesh.hop is not None and mesh.provider.value != "none" else None


# Calls


def _calls(
    scope: Scope, part: OnlineService, bounds: Latency, percentile: str, seen: tuple[str, ...]
) -> Iterator[Call]:
    """The calls of a service. One that would return to a service of the chain is left out: it has no end."""
    for use in part.access:
        access = scope.system.access[use.value]
        if not isinstance(access, ServiceAccess) or access.service.value in (*seen, part.own_name.value):
            continue
        other = scope.system.services[access.service.value]
        if isinstance(other, OnlineService):
            time = _call(scope, other, bounds, percentile, (*seen, part.own_name.value))
            yield Call(access.service.value, time.also(use, access.service) if time is not None else None)


def _call(
    scope: Scope, part: OnlineService, bounds: Latency, percentile: str, seen: tuple[str, ...]
) -> Because[Duration] | None:
    """How long a service takes to answer: what it promises, else its mean service time with what it waits for.

    A bound of the system is for the answer to the system's caller, so it is not what its services promise each other.
    """
    own = part.constraints.latency
    if own.node is not None and own is not bounds:
        names = [name for name in own.fields if getattr(own, name) is not None]
        able = [name for name in names if list(own.fields).index(name) >= list(own.fields).index(percentile)]
        if able:
            return _promised(getattr(own, able[0]), part.own_name, able[0])
    if part.service_time is None:
        return None
    delay = part.batching.max_delay if part.batching is not None else None
    inner = [call.time for call in _calls(scope, part, bounds, percentile, seen)]
    return _usual(part.own_name, part.service_time.mean, delay, _mesh_hop(scope), *inner)


# Decisions


@decision
def _slower(gateway: Because[Duration] | None, mesh: Because[Duration] | None) -> tuple[Duration, str]:
    if mesh is not None and (gateway is None or mesh.value > gateway.value):
        return mesh.value, f"{mesh.value} for the mesh"
    assert gateway is not None
    return gateway.value, f"{gateway.value} for the gateway"


@decision
def _lookup(time: Because[Duration]) -> tuple[Duration, str]:
    return time.value, f"{time.value} to look features up"


@decision
def _recorder(time: Because[Duration]) -> tuple[Duration, str]:
    return time.value, f"{time.value} for the recorder"


@decision
def _no_recorder(by: Because[str]) -> tuple[Duration, str]:
    return Duration(0), f"0s because the {by.value} records predictions"


@decision
def _less(bound: Because[Duration], *before: Because[Duration]) -> tuple[Duration, str]:
    left = max(Decimal("0.001"), bound.value.amount - sum(time.value.amount for time in before))
    return Duration(left), f"{bound.value} minus {', '.join(time.reason for time in before)}"


@decision
def _promised(bound: Because[Duration], name: Because[str], percentile: str) -> tuple[Duration, str]:
    return bound.value, f"{bound.value} for `{name.value}`, as it promises at {percentile}"


@decision
def _usual(
    name: Because[str],
    mean: Because[Duration],
    delay: Because[Duration] | None,
    hop: Because[Duration] | None,
    *calls: Because[Duration] | None,
) -> tuple[Duration, str]:
    parts = [time for time in (hop, delay, mean, *calls) if time is not None]
    total = Duration(sum((time.value.amount for time in parts), Decimal(0)))
    what = "its mean service time" if len(parts) == 1 else "its mean service time with what it waits for"
    return total, f"{total} for `{name.value}`, {what}"
