"""A container of an emitted pod, with the programs of the host instead of an image.

The command, the variables, the mounts, the user, and the read-only root file system are the pod's. The image's own
parts are given by the test: its entry point, its variables, and its files. Network, processes, and files are those of
Linux namespaces, so a server may listen on every address, and SIGTERM reaches it as the first process of a container.
"""

from __future__ import annotations

import http.client
import json
import re
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mlspec.schema.units import Memory

from ...online import Emitted

__all__ = ["Answer", "Container", "Image", "Process", "until"]


@dataclass(frozen=True)
class Image:
    """What the image adds to the pod."""

    programs: Path
    """The virtual environment of the server."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """The image's CMD, for a pod without arguments."""
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    """Folders of the image: from path to the folder of the host."""
    folder: str = "/"
    """The working directory."""


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    body: str

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Process:
    """A process of the container."""

    command: str
    threads: int
    memory: int
    """Bytes, with shared pages in proportion (PSS)."""
    user: int


class Container:
    """The container `server` of a pod. `with` starts and ends it."""

    def __init__(self, emitted: Emitted, image: Image, model: Path, folder: Path) -> None:
        self.emitted, self.server, self.pod = emitted, emitted.server, emitted.pod
        self.ports: dict[str, int] = {one["name"]: one["containerPort"] for one in self.server["ports"]}
        self.log = folder / "log"
        self._folder, self._lock = folder, threading.Lock()
        self._container = {
            "root": str(folder / "root"),
            "command": command(self.server, image),
            "env": _variables(self.server, image),
            "user": self.pod["securityContext"]["runAsUser"],
            "folder": image.folder,
            "mounts": [*self._mounts(model), *((str(here), path) for path, here in image.files.items())],
            "writable": self._writable(),
        }
        assert self.server["securityContext"]["readOnlyRootFilesystem"] is True

    def _mounts(self, model: Path) -> list[tuple[str, str]]:
        """The model and the ConfigMap, as the kubelet mounts them."""
        found = []
        for mount in self.server["volumeMounts"]:
            volume = self.emitted.volume(mount["name"])
            if mount["name"] == "model":
                assert mount["subPath"] == "model", "the init container puts the model there"
                found.append((str(model), mount["mountPath"]))
            elif "configMap" in volume:
                here = self._folder / "config"
                here.mkdir(exist_ok=True)
                body = self.emitted.one("ConfigMap", volume["configMap"]["name"])
                for name, text in body["data"].items():
                    (here / name).write_text(text)
                found.append((str(here / mount.get("subPath", "")), mount["mountPath"]))
        return found

    def _writable(self) -> dict[str, int]:
        """The folders that the server may write, with their sizes in bytes. Every container has a small /dev/shm."""
        found = {"/dev/shm": 64 << 20}
        for mount in self.server["volumeMounts"]:
            volume = self.emitted.volume(mount["name"])
            if mount["name"] != "model" and "emptyDir" in volume:
                size = volume["emptyDir"].get("sizeLimit", "1Gi")
                found[mount["mountPath"]] = int(Memory.parse(size).amount)
        return found

    # Life

    def __enter__(self) -> Self:
        (self._folder / "root").mkdir()
        self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        new = ["unshare", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        program = [sys.executable, "-I", str(Path(__file__).with_name("sandbox.py"))]
        with self.log.open("w") as log, other:
            self._process = subprocess.Popen(
                [*new, *program, json.dumps(self._container), str(other.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[other.fileno()],
            )
        self.began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # all processes of the container end with it
        self._process.wait()
        self._channel.close()

    def _ask(self, **message: object) -> tuple[Any, list[int]]:
        with self._lock:
            self._channel.send(json.dumps(message).encode())
            said, sockets, _, _ = socket.recv_fds(self._channel, 1 << 20, 1)
        assert said, f"the container could not be started:\n{self.log.read_text()[-3000:]}"
        return json.loads(said), sockets

    def terminate(self) -> None:
        """Send SIGTERM to the first process, as the kubelet does after the preStop hook."""
        self._ask(signal=15)

    def crash(self) -> None:
        """Kill all processes, and start the server again, as the kubelet does: the pod's volumes stay as they are."""
        self._ask(crash=True)
        self.began = time.monotonic()

    @property
    def status(self) -> int | None:
        """The exit status; None while the container runs."""
        found: int | None = self._ask(status=True)[0]["status"]
        return found

    def ended(self, timeout: float) -> int:
        """Wait for the end of the container; returns its exit status."""
        until(lambda: self.status is not None, "the container to end", timeout)
        status = self.status
        assert status is not None
        return status

    def processes(self) -> list[Process]:
        """All processes of the container."""
        return [Process(**one) for one in self._ask(processes=True)[0]]

    @property
    def memory(self) -> int:
        """The memory of all processes in bytes."""
        return sum(process.memory for process in self.processes())

    # Requests

    def stream(self, port: int, timeout: float) -> socket.socket:
        """A connection to a port of the container; `ConnectionRefusedError` if nothing listens there."""
        said, sockets = self._ask(connect=port)
        if not sockets:
            raise ConnectionRefusedError(said["error"])
        made = socket.socket(fileno=sockets[0])
        select.select([], [made], [], timeout)
        if made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            made.close()
            raise ConnectionRefusedError
        made.settimeout(timeout)
        return made

    def connection(self, port: int, timeout: float) -> http.client.HTTPConnection:
        """The same for HTTP."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        connection.sock = self.stream(port, timeout)
        return connection

    @contextmanager
    def forwarded(self, port: int) -> Iterator[int]:
        """A port on the loopback of the host that leads to one of the container, for clients that open their own."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            threading.Thread(target=self._forward, args=(listening, port), daemon=True).start()
            yield listening.getsockname()[1]

    def _forward(self, listening: socket.socket, port: int) -> None:
        with suppress(OSError):  # the listening socket is closed
            while True:
                near, _ = listening.accept()
                far = self.stream(port, 60)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=_copied, args=ends, daemon=True).start()

    def ask(self, port: int | str, path: str, body: object = None, timeout: float = 10) -> Answer:
        """A GET request, or a POST request with a JSON body; strings are sent as they are."""
        number = self.ports[port] if isinstance(port, str) else port
        connection = self.connection(number, timeout)
        try:
            if body is None:
                connection.request("GET", path)
            else:
                text = body if isinstance(body, str) else json.dumps(body)
                connection.request("POST", path, text, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode())
        finally:
            connection.close()

    def probe(self, name: str) -> int | None:
        """Ask as the kubelet would; the status, or None without an answer in time."""
        probe = self.server[name]
        asked = probe["httpGet"]
        try:
            return self.ask(asked["port"], asked["path"], timeout=probe["timeoutSeconds"]).status
        except (OSError, http.client.HTTPException):
            return None

    def passes(self, name: str) -> bool:
        """Whether the kubelet would be content: it acts once as many probes in a row fail as the pod says."""
        return any(self.probe(name) == 200 for _ in range(self.server[name]["failureThreshold"]))

    def start(self, every: float = 0.1) -> list[tuple[int | None, int | None]]:
        """Wait until the startup probe succeeds, within its time; returns what it and the readiness probe said."""
        probe = self.server["startupProbe"]
        allowed = probe["periodSeconds"] * probe["failureThreshold"]
        said: list[tuple[int | None, int | None]] = []
        while not said or said[-1][0] != 200:
            assert self.status is None, f"the container ended:\n{self.log.read_text()[-3000:]}"
            waited = time.monotonic() - self.began
            assert waited < allowed, f"not ready after {waited:.0f} s: {said[-3:]}\n{self.log.read_text()[-3000:]}"
            said.append((self.probe("startupProbe"), self.probe("readinessProbe")))
            time.sleep(every)
        return said

    def scrape(self) -> str:
        """The text of the metrics endpoint that the PodMonitor names."""
        (monitor,) = self.emitted.all("PodMonitor")
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        answer = self.ask(endpoint["port"], endpoint["path"])
        assert answer.status == 200, answer
        return answer.body


def _copied(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(1 << 16):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)


def command(server: Mapping[str, Any], image: Image) -> list[str]:
    """The words that start the server: the pod's, or those of the image in place of what the pod leaves out."""
    given, args = server.get("command"), server.get("args")
    words: Sequence[str] = [*(given or image.entrypoint), *(args or (() if given else image.command))]
    values = {one["name"]: one.get("value", "") for one in server.get("env", [])}
    return [re.sub(r"\$\((\w+)\)", lambda name: values.get(name[1], name[0]), word) for word in words]


def _variables(server: Mapping[str, Any], image: Image) -> dict[str, str]:
    path = f"{image.programs / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    own = {one["name"]: one["value"] for one in server.get("env", []) if "value" in one}
    return {"PATH": path, "HOSTNAME": "server", "PYTHONUNBUFFERED": "1", **image.env, **own}


def until(done: Callable[[], bool], what: str, timeout: float) -> float:
    """Wait; returns the seconds that it took."""
    begin = time.monotonic()
    while not done():
        assert time.monotonic() - begin < timeout, f"waited {timeout:.0f} s for {what}"
        time.sleep(0.05)
    return time.monotonic() - begin
