"""A metrics adapter: external metrics for autoscalers, from Prometheus, as prometheus-adapter serves them.

The API server forwards `external.metrics.k8s.io` to it, through a Service that is only a name for loopback. The rule is
the one of compiler/conventions.py: the recorded load, under a name without colons.
"""

from __future__ import annotations

import json
import ssl
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .api import Api
from .control_plane import wait
from .prometheus import Prometheus

__all__ = ["Adapter"]

API = "external.metrics.k8s.io/v1beta1"
SERIES = {"mlspec_load": "mlspec:load:sum"}
"""The series behind each metric."""


class Adapter:
    """Starts with `start`, ends with `stop`."""

    def __init__(self, api: Api, prometheus: Prometheus, certificate: Path, key: Path) -> None:
        self._api = api
        adapter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(adapter._answer(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._prometheus = prometheus
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, name="adapter")

    def start(self) -> None:
        """Serve, and tell the API server where."""
        self._thread.start()
        port = self._server.server_address[1]
        meta = {"name": "metrics-adapter", "namespace": "default"}
        name = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
        self._api.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": name})
        group, version = API.split("/")
        spec = {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {**meta, "port": port},
        }
        body = {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{version}.{group}"},
        }
        self._api.apply({**body, "spec": spec})
        wait(self._available, "the adapter")

    def _available(self) -> bool:
        service = self._api.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{'.'.join(reversed(API.split('/')))}")
        return any(one["status"] == "True" for one in service.get("status", {}).get("conditions", []))

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str) -> dict[str, Any]:
        url = urlsplit(path)
        parts = url.path.strip("/").split("/")
        if "namespaces" not in parts:
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API, "resources": []}
        namespace, metric = parts[-2:]
        wanted = parse_qs(url.query).get("labelSelector", [""])[0]
        labels = dict(pair.split("=") for pair in wanted.split(",") if pair)
        match = ",".join(f'{key}="{value}"' for key, value in {"namespace": namespace, **labels}.items())
        found = self._prometheus.query(f"{SERIES[metric]}{{{match}}}")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        items = [
            {"metricName": metric, "metricLabels": labels, "timestamp": now, "value": f"{round(value * 1000)}m"}
            for _, value in found
        ]
        return {"kind": "ExternalMetricValueList", "apiVersion": API, "metadata": {}, "items": items}
