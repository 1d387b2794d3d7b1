"""Two HTTP servers: the metrics, for Prometheus, and the requests to train, for Alertmanager.

They answer while the process measures, from threads of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from ...compiler.record import Record

__all__ = ["HEALTHY", "Page", "Route", "healthy", "serve"]

LARGEST = 2**20
"""The most bytes of a request: Alertmanager's notification of a hundred alerts has less."""

SECONDS = 30
"""How long a client may take to send a request."""


class Page(Record):
    """An answer."""

    body: str
    status: int = 200
    kind: str = "application/json"


Route = Callable[[Any], Page]
"""Answers a request with this JSON body; None for a GET."""


HEALTHY = ("GET", "/healthz")
"""What the kubelet asks."""


def healthy(_: Any) -> Page:
    """The answer to the kubelet: it comes from a thread of the server, so it says that the process is alive."""
    return Page(body="ok\n", kind="text/plain")


def serve(host: str, port: int, routes: dict[tuple[str, str], Route]) -> ThreadingHTTPServer:
    """Serve routes by method and path in the background. The port is that of the server's `server_address`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = SECONDS

        def do_GET(self) -> None:
            self._answer(self._found("GET", None))

        def do_POST(self) -> None:
            self._answer(self._posted())

        def _posted(self) -> Page:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > LARGEST:
                self.close_connection = True
                return _said(413, f"the body needs a length of at most {LARGEST} bytes")
            try:
                body = json.loads(self.rfile.read(int(length)))
            except (ValueError, RecursionError):
                return _said(400, "the body is not JSON")
            return self._found("POST", body)

        def _found(self, method: str, body: Any) -> Page:
            path = self.path.partition("?")[0]
            route = routes.get((method, path))
            if route is None:
                allowed = any(known == path for _, known in routes)
                return _said(405 if allowed else 404, "the method is not allowed" if allowed else "nothing is here")
            return route(body)

        def _answer(self, page: Page) -> None:
            content = page.body.encode()
            self.send_response(page.status)
            self.send_header("Content-Type", page.kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
            """Nothing: a scrape in every minute would hide what matters."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, name=f"port-{port}", daemon=True).start()
    return server


def _said(status: int, words: str) -> Page:
    return Page(body=json.dumps({"outcome": "ignored", "why": words}) + "\n", status=status)
