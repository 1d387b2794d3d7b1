"""A recorder between a client and a server of a test."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from mlspec.runtime.capture.config import Config, read
from mlspec.runtime.capture.counts import Counts
from mlspec.runtime.capture.observe import Budget, Exchange, Observer
from mlspec.runtime.capture.relay import Relays

HOST = "127.0.0.1"

SERVED = b'{"model_name":"fraud","outputs":[{"name":"score","datatype":"FP32","shape":[1],"data":[0.5]}]}'
INFER = "/v2/models/fraud/infer"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


def described(folder: Path, server: int = 0, **changes: Any) -> dict[str, Any]:
    """A configuration; `capture__sample=0.1` changes a nested key."""
    made: dict[str, Any] = {
        "version": 1,
        "model": "fraud",
        "protocols": ["v2"],
        "ports": {"requests": free_port(), "metrics": free_port(), "server": server},
        "capture": {"uri": str(folder / "store"), "id": "payment_id", "sample": 1, "retention": 7776000},
        "headers": {"payment_id": "X-Payment-Id"},
        "inputs": [{"name": "amount", "dtype": "float32"}, {"name": "card", "dtype": "string"}],
        "outputs": [{"name": "score", "dtype": "float32"}],
        "segments": [],
        "files": {"folder": str(folder / "spool"), "format": "jsonl", "seconds": 0.2, "bytes": 10_000_000},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            made[section][name] = value
        else:
            made[section] = value
    return made


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "capture.json"
    path.write_text(json.dumps(described(folder, **changes)))
    return path


def configured(folder: Path, **changes: Any) -> Config:
    return read(written(folder, **changes))


def asked(amount: float = 12.5, card: str = "4111111111111111", **more: Any) -> bytes:
    body = {
        "inputs": [
            {"name": "amount", "datatype": "FP32", "shape": [1], "data": [amount]},
            {"name": "card", "datatype": "BYTES", "shape": [1], "data": [card]},
        ],
        **more,
    }
    return json.dumps(body).encode()


def request(body: bytes, id_: str = "p1", path: str = INFER, **headers: str) -> bytes:
    lines = {"Host": "h", "X-Payment-Id": id_, "Content-Type": "application/json", "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def response(body: bytes = SERVED, status: str = "200 OK", kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


# In one process: the relay and what it observes


class Relayed:
    """A relay to a server that a test scripts."""

    def __init__(self, port: int, seen: list[tuple[str, bytes, bytes]], counts: Counts) -> None:
        self.port = port
        self.seen = seen
        """The path, the request's body, and the response's body of what would be recorded."""
        self.counts = counts


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def relayed(serve: Serve, folder: Path, **changes: Any) -> AsyncIterator[Relayed]:
    server = await asyncio.start_server(serve, HOST, 0, limit=2**16)
    port = server.sockets[0].getsockname()[1]
    config = configured(folder, server=port, **changes)
    counts, budget, seen = Counts(), Budget(), list[tuple[str, bytes, bytes]]()

    def take(exchange: Exchange) -> None:
        seen.append((exchange.path, bytes(exchange.requested), bytes(exchange.body)))

    relays = Relays(port, lambda: Observer(config, counts, budget, take))
    relay = await asyncio.get_running_loop().create_server(relays.client, HOST, 0)
    try:
        yield Relayed(relay.sockets[0].getsockname()[1], seen, counts)
    finally:
        relay.close()
        server.close()
        for client in list(relays.open):
            if client.transport is not None:
                client.transport.abort()
        await asyncio.sleep(0.01)
        assert budget.left == Budget().left, "memory of bodies that is never given back"


# As a process, with everything


class Running:
    """A recorder as in a pod."""

    def __init__(self, process: subprocess.Popen[str], config: dict[str, Any], folder: Path) -> None:
        self.process, self.folder = process, folder
        self.port, self.metrics = config["ports"]["requests"], config["ports"]["metrics"]

    def counted(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://{HOST}:{self.metrics}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    def until(self, name: str, value: float) -> None:
        """Wait until a counter has a value."""
        wait(lambda: self.counted()[name] >= value, f"{name} never was {value}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def records(self) -> list[dict[str, Any]]:
        paths = sorted((self.folder / "store").glob("*/*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def wait(true: Callable[[], bool], why: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, why
        time.sleep(0.02)


@contextmanager
def running(folder: Path, server: int, env: dict[str, str] | None = None, **changes: Any) -> Iterator[Running]:
    path = written(folder, server=server, **changes)
    variables = {**os.environ, "POD_NAME": "fraud-1", "MLSPEC_MODEL_VERSION": "13", **(env or {})}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("mlspec"), "runtime", "capture", "--config", path, "--host", HOST],
        env=variables, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("requests at ")
        yield Running(process, json.loads(path.read_text()), folder)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def serving(answer: bytes = b"") -> Iterator[int]:
    """A server in a thread that answers every request the same, and yields its port."""
    import threading

    ready, stop, found = threading.Event(), threading.Event(), list[int]()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next((int(line[16:]) for line in head.split(b"\r\n") if line[:16] == b"Content-Length: "), 0)
                await reader.readexactly(length)
                writer.write(answer or response())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(one, HOST, 0)
        found.append(server.sockets[0].getsockname()[1])
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.02)
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        stop.set()
        thread.join(5)


def send(port: int, *requests: bytes) -> list[bytes]:
    """Send requests on one connection, and return the bodies of the responses."""
    import http.client

    bodies = []
    with socket.create_connection((HOST, port), timeout=20) as sock:
        for one in requests:
            sock.sendall(one)
            answer = http.client.HTTPResponse(sock, method="POST")
            answer.begin()
            bodies.append(answer.read())
    return bodies
