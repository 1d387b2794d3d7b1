"""Nodes and pods without containers: what the controllers see of a kubelet.

Three Ready nodes in three zones. A scheduled pod gets an address, runs its init containers, starts, and becomes Ready
when the probes that mlspec wrote would succeed against the server of that pod. Pods of jobs run the process that a test
gives for them, or succeed. Deleted pods go at once. It polls, because one list a second is simple and cheap enough.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import urllib3

from .api import Api, ApiError, Object
from .behavior import GOOD, Behavior
from .processes import Exits
from .servers import server_of

__all__ = ["Kubelet", "behavior_of"]

NODES = 3
CAPACITY = {"cpu": "2000", "memory": "8Ti", "pods": "1000", "ephemeral-storage": "20Ti", "nvidia.com/gpu": "64"}
LEASE_SECONDS = 10.0
START_SECONDS = 1.0
"""From scheduled to started, instead of minutes for images and models."""
LIFE_SECONDS = 3.0
"""How long a server that dies runs each time."""
BACK_OFF_SECONDS = 10.0
"""How long it stays down, the first step of a kubelet's back-off."""


@dataclass
class _Run:
    """A pod that this kubelet runs."""

    address: str
    since: float
    restarts: int = 0


class Kubelet:
    """Plays all nodes in a thread; `behavior` says what the pods of a namespace and version do."""

    def __init__(
        self,
        api: Api,
        behavior: Callable[[Object], Behavior],
        job: Callable[[Object], Exits] = lambda _: {},
    ) -> None:
        self._api = api
        self._behavior = behavior
        self._job = job
        self._runs: dict[str, _Run] = {}
        self._count = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="kubelet")
        self.failures: list[str] = []

    def start(self) -> None:
        """Register the nodes, and begin."""
        for number in range(NODES):
            self._register(number)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join()

    def _loop(self) -> None:
        beat = 0.0
        while not self._end.wait(0.5):
            try:
                if time.monotonic() - beat > LEASE_SECONDS:
                    for number in range(NODES):
                        self._renew(number)
                    beat = time.monotonic()
                for pod in self._api.items("/api/v1/pods"):
                    self._sync(pod)
            except ApiError as error:
                if error.status not in (404, 409):  # the pod changed or went in the meantime
                    self.failures.append(str(error))
            except urllib3.exceptions.HTTPError as error:
                self.failures.append(str(error))

    def _sync(self, pod: Object) -> None:
        meta, status = pod["metadata"], pod["status"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        if meta.get("deletionTimestamp"):
            self._runs.pop(meta["uid"], None)
            body = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
            self._api.request("DELETE", path, body)
            return
        if not pod["spec"].get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
            return
        run = self._runs.get(meta["uid"])
        if run is None:
            self._count += 1
            run = _Run(f"10.244.{self._count // 250}.{self._count % 250 + 1}", time.monotonic())
            self._runs[meta["uid"]] = run
        wanted = self._status(pod, run)
        if wanted is not None:
            self._api.merge(f"{path}/status", {"status": wanted})

    def _status(self, pod: Object, run: _Run) -> Object | None:
        """The next status of a pod, or None if nothing changes."""
        age = time.monotonic() - run.since
        if age < START_SECONDS:
            return None
        if (pod["metadata"].get("ownerReferences") or [{}])[0].get("kind") == "Job":
            return _job_status(pod, run, self._job(pod))
        up, run.restarts = self._up(pod, age)
        ready = up and self._probes_succeed(pod)
        now = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
        same = now.get("Ready") == str(ready) and pod["status"]["phase"] == "Running"
        old = (pod["status"].get("containerStatuses") or [{}])[0].get("restartCount")
        return None if same and old == run.restarts else _running(pod, run, up, ready)

    def _up(self, pod: Object, age: float) -> tuple[bool, int]:
        if not self._behavior(pod).dies:
            return True, 0
        cycle = LIFE_SECONDS + BACK_OFF_SECONDS
        return (age - START_SECONDS) % cycle < LIFE_SECONDS, int((age - START_SECONDS) // cycle)

    def _probes_succeed(self, pod: Object) -> bool:
        """Whether the startup and readiness probes of the server would get their answers."""
        server = server_of(pod)
        if server is None:
            return True
        if not self._behavior(pod).starts:
            return False
        container = next(one for one in pod["spec"]["containers"] if one["name"] == "server")
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", []) if "name" in port}
        for name in ("startupProbe", "readinessProbe"):
            asked = container.get(name, {}).get("httpGet")
            if asked is not None and not server.answers(ports.get(asked["port"], asked["port"]), asked["path"]):
                return False
        return True

    def _register(self, number: int) -> None:
        name = f"node-{number}"
        labels = {
            "kubernetes.io/hostname": name,
            "topology.kubernetes.io/zone": f"zone-{number}",
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
        }
        self._api.request(
            "POST",
            "/api/v1/nodes",
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}},
        )
        self._renew(number)

    def _renew(self, number: int) -> None:
        name = f"node-{number}"
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": _now()}
        status = {"capacity": CAPACITY, "allocatable": CAPACITY, "conditions": [ready]}
        self._api.merge(f"/api/v1/nodes/{name}/status", {"status": status})
        self._api.merge(f"/api/v1/nodes/{name}", {"spec": {"taints": None}})
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": _now(micro=True)},
        }
        self._api.apply(lease, "kubelet", force=True)


def behavior_of(table: dict[tuple[str, str], Behavior]) -> Callable[[Object], Behavior]:
    """Look up a pod's behavior by its namespace and the version in its labels; good if a scenario says nothing."""

    def find(pod: Object) -> Behavior:
        labels = pod["metadata"].get("labels", {})
        return table.get((pod["metadata"]["namespace"], labels.get("app.kubernetes.io/version", "")), GOOD)

    return find


def _condition(kind: str, true: bool) -> dict[str, str]:
    return {"type": kind, "status": str(true), "lastTransitionTime": _now()}


def _conditions(initialized: bool, ready: bool) -> list[dict[str, str]]:
    return [
        _condition("PodScheduled", True),
        _condition("PodReadyToStartContainers", True),
        _condition("Initialized", initialized),
        _condition("ContainersReady", ready),
        _condition("Ready", ready),
    ]


def _container(spec: Object, state: Object, ready: bool, restarts: int = 0) -> Object:
    return {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": spec["image"],
        "ready": ready,
        "started": "running" in state,
        "restartCount": restarts,
        "state": state,
    }


def _done(code: int = 0) -> dict[str, Any]:
    reason = "Completed" if code == 0 else "Error"
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": _now(), "finishedAt": _now()}}


def _common(pod: Object, run: _Run) -> Object:
    inits = [
        _container(one, {"running": {"startedAt": _now()}} if one.get("restartPolicy") == "Always" else _done(), True)
        for one in pod["spec"].get("initContainers", [])
    ]
    return {
        "hostIP": "192.0.2.1",
        "podIP": run.address,
        "podIPs": [{"ip": run.address}],
        "startTime": pod["status"].get("startTime") or _now(),
        "initContainerStatuses": inits,
    }


def _running(pod: Object, run: _Run, up: bool, ready: bool) -> Object:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}}
    state = {"running": {"startedAt": _now()}} if up else waiting
    statuses = [_container(one, state, ready, run.restarts) for one in pod["spec"]["containers"]]
    return {
        **_common(pod, run),
        "phase": "Running",
        "conditions": _conditions(True, ready),
        "containerStatuses": statuses,
    }


def _job_status(pod: Object, run: _Run, exits: Exits) -> Object:
    """The pod of a job that has ended: what each container ended with; those after a failure never started."""
    failed = next((name for name, code in exits.items() if code != 0), None)
    waiting = {"waiting": {"reason": "PodInitializing"}}

    def statuses(containers: list[Object]) -> list[Object]:
        ran = [one["name"] in exits or failed is None for one in containers]
        states = [
            _done(exits.get(one["name"], 0)) if has else waiting for one, has in zip(containers, ran, strict=True)
        ]
        return [_container(one, state, False) for one, state in zip(containers, states, strict=True)]

    return {
        **_common(pod, run),
        "phase": "Succeeded" if failed is None else "Failed",
        "conditions": _conditions(True, False),
        "initContainerStatuses": statuses(pod["spec"].get("initContainers", [])),
        "containerStatuses": statuses(pod["spec"]["containers"]),
    }


def _now(micro: bool = False) -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")
