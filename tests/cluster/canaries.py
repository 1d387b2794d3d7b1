"""Canaries that run at the same time, each in a namespace of its own, and what was seen of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from mlspec import Result

from .api import Api, ApiError, Object
from .behavior import GOOD, Behavior
from .control_plane import wait
from .ground import Ground
from .network import Demand
from .systems import PATH, applied, compiled

__all__ = ["Canary", "Moment", "Scenario", "Tool", "run", "server_side"]

RATE = 200.0


Tool = Callable[[Ground, Result, Path], None]
"""Applies a compiled system; the folder is its own."""


def server_side(ground: Ground, result: Result, _: Path) -> None:
    """A server-side apply that takes over fields of others, as Flux does without further settings."""
    ground.apply(applied(result), "kustomize-controller", force=True)


@dataclass(frozen=True)
class Scenario:
    """What is released, and how the new version behaves."""

    behavior: Behavior = GOOD
    rate: Callable[[float], float] = lambda _: RATE
    """Requests per second, by the seconds since the demand began."""
    again: bool = False
    """Whether everything is applied once more in the middle of the first step."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What its spec has that the others' do not have."""
    tool: Tool = server_side
    """How its files reach the cluster; by default, a server-side apply that takes fields over, as Flux does."""


@dataclass(frozen=True)
class Moment:
    """What was seen of a rollout at one time; it is noted when something changes."""

    seconds: float
    """Since the new version was applied."""
    phase: str
    step: int
    message: str
    aborted: bool
    canary: int
    """The weight of the new version's Service in the route."""
    selected: tuple[bool, bool]
    """Whether the selector of the stable Service, and of the canary's, names one version."""


@dataclass
class Canary:
    """One scenario while it runs."""

    namespace: str
    scenario: Scenario
    result: Result
    folder: Path
    again: float | None = None
    """When everything was applied once more, in seconds since the new version was applied."""
    began: float = 0.0
    moments: list[Moment] = field(default_factory=list)
    alerts: dict[str, float] = field(default_factory=dict)
    """When each alert fired first, in seconds since the new version was applied."""

    @property
    def last(self) -> Moment:
        """The latest state."""
        return self.moments[-1]

    @property
    def rolled_back(self) -> bool:
        """Whether the new version was rolled back, and the route is as it was before."""
        return bool(self.moments) and self.last.aborted and self.last.canary == 0

    @property
    def promoted(self) -> bool:
        """Whether the new version has all traffic."""
        return bool(self.moments) and self.last.phase == "Healthy" and self.last.seconds > 20

    @property
    def held(self) -> bool:
        """Whether the rollout waits for an engineer, who has been told."""
        return bool(self.moments) and self.last.phase == "Paused" and "ModelRolloutHeld" in self.alerts

    @property
    def done(self) -> bool:
        """Whether nothing more will happen."""
        return self.rolled_back or self.promoted or self.held

    @property
    def end(self) -> str:
        """How it ended, in a word or two."""
        return "promoted" if self.promoted else "rolled back" if self.rolled_back else "held"

    @property
    def why(self) -> str:
        """What the controller says in the end, on one line of a table."""
        return self.last.message.rpartition("error/failed: ")[2].replace("|", "or")

    @property
    def shares(self) -> list[int]:
        """The weights of the new version, in order, each once."""
        seen = [0]
        for moment in self.moments:
            if moment.canary != seen[-1]:
                seen.append(moment.canary)
        return seen

    def told(self) -> str:
        """The states that it went through, for the message of a failed test."""
        return f"{self.namespace}:\n" + "\n".join(map(str, self.moments))


def run(ground: Ground, folder: Path, scenarios: Mapping[str, Scenario], seconds: float) -> dict[str, Canary]:
    """Release version 1 of every scenario, then version 2, and watch until all are done or the time is over."""
    canaries = {}
    for namespace, scenario in scenarios.items():
        ground.namespace(namespace)
        first = compiled(folder / f"{namespace}-1", namespace, **scenario.changes)
        scenario.tool(ground, first, folder / f"{namespace}-1")
        ground.behaviors[namespace, "2"] = scenario.behavior
        ground.network.demands[namespace] = Demand(PATH, scenario.rate)
        second = compiled(folder / f"{namespace}-2", namespace, release__version=2, **scenario.changes)
        canaries[namespace] = Canary(namespace, scenario, second, folder / f"{namespace}-2")
    ground.prometheus.sync()
    for namespace in scenarios:
        wait(lambda name=namespace: _rollout(ground.api, name)["status"].get("phase") == "Healthy", namespace)  # type: ignore[misc]
    wait(lambda: _scraped(ground) >= set(scenarios), "Prometheus to have a minute of every service", 180)
    threads = [threading.Thread(target=_watch, args=(ground, canary, seconds)) for canary in canaries.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return canaries


def _scraped(ground: Ground) -> set[str]:
    found = ground.prometheus.query('count_over_time(up{job=~".+/digits"}[5m]) >= 5')
    return {labels["namespace"] for labels, _ in found}


def _watch(ground: Ground, canary: Canary, seconds: float) -> None:
    api, scenario = ground.api, canary.scenario
    scenario.tool(ground, canary.result, canary.folder)
    canary.began = time.monotonic()
    while not canary.done and time.monotonic() - canary.began < seconds:
        time.sleep(1)
        try:
            moment = _moment(api, canary)
        except (ApiError, urllib3.exceptions.HTTPError):
            continue
        if not canary.moments or _without_time(canary.last) != _without_time(moment):
            canary.moments.append(moment)
        for alert in ground.prometheus.alerts():
            if alert["state"] == "firing" and alert["labels"].get("namespace") == canary.namespace:
                canary.alerts.setdefault(alert["labels"]["alertname"], moment.seconds)
        if scenario.again and canary.again is None and moment.canary and moment.seconds > 75:
            canary.again = moment.seconds
            scenario.tool(ground, canary.result, canary.folder)


def _moment(api: Api, canary: Canary) -> Moment:
    status = _rollout(api, canary.namespace)["status"]
    root = f"/apis/gateway.networking.k8s.io/v1/namespaces/{canary.namespace}/httproutes/digits"
    refs = api.get(root)["spec"]["rules"][0]["backendRefs"]
    hashes = tuple(
        "rollouts-pod-template-hash" in (api.get(_service(canary.namespace, name))["spec"].get("selector") or {})
        for name in ("digits", "digits-canary")
    )
    return Moment(
        round(time.monotonic() - canary.began, 1),
        status.get("phase", ""),
        status.get("currentStepIndex", 0),
        status.get("message", ""),
        bool(status.get("abort")),
        next(ref.get("weight", 1) for ref in refs if ref["name"] == "digits-canary"),
        (hashes[0], hashes[1]),
    )


def _without_time(moment: Moment) -> tuple[Any, ...]:
    return (moment.phase, moment.step, moment.message, moment.aborted, moment.canary, moment.selected)


def _rollout(api: Api, namespace: str) -> Object:
    return api.get(f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/digits")


def _service(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/services/{name}"
