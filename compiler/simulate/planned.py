"""What a simulation needs from the plan of one online service.

The engines of this package work on plain numbers. So a change of the plan changes only this module, `planned_language`,
and `planned_rollout`.
"""

from __future__ import annotations

import math

from ...schema.units import Duration
from ..because import first
from ..day import lowest
from ..plan.choose import number, seconds
from ..plan.scaling.behavior import DOWN, UP
from ..plan.scaling.behavior import Pace as Emitted
from ..plan.scaling.reaction import RECORDED
from ..plan.service import ServicePlan
from ..record import Record
from .arrivals import Profile
from .batching import Engine
from .planned_language import Skipped, engine
from .queues import Batching, Server
from .scaler import SYNC, TOLERANCE, Autoscaler, Pace
from .times import Times

__all__ = ["Bound", "Planned", "Skipped", "planned"]

FLEET = 2_000
"""The most replicas that a simulation holds. It looks at each of them, every few seconds of simulated time."""

KINDS = {"latency": "latency", "first_token": "first token", "inter_token": "between tokens"}


class Bound(Record):
    """A promise on one percentile of one kind of latency."""

    name: str
    kind: str
    """`latency`, `first_token`, or `inter_token`."""
    share: float
    """The percentile as a share: 0.99."""
    seconds: float


class Planned(Record):
    """One online service as the plan describes it. Times are in seconds, and rates are in requests per second."""

    name: str
    profile: Profile
    how: Server | Engine
    replicas: dict[str, int]
    """The replicas that the plan has at the `peak`, the `mean`, and the `trough`."""
    least: int
    most: int
    zones: int
    """The zones that the replicas spread over."""
    autoscaler: Autoscaler | None
    bounds: tuple[Bound, ...]
    availability: float | None
    """The share of requests that must succeed."""
    month: float
    """The requests in the window of the objectives."""
    window: str
    """That window: `30d`."""
    utilization: float | None
    """The busiest that the plan lets a replica be; None if it counts sequences instead."""
    assumptions: tuple[str, ...]
    """What neither the spec nor the plan says."""
    of_a_day: tuple[str, ...]
    """The same about the traffic of a day."""


def planned(service: ServicePlan) -> Planned:
    """Read the plan of a service. Raises Skipped if it lacks a rate, or how long a request takes."""
    profile, about_day = _profile(service)
    how, about_replicas = _how(service)
    autoscaler = _autoscaler(service)
    least = service.scaling.least.value if autoscaler is not None else service.min_replicas.value
    most = max(least, service.max_replicas.value) if autoscaler is not None else least
    if most > FLEET:
        raise Skipped(
            f"it has up to {most:,} replicas, and a simulation holds {FLEET:,}: simulate a part of its traffic"
        )
    window = service.objectives.slo.window.value
    small = service.for_mean.value
    return Planned(
        name=service.name.value,
        profile=profile,
        how=how,
        replicas={
            "peak": max(least, min(most, service.for_peak.value)),
            "mean": max(least, min(most, small)),
            "trough": least,
        },
        least=least,
        most=most,
        zones=service.care.zones.value,
        autoscaler=autoscaler,
        bounds=tuple(_bounds(service)),
        availability=float(service.availability.value) if service.availability is not None else None,
        month=profile.mean * float(Duration.parse(window)),
        window=window,
        utilization=service.care.busiest if isinstance(how, Server) else None,
        assumptions=(*about_replicas, *_about_cluster(service, autoscaler)),
        of_a_day=tuple(about_day),
    )


def _profile(service: ServicePlan) -> tuple[Profile, list[str]]:
    mean, peak, trough = (service.traffic(name) for name in ("mean", "peak", "trough"))
    usual = first(mean, peak)
    if usual is None:
        raise Skipped("its throughput is unknown: set `constraints.throughput`")
    if not usual.value.amount:
        raise Skipped(f"its throughput is {usual.value}: no request arrives")
    rate = float(usual.value)
    highest = float(peak.value) if peak is not None else rate
    if trough is not None:
        hours = tuple(float(each.value) for each in service.hours)
        return Profile(trough=float(trough.value), mean=rate, peak=highest, hours=hours), []
    least = lowest(rate, highest)
    said = f"the trough is {number(least)}/s, until `constraints.throughput.trough` is set"
    return Profile(trough=least, mean=rate, peak=highest), [said] if highest > rate else []


def _bounds(service: ServicePlan) -> list[Bound]:
    """The bounds without what hops and lookups take of them, which the simulated requests do not pass."""
    found, before = [], sum(float(time.value) for time in service.hops.before)
    for kind, what in KINDS.items():
        latency = service.bounds(kind)  # type: ignore[arg-type]
        for name in latency.fields:
            bound = getattr(latency, name)
            if bound is not None:
                share = float(f"0.{name.removeprefix('p')}")
                left = float(bound.value) - (before if kind != "inter_token" else 0.0)
                found.append(Bound(name=f"{what} {name}", kind=kind, share=share, seconds=max(0.0, left)))
    return found


# Replicas


def _how(service: ServicePlan) -> tuple[Server | Engine, list[str]]:
    startup = float(service.live.until_ready.value)
    room = service.queue.value if service.queue is not None else None
    timeout = float(service.timing.timeout.value)
    if service.mean_time is None:
        found, estimates = engine(service, startup, room, timeout)
        return found, [*estimates, *_about_routing(service)]
    times, said = _times(service)
    batching = service.part.batching
    delay = float(batching.max_delay.value) if batching is not None and batching.max_delay is not None else 0.0
    server = Server(
        times=times,
        slots=service.slots.value,
        routing=service.queues.value,
        room=room,
        timeout=timeout,
        startup=startup,
        batching=Batching(size=batching.max_size.value, delay=delay) if batching is not None and delay else None,
    )
    return server, [said, *_about_routing(service)]


def _times(service: ServicePlan) -> tuple[Times, str]:
    """The distribution that the planner assumes, too."""
    assert service.demand is not None
    work = service.demand.promises.work
    spread, said = work.value.spread, f"service times are {work.value}: {work.reason}"
    if spread is None:
        return Times(mean=work.value.mean), said
    return Times(mean=math.exp(work.value.middle + spread**2 / 2), sigma=spread), said


def _about_routing(service: ServicePlan) -> list[str]:
    if service.queues.value == "least-request":
        return ["the gateway sends each request to the less busy of two random replicas"]
    if service.queues.value == "workers":
        return ["the gateway picks a replica at random, and the replica a worker, which has its own queue"]
    return ["the gateway picks a replica at random"]


# The autoscaler


def _autoscaler(service: ServicePlan) -> Autoscaler | None:
    scaling = service.scaling
    if not service.scales.value:
        return None
    by_processors = scaling.by_processors
    if not by_processors and scaling.signal is None:
        return None
    target = (
        scaling.processors.value / 100 * float(service.cpu.value) if by_processors else float(scaling.threshold.value)
    )
    known = service.metrics.in_flight
    signal = "processors" if by_processors else scaling.signal.value if scaling.signal is not None else ""
    averaged = signal == "in-flight" and known is not None and known.gauge is None
    return Autoscaler(
        signal=signal,
        window=float(service.rate_window.value) if averaged else 0.0,
        scrape=float(service.scrape_interval.value),
        target=target,
        least=scaling.least.value,
        most=max(scaling.least.value, service.max_replicas.value),
        up=_pace(UP),
        down=_pace(DOWN),
        recorded=float(RECORDED.value) if scaling.adapter is not None else 0.0,
    )


def _pace(pace: Emitted) -> Pace:
    by_percent = pace.kind == "Percent"
    most = float(pace.most.value)
    return Pace(
        stable=float(pace.stable.value),
        percent=most if by_percent else None,
        pods=None if by_percent else most,
        period=float(pace.period.value),
    )


def _about_cluster(service: ServicePlan, autoscaler: Autoscaler | None) -> list[str]:
    after = seconds(float(service.live.until_ready.value))
    found = [f"a new replica is ready {after} after it is asked for, with the wait for its node"]
    if autoscaler is not None:
        found.append(
            f"the autoscaler looks every {SYNC:.0f} s, with a tolerance of {TOLERANCE:.0%}: Kubernetes's defaults"
        )
        if autoscaler.recorded:
            found.append(f"its adapter serves what a rule records every {autoscaler.recorded:.0f} s")
    return found
