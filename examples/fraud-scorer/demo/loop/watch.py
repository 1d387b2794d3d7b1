"""Prometheus, Alertmanager, and the receivers of the team."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import yaml

from .processes import Processes, free_ports, wait_for

__all__ = ["Inbox", "Watch", "get", "post"]


def get(url: str) -> Any:
    """The JSON at a URL. Raises OSError."""
    with urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def post(url: str, body: Any) -> Any:
    """The JSON that answers a request. Raises OSError."""
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST")
    with urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


class Inbox:
    """What the team receives: pages and tickets, with their time."""

    def __init__(self, port: int) -> None:
        self.got: list[tuple[float, str, dict[str, Any]]] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                inbox.got.append((time.time(), self.path.strip("/"), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="inbox", daemon=True).start()

    def close(self) -> None:
        """Stop receiving."""
        self._server.shutdown()
        self._server.server_close()


class Watch:
    """The two servers, with the compiled rules and routes."""

    def __init__(self, folder: Path, programs: dict[str, str], exporter: int, processes: Processes) -> None:
        self._folder, self._programs, self._exporter, self._processes = folder, programs, exporter, processes
        one, two = free_ports(2)
        self.prometheus, self.alertmanager = f"127.0.0.1:{one}", f"127.0.0.1:{two}"
        folder.mkdir(parents=True)

    def start(self, groups: list[dict[str, Any]], routes: dict[str, Any]) -> None:
        """Start both, and wait until they answer."""
        self.rules(groups)
        monitor = {"job_name": "fraud/fraud-scorer-monitor", "honor_labels": True,
                   "static_configs": [{"targets": [f"127.0.0.1:{self._exporter}"]}]}  # fmt: skip
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [str(self._folder / "rules.yaml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager]}]}]},
            "scrape_configs": [monitor],
        }
        self._save("prometheus.yaml", config)
        self._save("alertmanager.yaml", routes)
        flags = [f"--config.file={self._folder / 'alertmanager.yaml'}", f"--storage.path={self._folder / 'alerts'}"]
        flags += [f"--web.listen-address={self.alertmanager}", "--cluster.listen-address="]
        self._processes.start("alertmanager", [self._programs["alertmanager"], *flags], self._folder)
        flags = [f"--config.file={self._folder / 'prometheus.yaml'}", f"--storage.tsdb.path={self._folder / 'series'}"]
        flags += [f"--web.listen-address={self.prometheus}", "--web.enable-lifecycle", "--rules.alert.resend-delay=1s"]
        self._processes.start("prometheus", [self._programs["prometheus"], *flags], self._folder)
        for address in (self.alertmanager, self.prometheus):
            wait_for(f"http://{address}/-/ready", self._processes)

    def rules(self, groups: list[dict[str, Any]]) -> None:
        """Write the rules; Prometheus reads them after `reload`."""
        self._save("rules.yaml", {"groups": groups})

    def reload(self) -> None:
        """Let Prometheus read its rules again. Raises OSError."""
        with urlopen(Request(f"http://{self.prometheus}/-/reload", method="POST"), timeout=10):
            return

    def alerts(self) -> list[dict[str, Any]]:
        """The pending and firing alerts."""
        found: list[dict[str, Any]] = get(f"http://{self.prometheus}/api/v1/alerts")["data"]["alerts"]
        return found

    def query(self, text: str) -> list[Any]:
        """The samples of an instant query."""
        found: list[Any] = get(f"http://{self.prometheus}/api/v1/query?query={quote(text)}")["data"]["result"]
        return found

    def _save(self, name: str, body: Any) -> None:
        (self._folder / name).write_text(yaml.safe_dump(body, sort_keys=False))
