"""The cluster's network without packets: a gateway that divides requests, and a proxy that reaches every pod.

The gateway sends the requests of users as the HTTPRoutes say: it finds the rule by the path, divides by the weights,
follows the Services to their ready endpoints, and counts in each pod what its version does with a request. The proxy is
an HTTP proxy on loopback: Prometheus scrapes `http://<pod address>:<port>/metrics` through it, and Argo Rollouts finds
Prometheus under the address in the spec.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import urllib3

from .api import Api, ApiError, Object
from .behavior import Behavior
from .servers import Counters, Server, server_of

__all__ = ["Demand", "Network"]


@dataclass(frozen=True)
class Demand:
    """What users of one namespace ask for."""

    path: str
    rate: Callable[[float], float]
    """Requests per second, by the seconds since the demand began."""


@dataclass
class _Pod:
    server: Server
    behavior: Behavior
    address: str
    labels: dict[str, str]
    ready: bool
    count: Counters = field(default_factory=Counters)


@dataclass(frozen=True)
class _Objects:
    """What leads to pods, of all namespaces: three lists a round, however many namespaces have a demand."""

    routes: dict[str, list[Object]]
    """The HTTPRoutes of each namespace."""
    slices: dict[tuple[str, str], list[Object]]
    """The EndpointSlices of each Service, by namespace and name."""
    services: dict[tuple[str, str], Object]

    @classmethod
    def listed(cls, api: Api) -> _Objects:
        """As they are now. The routes come first, so that what they name is in the other lists."""
        routes: dict[str, list[Object]] = {}
        for route in api.items("/apis/gateway.networking.k8s.io/v1/httproutes"):
            routes.setdefault(route["metadata"]["namespace"], []).append(route)
        slices: dict[tuple[str, str], list[Object]] = {}
        for one in api.items("/apis/discovery.k8s.io/v1/endpointslices"):
            meta = one["metadata"]
            service = meta.get("labels", {}).get("kubernetes.io/service-name", "")
            slices.setdefault((meta["namespace"], service), []).append(one)
        services = {
            (one["metadata"]["namespace"], one["metadata"]["name"]): one for one in api.items("/api/v1/services")
        }
        return cls(routes, slices, services)


@dataclass
class Seen:
    """The weights of one namespace's routes over time, and the requests that reached no server."""

    weights: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    lost: float = 0.0
    mirrored: float = 0.0
    by_version: dict[str, float] = field(default_factory=dict)


class Network:
    """Starts with `start`; `demands` and `hosts` may change while it runs."""

    def __init__(self, api: Api, behavior: Callable[[Object], Behavior]) -> None:
        self._api = api
        self._behavior = behavior
        self._pods: dict[str, _Pod] = {}
        self._begun: dict[str, float] = {}
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []
        self.demands: dict[str, Demand] = {}
        self.hosts: dict[str, str] = {}
        """Addresses of the cluster's DNS, such as Prometheus', and where they are on loopback."""
        self.seen: dict[str, Seen] = {}
        self.failures: list[str] = []
        self.longest = 0.0
        """Seconds of the longest round so far. Requests of one round reach the pods at once."""
        network = self

        class Proxy(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                network._forward(self)

            do_POST = do_GET  # noqa: N815 - the name that the base class looks for

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        self.proxy = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Begin to send requests, and to forward them."""
        self._threads = [
            threading.Thread(target=self._server.serve_forever, name="proxy"),
            threading.Thread(target=self._loop, name="gateway"),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads."""
        self._end.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()

    # The gateway

    def _loop(self) -> None:
        last = time.monotonic()
        while not self._end.wait(1.0):
            now = time.monotonic()
            self.longest = max(self.longest, now - last)
            try:
                self._look()
                demands = dict(self.demands)
                objects = _Objects.listed(self._api) if demands else _Objects({}, {}, {})
                for namespace, demand in demands.items():
                    age = now - self._begun.setdefault(namespace, now)
                    self._send(objects, namespace, demand, demand.rate(age) * (now - last))
            except (ApiError, urllib3.exceptions.HTTPError) as error:
                self.failures.append(str(error))
            last = now

    def _look(self) -> None:
        found: dict[str, _Pod] = {}
        for pod in self._api.items("/api/v1/pods"):
            address, server = pod["status"].get("podIP"), server_of(pod)
            if address is None or server is None or pod["metadata"].get("deletionTimestamp"):
                continue
            old = self._pods.get(address)
            statuses = pod["status"].get("containerStatuses") or [{}]
            found[address] = _Pod(
                server,
                self._behavior(pod),
                address,
                pod["metadata"].get("labels", {}),
                "running" in statuses[0].get("state", {}),
                old.count if old is not None else Counters(),
            )
        self._pods = found

    def _send(self, objects: _Objects, namespace: str, demand: Demand, requests: float) -> None:
        seen = self.seen.setdefault(namespace, Seen())
        routes = objects.routes.get(namespace, [])
        rule = next((rule for route in routes for rule in route["spec"]["rules"] if _matches(rule, demand.path)), None)
        if rule is None:
            seen.lost += requests
            return
        weights = {ref["name"]: ref.get("weight", 1) for ref in rule["backendRefs"]}
        if not seen.weights or seen.weights[-1][1] != weights:
            seen.weights.append((time.time(), weights))
        whole = sum(weights.values())
        for ref in rule["backendRefs"]:
            share = requests * ref.get("weight", 1) / whole if whole else 0.0
            seen.lost += self._deliver(objects, namespace, ref, demand, share, seen)
        for one in rule.get("filters", []):
            if one["type"] == "RequestMirror":
                mirror = one["requestMirror"]
                part = requests * mirror.get("percent", 100) / 100
                to = mirror["backendRef"]
                seen.mirrored += part - self._deliver(objects, namespace, to, demand, part, seen)

    def _deliver(
        self, objects: _Objects, namespace: str, ref: Object, demand: Demand, requests: float, seen: Seen
    ) -> float:
        """Give requests to the ready endpoints of a Service; returns how many found none."""
        if not requests:
            return 0.0
        at = namespace, ref["name"]
        slices, service = objects.slices.get(at, []), objects.services.get(at)
        ports = {port["port"]: port.get("name", "") for port in service["spec"]["ports"]} if service else {}
        to: list[tuple[_Pod, int]] = []
        for one in slices:
            numbers = [p["port"] for p in one.get("ports") or [] if p.get("name", "") == ports.get(ref["port"])]
            for endpoint in one.get("endpoints") or []:
                pod = self._pods.get(endpoint["addresses"][0])
                if pod is not None and numbers and endpoint.get("conditions", {}).get("ready"):
                    to.append((pod, numbers[0]))
        for pod, port in to:
            _serve(pod, port, demand.path, requests / len(to), seen)
        return 0.0 if to else requests

    # The proxy

    def _forward(self, asked: BaseHTTPRequestHandler) -> None:
        url = urlsplit(asked.path)
        place = self.hosts.get(url.netloc)
        if place is not None:
            length = int(asked.headers.get("Content-Length") or 0)
            there = url._replace(scheme="http", netloc=place).geturl()
            headers = {"Content-Type": asked.headers.get("Content-Type", "text/plain")}
            body = asked.rfile.read(length) if length else None
            answer = urllib3.request(asked.command, there, body=body, headers=headers, retries=False, timeout=30)
            _answer(asked, answer.status, answer.data, answer.headers.get("Content-Type", "text/plain"))
            return
        pod = self._pods.get(url.hostname or "")
        if pod is None or not pod.ready or url.port is None or not pod.server.answers(url.port, url.path):
            _answer(asked, 502, b"connection refused\n")
        elif pod.behavior.blind:
            _answer(asked, 500, b"internal error\n")
        else:
            text = "".join(f"{line}\n" for line in pod.server.export(pod.count))
            _answer(asked, 200, text.encode(), "text/plain; version=0.0.4")


def _serve(pod: _Pod, port: int, path: str, requests: float, seen: Seen) -> None:
    version = pod.labels.get("app.kubernetes.io/version", "")
    seen.by_version[version] = seen.by_version.get(version, 0.0) + requests
    known = port == pod.server.http and pod.server.inference(path)
    if not known or not pod.ready or pod.behavior.hangs:
        seen.lost += requests
        return
    bad = requests * pod.behavior.errors
    pod.count.add(requests - bad, bad, pod.behavior.milliseconds)


def _matches(rule: Object, path: str) -> bool:
    """Whether a rule takes a path. Without matches, a rule takes all."""
    for match in rule.get("matches") or [{"path": {"type": "PathPrefix", "value": "/"}}]:
        asked = match.get("path", {"type": "PathPrefix", "value": "/"})
        value = asked["value"]
        if asked["type"] == "Exact" and path == value:
            return True
        if asked["type"] == "PathPrefix" and (path == value or path.startswith(value.rstrip("/") + "/")):
            return True
    return False


def _answer(asked: BaseHTTPRequestHandler, status: int, body: bytes, kind: str = "text/plain") -> None:
    asked.send_response(status)
    asked.send_header("Content-Type", kind)
    asked.send_header("Content-Length", str(len(body)))
    asked.end_headers()
    asked.wfile.write(body)
