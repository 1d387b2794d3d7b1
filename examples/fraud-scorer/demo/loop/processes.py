"""The programs that the demo starts. Each is ended by its own process ID, whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

__all__ = ["Processes", "free_ports", "until", "wait_for"]


class Processes:
    """What runs now. Leaving the context ends all of it, the newest first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(
        self, name: str, command: Sequence[str], folder: Path, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program whose output goes to a log of its name."""
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        self._running.append((name, process))
        return process

    def end(self, process: subprocess.Popen[bytes], patience: float = 30.0) -> None:
        """Ask a program to end, and insist after a while. Its own children are in its group, and end with it."""
        self._running = [(name, one) for name, one in self._running if one is not process]
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def check(self) -> None:
        """Raise RuntimeError if a program that should run has ended."""
        for name, process in self._running:
            if process.poll() is not None:
                said = (self._logs / f"{name}.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{name} ended with {process.returncode}:\n{said}")

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for _, process in reversed(list(self._running)):
            self.end(process, 10.0)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listens on."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def wait_for(url: str, processes: Processes, patience: float = 90.0) -> None:
    """Until a URL answers with success. Raises RuntimeError if a program ends before, or TimeoutError."""

    def answers() -> bool:
        try:
            with urlopen(url, timeout=2):
                return True
        except (URLError, OSError):
            return False

    until(answers, processes, url, patience)


def until(condition: Callable[[], bool], processes: Processes, what: str, patience: float) -> None:
    """Wait for something. Raises RuntimeError if a program ends before, or TimeoutError."""
    end = time.monotonic() + patience
    while not condition():
        processes.check()
        if time.monotonic() > end:
            raise TimeoutError(f"{what} is not there after {patience:.0f} s")
        time.sleep(0.1)
