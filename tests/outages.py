"""A service, minute by minute: what Prometheus sees of its replicas while they work, fail, and come back.

Each replica is a line of states, one per minute: `.` works, `x` is down, `o` is too busy to answer the scrape, `-` has
no pod, so it is no target, and `~` is a minute in which Prometheus itself is down. A replica that comes back from `x`
has a new container, so its counters start at zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .scenes import labeled

__all__ = ["MINUTES", "Service", "down", "line", "series"]

MINUTES = 240
"""How long the story is."""


def line(*parts: tuple[int, str]) -> str:
    """The states of a replica: each pattern fills a number of minutes, and the last one the rest of the story."""
    made = "".join((pattern * minutes)[:minutes] for minutes, pattern in parts)
    return (made + parts[-1][1] * MINUTES)[:MINUTES]


class Service(NamedTuple):
    """What happens to one Triton service. Functions of the minute are for all replicas together."""

    replicas: Sequence[str] = ("." * MINUTES, "." * MINUTES)
    ends: Callable[[int], float] = lambda _: 600
    """The requests that end in a minute."""
    fail: Callable[[int], float] = lambda _: 0
    cancel: Callable[[int], float] = lambda _: 0
    waiting: Callable[[int], float] = lambda minute: minute % 3
    available: Callable[[int], float] = lambda _: 2
    wanted: Callable[[int], float] = lambda _: 2
    scaled: Callable[[int], float] = lambda _: 2
    """The replicas that the autoscaler has asked for."""
    limited: Callable[[int], float] = lambda _: 0
    unread: Callable[[int], float] = lambda _: 0
    """How often the autoscaler failed to read the load in a minute."""
    most: int = 3
    watched: bool = True
    """Whether kube-state-metrics is there."""


def down(of: Service, minute: int) -> bool:
    """Whether Prometheus itself is down."""
    return any(states[minute] == "~" for states in of.replicas)


def series(of: Service, target: dict[str, str], model: str, service: str) -> dict[str, str]:
    """The series, in promtool's notation: Triton's, those of kube-state-metrics, and those of the controllers."""
    made: dict[str, list[str]] = {}
    for number, states in enumerate(of.replicas):
        pod = f"{service}-5d9c7f-{'abcdefghkm'[number] * 5}"
        for name, values in _replica({**target, "pod": pod}, model, states, of):
            made[name] = values
        if of.watched:
            own = {"namespace": target["namespace"], "pod": pod, "container": "server"}
            made[labeled("kube_pod_container_status_restarts_total", **own)] = _restarts(states)
    made.update(_controllers(of, target["namespace"], service))
    return {name: " ".join(values) for name, values in made.items()}


def _replica(target: dict[str, str], model: str, states: str, of: Service) -> Iterator[tuple[str, list[str]]]:
    own = {**target, "model": model, "version": "1"}
    yield labeled("up", **target), _values(states, lambda _: 1, up=True)
    counters: dict[str, Callable[[int], float]] = {
        labeled("nv_inference_request_success", **own): lambda minute: of.ends(minute) - of.fail(minute),
        labeled("nv_inference_request_failure", **own, reason="BACKEND"): of.fail,
        labeled("nv_inference_request_failure", **own, reason="CANCELED"): of.cancel,
        labeled("nv_inference_first_response_histogram_ms_count", **own): of.ends,
        labeled("nv_inference_first_response_histogram_ms_bucket", **own, le="50"): of.ends,
        labeled("nv_inference_request_duration_us", **own): lambda minute: of.ends(minute) * 4000,
    }
    for name, grows in counters.items():
        yield name, _counted(states, lambda minute, grows=grows: grows(minute) / _working(of, minute))  # type: ignore[misc]
    yield labeled("nv_inference_pending_request_count", **own), _values(states, of.waiting)
    recorder = {**target, "job": f"{target['job']}-capture"}
    yield labeled("mlspec_recorder_requests_total", **recorder), _recorded(states, of)


def _working(of: Service, minute: int) -> int:
    return max(1, sum(states[minute] == "." for states in of.replicas))


def _values(states: str, value: Callable[[int], float], *, up: bool = False) -> list[str]:
    """A gauge; a series that ends gets Prometheus's marker."""
    made, there = [], False
    for minute, state in enumerate(states):
        if state == "." or (up and state in "xo"):
            made.append(f"{value(minute):g}" if state == "." else "0")
            there = True
        else:
            made.append("stale" if there and state != "~" else "_")
            there = there and state == "~"
    return made


def _counted(states: str, grows: Callable[[int], float]) -> list[str]:
    """A counter; it starts at zero in a new container."""
    total, totals = 0.0, []
    for minute, state in enumerate(states):
        total = 0.0 if state in "x-" else total + (grows(minute) if minute else 0)
        totals.append(total)
    return [value if value in ("_", "stale") else f"{totals[i]:.10g}" for i, value in enumerate(_values(states, float))]


def _recorded(states: str, of: Service) -> list[str]:
    """The recorder's count of requests. It is in the pod, so it is there, and counts, while the server restarts."""
    return _counted(states.replace("x", ".").replace("o", "."), lambda minute: of.ends(minute) / _working(of, minute))


def _restarts(states: str) -> list[str]:
    """A container restarts each time that it goes down after it has worked. Its pod is there all the time."""
    restarts, made = 0, []
    for minute, state in enumerate(states):
        restarts += state == "x" and minute > 0 and states[minute - 1] == "."
        made.append("_" if state in "-~" else str(restarts))
    return made


def _controllers(of: Service, namespace: str, service: str) -> dict[str, list[str]]:
    hpa: dict[str, Any] = {"namespace": namespace, "horizontalpodautoscaler": f"keda-hpa-{service}"}
    rollout = {"namespace": "argo-rollouts", "exported_namespace": namespace, "name": service}
    keda = {"namespace": "keda", "exported_namespace": namespace, "scaledObject": service, "scaler": "prometheus"}

    def every(value: Callable[[int], float]) -> list[str]:
        return ["_" if down(of, minute) else f"{value(minute):g}" for minute in range(MINUTES)]

    made = {
        labeled("rollout_info", **rollout, phase="Healthy"): every(lambda _: 1),
        labeled("rollout_info_replicas_available", **rollout): every(of.available),
        labeled("rollout_info_replicas_desired", **rollout): every(of.wanted),
        labeled("keda_scaler_detail_errors_total", **keda): every(lambda m: sum(of.unread(i) for i in range(m))),
    }
    if of.watched:
        limited = {"condition": "ScalingLimited", "status": "true"}
        made |= {
            labeled("kube_horizontalpodautoscaler_status_current_replicas", **hpa): every(of.scaled),
            labeled("kube_horizontalpodautoscaler_spec_max_replicas", **hpa): every(lambda _: of.most),
            labeled("kube_horizontalpodautoscaler_status_condition", **hpa, **limited): every(of.limited),
        }
    return made
