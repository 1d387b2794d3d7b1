"""What a container runtime does, for one container: its own network, processes, files, and user. Only the standard
library, because the system's interpreter runs this file as the first process of new namespaces.

The first argument is the container as JSON, the second the file descriptor of the channel, on which each message is a
request and gets one answer. Everything ends with this process.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
BIND, RECURSIVE, PRIVATE, DETACH = 0x1000, 0x4000, 0x40000, 2
PIVOT_ROOT, MOUNT_SETATTR = 155, 442
ALL_MOUNTS, READ_ONLY = 0x8000, 1
SET_FLAGS, UP, RUNNING = 0x8914, 0x1, 0x40


def main() -> None:
    """Set up the container, start it, and answer until the other side is closed."""
    container, channel = json.loads(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))
    _start_loopback()
    root = Path(container["root"])
    _build(root, container)
    _enter(root)
    started = _start(container)
    while message := channel.recv(65536):
        asked = json.loads(message)
        if "connect" in asked:
            _connect(channel, asked["connect"])
        elif "signal" in asked:
            os.kill(_first_process(started), asked["signal"])
            channel.send(b"{}")
        elif "crash" in asked:
            os.kill(_first_process(started), signal.SIGKILL)
            started.wait()
            started = _start(container)
            channel.send(b"{}")
        elif "processes" in asked:
            channel.send(json.dumps(list(_processes(started.pid))).encode())
        else:
            channel.send(json.dumps({"status": started.poll()}).encode())


# Files


def _build(root: Path, container: dict[str, Any]) -> None:
    """A root with everything that the host has, except where the container has its own mounts."""
    _mount("none", "/", None, RECURSIVE | PRIVATE)
    _mount("tmpfs", str(root), "tmpfs", 0)
    own = [*(target for _, target in container["mounts"]), *container["writable"]]
    _copy(Path("/"), root, [tuple(path.strip("/").split("/")) for path in own if not path.startswith("/dev/")])
    for source, target in container["mounts"]:
        there = root / target.strip("/")
        if not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            there.touch() if Path(source).is_file() else there.mkdir()
        _mount(source, str(there), None, BIND | RECURSIVE)
    for path in container["writable"]:
        (root / path.strip("/")).mkdir(parents=True, exist_ok=True)
    _set(root, READ_ONLY)
    _mount("proc", str(root / "proc"), "proc", 0)
    for path, size in container["writable"].items():
        _mount("tmpfs", str(root / path.strip("/")), "tmpfs", 0, f"mode=1777,size={size}")


def _copy(host: Path, new: Path, own: list[tuple[str, ...]]) -> None:
    """Mount each entry of a folder of the host, and go into those below which the container has a mount."""
    names = {path[0] for path in own} | ({entry.name for entry in host.iterdir()} if host.is_dir() else set())
    for name in names:
        below = [path[1:] for path in own if path[0] == name]
        there, here = new / name, host / name
        if () in below:
            continue  # the mount makes it
        if below:
            there.mkdir()
            _copy(here, there, below)
        elif here.is_symlink():
            there.symlink_to(os.readlink(here))
        elif name in ("proc", "lost+found"):
            there.mkdir()
        elif stat.S_ISDIR(here.stat().st_mode):
            there.mkdir()
            _mount(str(here), str(there), None, BIND | RECURSIVE)


def _enter(root: Path) -> None:
    os.chdir(root)
    _check(LIBC.syscall(PIVOT_ROOT, b".", b"."))
    _check(LIBC.umount2(b".", DETACH))
    os.chdir("/")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = (source.encode(), target.encode(), kind.encode() if kind else None)
    _check(LIBC.mount(*words, flags, options.encode() if options else None), target)


def _set(root: Path, attribute: int) -> None:
    """Set an attribute on a mount and on all below it."""
    attributes = (ctypes.c_uint64 * 4)(attribute, 0, 0, 0)
    _check(LIBC.syscall(MOUNT_SETATTR, -1, str(root).encode(), ALL_MOUNTS, attributes, 32))


def _check(result: int, what: str = "") -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), what)


# Processes


def _start(container: dict[str, Any]) -> subprocess.Popen[bytes]:
    user = str(container["user"])
    new = ["unshare", "--user", f"--map-user={user}", f"--map-group={user}", "--pid", "--fork", "--kill-child"]
    inside = ["--mount-proc", f"--wd={container['folder']}", "--", "env", "-i"]
    variables = [f"{name}={value}" for name, value in container["env"].items()]
    return subprocess.Popen([*new, *inside, *variables, *container["command"]], stdin=subprocess.DEVNULL)


def _parents() -> dict[int, int]:
    """The parent of each process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry.name)] = int(words[1])
    return found


def _first_process(started: subprocess.Popen[bytes]) -> int:
    return next(pid for pid, parent in _parents().items() if parent == started.pid)


def _processes(above: int) -> Any:
    """The processes of the container: their names, threads, and memory in bytes (shared pages in proportion)."""
    parents = _parents()
    for pid in parents:
        at = parents[pid]
        while at not in (0, above):
            at = parents.get(at, 0)
        if at == above:
            try:
                status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                memory = next(line.split()[1] for line in rollup if line.startswith("Pss:"))
                user = int(status["Uid"].split()[0])
                command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
            except (OSError, StopIteration):
                continue
            yield {
                "command": command,
                "threads": int(status["Threads"]),
                "memory": int(memory) * 1024,
                "user": user,
            }


# Network


def _start_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP | RUNNING))


def _connect(channel: socket.socket, port: int) -> None:
    """Send a socket that is connecting to a port of the container."""
    with socket.socket() as made:
        made.setblocking(False)
        result = made.connect_ex(("127.0.0.1", port))
        if result in (0, errno.EINPROGRESS):
            socket.send_fds(channel, [b"{}"], [made.fileno()])
        else:
            channel.send(json.dumps({"error": os.strerror(result)}).encode())


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
