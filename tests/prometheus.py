"""A Prometheus server on the loopback interface, with a history, and with a target that it scrapes."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from .support import tool

__all__ = ["History", "exporter", "free_port", "prometheus"]

STEP = 60
"""Seconds between the samples of a history."""

History = dict[str, list[float]]
"""The values of each series, one a minute; the last one is now, and is what the target exports."""


def free_port() -> int:
    """A port that no one listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def exporter(series: History) -> Iterator[int]:
    """A target that exports the last value of each series. Gives its port."""
    text = "".join(f"{name} {values[-1]:.17g}\n" for name, values in series.items()).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def prometheus(
    folder: Path, groups: list[dict[str, Any]], job: str, labels: dict[str, str], series: History, target: int | None
) -> Iterator[str]:
    """A server that evaluates the groups every second, over a history and a target with these labels. Gives its URL."""
    labels = {"instance": "target", **labels}
    quick = [{**group, "interval": "1s"} for group in groups]
    (folder / "rules.yaml").write_text(json.dumps({"groups": quick}))
    targets = [{"targets": [f"127.0.0.1:{target}"], "labels": labels}] if target is not None else []
    scraped = {
        "job_name": job,
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "honor_labels": True,
        "static_configs": targets,
    }
    config = {"global": {"evaluation_interval": "1s"}, "rule_files": ["rules.yaml"], "scrape_configs": [scraped]}
    (folder / "prometheus.yaml").write_text(json.dumps(config))
    _backfill(folder, {_labeled(name, job, labels): values for name, values in series.items()})
    port = free_port()
    arguments = [
        tool("prometheus"), "--config.file=prometheus.yaml", "--storage.tsdb.path=data", "--log.level=error",
        f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=1y",
    ]  # fmt: skip
    process = subprocess.Popen(arguments, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, {group["name"] for group in groups}, up=target is not None)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _labeled(name: str, job: str, labels: dict[str, str]) -> str:
    """A series as the server would have scraped it."""
    base, _, own = name.partition("{")
    known = own.rstrip("}").split(",") if own else []
    kept = [f'{key}="{value}"' for key, value in {"job": job, **labels}.items() if f"{key}=" not in own]
    return f"{base}{{{','.join((*known, *kept))}}}"


def _backfill(folder: Path, series: History) -> None:
    now = int(time.time())
    lines = [
        f"{name} {value:.17g} {now - STEP * (len(values) - 1 - at)}"
        for name, values in series.items()
        for at, value in enumerate(values[:-1])
    ]
    (folder / "history.txt").write_text("\n".join((*lines, "# EOF", "")))
    (folder / "data").mkdir()
    if lines:
        command = [tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", "history.txt", "data"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _wait(address: str, groups: set[str], *, up: bool) -> None:
    """Until the target was scraped, and all groups were evaluated after that."""
    deadline, scraped, since = time.monotonic() + 60, not up, time.time()
    while time.monotonic() < deadline:
        try:
            if not scraped:
                found = _read(f"{address}/api/v1/query?query=up")["result"]
                scraped, since = bool(found), time.time()
            else:
                seen = _read(f"{address}/api/v1/rules")["groups"]
                if {
                    one["name"] for one in seen if _at(one["lastEvaluation"]) > 0
                } >= groups and time.time() > since + 3:
                    return
        except OSError:
            since = time.time()
        time.sleep(0.2)
    raise TimeoutError("Prometheus has not evaluated the rules within a minute")


def _at(moment: str) -> int:
    return 0 if moment.startswith("0001") else 1


def _read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)["data"]
