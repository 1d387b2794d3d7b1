"""What Prometheus sees of two replicas, and scenes in which an alert waits for its time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ....compiler.because import Because
from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.notation import Series, counter, gauge, labeled
from ....compiler.scenes.served import target
from ....schema.units import Duration
from ..proof import Alert, Check, Flows, Scene, fired, silent

__all__ = ["AT", "PODS", "Phases", "alike", "begins", "in_minutes", "length", "restarts", "steady", "up", "wait"]

PODS = ("a", "b")

AT = 10
"""The minute in which things go wrong."""

Phases = Sequence[tuple[int, float | str]]


def length(flows: Flows) -> int:
    """The minutes of a scene, with the one that it begins in."""
    return sum(flow.minutes for flow in flows) + 1


def up(service: ServicePlan, *replicas: Phases, name: Because[str] | None = None) -> Series:
    """Whether each replica answers the scrape."""
    return {
        labeled("up", target(service, name, pod)): gauge(phases) for pod, phases in zip(PODS, replicas, strict=False)
    }


def alike(service: ServicePlan, phases: Phases) -> Series:
    """Whether the replicas answer the scrape: all of them, or none."""
    return up(service, *[phases for _ in PODS])


def steady(service: ServicePlan, flows: Flows) -> Series:
    """All replicas answer."""
    return alike(service, [(length(flows), 1)])


def restarts(service: ServicePlan, *replicas: Sequence[tuple[int, float]]) -> Series:
    """The restarts of each container, as kube-state-metrics counts them: phases of (minutes, restarts per minute)."""
    made: Series = {}
    for pod, phases in zip(PODS, replicas, strict=False):
        of = target(service, None, pod)
        own = {"namespace": of["namespace"], "pod": of["pod"], "container": "server"}
        made[labeled("kube_pod_container_status_restarts_total", own)] = counter(phases)
    return made


def wait(alert: Alert) -> int:
    """The minutes for which its expression must be true, written as `15m` or `1d12h`."""
    return in_minutes(alert["for"].value) if alert["for"] is not None else 0


@lru_cache(maxsize=64)  # the alerts of a system wait for one of a few times
def in_minutes(written: str) -> int:
    """A duration of PromQL, such as `1d12h`."""
    parts = re.findall("(?<![0-9])[0-9]+[a-z]", written)
    return int(sum(Duration.parse(part).amount for part in parts) // 60)


def begins(alert: Alert, name: str, series: Series, value: float = 0.0, *, late: int = 0) -> Iterator[Scene]:
    """The expression is true from minute AT on, or at most `late` minutes later: it fires after its wait, no sooner."""
    at = AT + wait(alert)
    checks: tuple[Check, ...] = (*silent(alert, max(0, at - 1)), fired(alert, at + late, value))
    yield Scene(name=name, series=series, checks=checks)
