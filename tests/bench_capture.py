"""How long the recorder delays requests, measured by hand: `python -m tests.bench_capture`.

Eight clients with connections of their own send the same request, first to the server and then through the recorder,
in turns, so that the noise of the machine affects both. The recorder is a process of its own.
"""

from __future__ import annotations

import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from .recording import HOST, asked, request, running, serving

CLIENTS = 8
ROUNDS = 10
REQUESTS = 300
PAUSE = 0.004
"""Seconds between two requests of a client: about 200 requests per second from each of them, if the server is fast."""


def times(port: int, number: int, found: list[float]) -> None:
    """Seconds from the first byte of each request to the last of its response."""
    body = request(asked(), f"p{number}")
    with socket.create_connection((HOST, port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(REQUESTS):
            start = time.perf_counter()
            sock.sendall(body)
            got = b""
            while not got.endswith(b"}"):
                got += sock.recv(65536)
            found.append(time.perf_counter() - start)
            time.sleep(PAUSE)


def measured(port: int, clients: int) -> list[float]:
    found: list[float] = []
    threads = [threading.Thread(target=times, args=(port, number, found)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def main() -> None:
    """Print the percentiles of both ways, and what the recorder adds."""
    for clients in (1, CLIENTS):
        with tempfile.TemporaryDirectory() as folder, serving() as server, running(Path(folder), server) as recorder:
            direct, through = list[float](), list[float]()
            for _ in range(ROUNDS):
                direct += measured(server, clients)
                through += measured(recorder.port, clients)
            sys.stdout.write(f"{clients} clients\n")
            for name, found in (("direct", direct), ("through the recorder", through)):
                cuts = statistics.quantiles(found, n=1000)
                p50, p99 = cuts[499] * 1000, cuts[989] * 1000
                sys.stdout.write(f"  {name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms\n")


if __name__ == "__main__":
    main()
