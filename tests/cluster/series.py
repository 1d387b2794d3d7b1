"""The series that a service exports while a new version rolls out, in OpenMetrics, for each way that it can behave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mlspec.compiler.plan.objectives import Objective
from mlspec.compiler.plan.service import ServicePlan

__all__ = ["EVERY", "HASH", "LEAD", "SCENARIOS", "Scenario", "Step", "lines"]

HASH = "6d5f7c9b8"
"""The pod template hash of the new version."""

EVERY = 30
"""Seconds between two scrapes."""

LEAD = 7200
"""How long the live version was alone before, in seconds."""


@dataclass(frozen=True)
class Step:
    """A part of a rollout: the new version's share of the requests, and how long, in seconds."""

    share: float
    lasts: int


@dataclass(frozen=True)
class Scenario:
    """How the new version behaves. The live version is as it should be."""

    errors: float | None = None
    """The share of requests that fail; None for half of what the objective allows."""
    slow: float | None = None
    """The share of answers above a bound; None for half of what the objective allows."""
    up: int | None = None
    """For how many seconds Prometheus can scrape it; None for always."""
    answers: bool = True
    """Whether a request ever ends."""
    night: bool = False
    """Whether there are as few requests as the spec expects at night."""


SCENARIOS = {
    "works": Scenario(),
    "fails every request": Scenario(errors=1.0),
    "its pods die": Scenario(up=60),
    "hangs": Scenario(answers=False),
    "is slow": Scenario(slow=1.0),
    "cannot be scraped": Scenario(up=0),
    "works, at night": Scenario(night=True),
}


@dataclass
class _Pod:
    """One pod's counters."""

    labels: dict[str, str]
    good: float = 0.0
    bad: float = 0.0
    fast: dict[str, float] = field(default_factory=dict)
    """Timely answers, by objective."""


def lines(service: ServicePlan, scenario: Scenario, steps: Iterable[Step], rate: float, start: int) -> Iterator[str]:
    """The samples from `LEAD` seconds before `start`, when the rollout begins, until its last step ends."""
    timed = [objective for objective in service.objectives.all if objective.bucket is not None]
    budgets = {objective.name: 1 - float(objective.target.value) for objective in service.objectives.all}
    live, new = _pod(service, "live", "5c8d9f7b6", timed), _pod(service, "new", HASH, timed)
    errors = budgets.get("availability", 0.002) / 2
    shares = [Step(0.0, LEAD), *steps]
    at = start - LEAD
    for step in shares:
        for _ in range(step.lasts // EVERY):
            at += EVERY
            asked = rate * EVERY
            _count(live, asked * (1 - step.share), errors, {one.name: budgets[one.name] / 2 for one in timed})
            yield from _written(service, live, timed, at, up=True)
            if at < start:
                continue
            alive = scenario.up is None or at - start < scenario.up
            if alive and scenario.answers:
                slow = {one.name: budgets[one.name] / 2 if scenario.slow is None else scenario.slow for one in timed}
                _count(new, asked * step.share, errors if scenario.errors is None else scenario.errors, slow)
            yield from _written(service, new, timed, at, up=alive)


def _pod(service: ServicePlan, name: str, hash_: str, timed: list[Objective]) -> _Pod:
    namespace, job = service.scope.namespace.value, service.job.value
    labels = {"namespace": namespace, "job": job, "pod": name, "rollouts_pod_template_hash": hash_}
    return _Pod(labels, fast={objective.name: 0.0 for objective in timed})


def _count(pod: _Pod, requests: float, errors: float, slow: dict[str, float]) -> None:
    pod.bad += requests * errors
    pod.good += requests * (1 - errors)
    for name, share in slow.items():
        pod.fast[name] += requests * (1 - errors) * (1 - share)


def _written(service: ServicePlan, pod: _Pod, timed: list[Objective], at: int, up: bool) -> Iterator[str]:
    yield _sample("up", pod.labels, int(up), at)
    if not up:
        return
    own = {**pod.labels, **_labels(service)}
    for name, labels, value in _counters(service, pod):
        yield _sample(name, {**own, **labels}, int(value), at)
    samples: dict[str, None] = {}
    for objective in timed:
        assert objective.series is not None
        assert objective.series.series is not None
        assert objective.bucket is not None
        name, le = objective.series.series.value, objective.bucket.bound.value
        samples[_sample(f"{name}_count", own, int(pod.good), at)] = None
        samples[_sample(f"{name}_bucket", {**own, "le": le}, int(pod.fast[objective.name]), at)] = None
    yield from samples


def _labels(service: ServicePlan) -> dict[str, str]:
    """The labels that a runtime gives its own series."""
    match service.runtime_name.value:
        case "triton":
            return {"model": service.model.value}
        case "tensorflow-serving":
            return {"model_name": service.model.value, "API": "Predict"}
        case "vllm":
            return {"model_name": service.model.value}
        case other:
            raise ValueError(f"nothing is known of the series of {other}")


def _counters(service: ServicePlan, pod: _Pod) -> list[tuple[str, dict[str, str], float]]:
    """The counters of requests, as the runtime's own documentation has them."""
    match service.runtime_name.value:
        case "triton":
            bad = {"reason": "BACKEND"}
            return [("nv_inference_request_success", {}, pod.good), ("nv_inference_request_failure", bad, pod.bad)]
        case "tensorflow-serving":
            name = ":tensorflow:serving:request_count"
            return [(name, {"status": "OK"}, pod.good), (name, {"status": "INTERNAL"}, pod.bad)]
        case "vllm":
            name, path = "http_requests_total", "/v1/embeddings" if "embed" in service.name.value else _CHAT
            own = {"handler": path, "method": "POST"}
            return [(name, {**own, "status": "2xx"}, pod.good), (name, {**own, "status": "5xx"}, pod.bad)]
        case other:
            raise ValueError(f"nothing is known of the series of {other}")


_CHAT = "/v1/chat/completions"


def _sample(name: str, labels: dict[str, str], value: int, at: int) -> str:
    inside = ",".join(f'{key}="{text}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value} {at}"
