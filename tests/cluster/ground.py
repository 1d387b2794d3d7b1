"""The proving ground as a whole: control plane, kubelet, network, and Prometheus, started once for all tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import urllib3

from .api import Api, ApiError, Object, path_of
from .behavior import Behavior
from .control_plane import ControlPlane
from .kubelet import Kubelet, behavior_of
from .network import Network
from .processes import Exits
from .prometheus import Prometheus

__all__ = ["Ground", "in_order"]

PROMETHEUS = "prometheus-operated.monitoring:9090"
"""Where the examples' platform file says that Prometheus is."""

RESTRICTED = {
    f"pod-security.kubernetes.io/{mode}": level
    for mode, level in (("enforce", "restricted"), ("warn", "restricted"), ("enforce-version", "latest"))
}

VOLUMES = 8
"""Volumes that claims are bound to: there is no provisioner."""

ORDER = ("Namespace", "ServiceAccount", "ConfigMap", "Secret", "Service")
"""Kinds that others refer to go first."""


class Ground:
    """Everything that runs, and what was measured while it started."""

    def __init__(self, folder: Path) -> None:
        self.plane = ControlPlane(folder)
        self.behaviors: dict[tuple[str, str], Behavior] = {}
        self.jobs: dict[str, Callable[[Object], Exits]] = {}
        """What runs the containers of a job's pod, by namespace; without it, pods succeed."""
        find = behavior_of(self.behaviors)
        self.kubelet = Kubelet(self.plane.api, find, self._run)
        self.network = Network(self.plane.api, find)
        self.times: dict[str, float] = {}

    @property
    def api(self) -> Api:
        """The administrator's access."""
        return self.plane.api

    def _run(self, pod: Object) -> Exits:
        job = self.jobs.get(pod["metadata"]["namespace"])
        return job(pod) if job is not None else {}

    def start(self) -> None:
        """Start everything."""
        begin = time.monotonic()
        self.plane.start()
        self.times["control plane"] = time.monotonic() - begin
        self.plane.define()
        for number in range(VOLUMES):
            self.api.apply(_volume(number))
        self.kubelet.start()
        self.network.start()
        away = {"HTTP_PROXY": self.network.proxy, "NO_PROXY": "127.0.0.1,localhost"}
        metrics = self.plane.argo_rollouts(away)
        self.prometheus = Prometheus(self.plane, self.network.proxy, metrics)
        self.prometheus.start()
        self.network.hosts[PROMETHEUS] = self.prometheus.address
        self.times["everything"] = time.monotonic() - begin

    def stop(self) -> None:
        """End everything."""
        for part in (self.prometheus, self.kubelet, self.network):
            part.stop()
        self.plane.stop()

    def namespace(self, name: str) -> None:
        """Create a namespace that enforces the restricted Pod Security Standard."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}
        self.api.apply(body)

    def classes(self, pod: Object) -> None:
        """Create the classes that a pod names. A platform names only those that its cluster has."""
        spec = pod["spec"]
        for kind, api, field, has in (
            ("PriorityClass", "scheduling.k8s.io/v1", "priorityClassName", {"value": 1000}),
            ("RuntimeClass", "node.k8s.io/v1", "runtimeClassName", {"handler": "runc"}),
        ):
            if field in spec:
                self.api.apply({"apiVersion": api, "kind": kind, "metadata": {"name": spec[field]}, **has})

    def apply(self, bodies: Iterable[Object], manager: str = "mlspec", force: bool = True) -> list[Object]:
        """Apply objects on the server; the result is what the server holds now."""
        return [self.api.apply(body, manager, force=force) for body in in_order(bodies)]

    def told(self) -> str:
        """The rollouts that are not healthy, with their analyses, for the report of a failed test."""
        try:
            return "\n".join([*self._told(), f"longest round of the gateway: {self.network.longest:.1f} s"])
        except (ApiError, urllib3.exceptions.HTTPError) as error:
            return f"the API server does not answer: {error}"

    def _told(self) -> Iterator[str]:
        root = "/apis/argoproj.io/v1alpha1"
        everything = self.api.items(f"{root}/rollouts")
        rollouts = [one for one in everything if one.get("status", {}).get("phase") != "Healthy"]
        names = {one["metadata"]["namespace"] for one in rollouts}
        yield from map(_rollout, rollouts)
        for run in self.api.items(f"{root}/analysisruns"):
            if run["metadata"]["namespace"] in names:
                yield from _analysis(run)

    def live(self, body: Object) -> Object:
        """The live state of an object."""
        return self.api.get(path_of(body))


def _rollout(rollout: Object) -> str:
    status = rollout.get("status", {})
    shown = {key: status.get(key) for key in ("phase", "currentStepIndex", "abort", "message")}
    return f"Rollout {rollout['metadata']['namespace']}/{rollout['metadata']['name']}: {shown}"


def _analysis(run: Object) -> Iterator[str]:
    for metric in run.get("status", {}).get("metricResults", []):
        found = [
            (one.get("finishedAt"), one.get("value"), one.get("message")) for one in metric.get("measurements", [])
        ]
        name = f"{run['metadata']['namespace']}/{run['metadata']['name']}"
        yield f"AnalysisRun {name}: {metric['name']} {metric['phase']} {found}"


def _volume(number: int) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"volume-{number}"},
        "spec": {
            "capacity": {"storage": "1Ti"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/played"},
        },
    }


def in_order(bodies: Iterable[Object]) -> list[Object]:
    """Objects in the order in which they are applied."""
    return sorted(bodies, key=lambda body: ORDER.index(body["kind"]) if body["kind"] in ORDER else len(ORDER))
