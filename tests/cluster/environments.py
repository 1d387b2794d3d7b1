"""Virtual environments of locked packages. Each is built once, into the user's cache.

uv installs them: to unpack and byte-compile a gigabyte of packages, pip takes twenty times as long. Without a
compilation beforehand, modules are compiled when they are imported. pip installs uv, because every Python has pip.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from .programs import cache_folder, run

__all__ = ["environment"]

HERE = Path(__file__).parent


def environment(name: str, listed: Path) -> Path:
    """The folder of an environment with the packages of a lock file; builds it when needed.

    Next to the lock file, `.overrides` names dependencies that the list does without.
    """
    return _once(name, listed, _with_uv)


@cache
def _uv() -> Path:
    """The program that installs packages."""
    return _once("uv", HERE / "uv.txt", _with_pip) / "bin" / "uv"


def _once(name: str, listed: Path, build: Callable[[Path, Path], None]) -> Path:
    """An environment is built where it stays, because its scripts name their interpreter. A file in it says that it is
    complete.
    """
    parts = hashlib.sha256(f"{sys.version}\0{listed.read_text()}".encode())
    target = cache_folder() / f"{name}-{parts.hexdigest()[:16]}"
    ready = target / ".ready"
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            for old in target.parent.glob(f"{name}-*"):
                shutil.rmtree(old)
            build(target, listed)
            ready.touch()
    return target


def _with_pip(target: Path, listed: Path) -> None:
    run([sys.executable, "-m", "venv", str(target)], HERE)
    pip = [str(target / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", "--require-hashes"]
    run([*pip, "-r", str(listed)], HERE)


def _with_uv(target: Path, listed: Path) -> None:
    """The certificates of the system may know a proxy that those of uv do not."""
    uv = [str(_uv()), "--quiet", "--no-config", "--system-certs"]
    run([*uv, "venv", "--python", sys.executable, str(target)], HERE)
    without = ["--no-deps"] if listed.with_suffix(".overrides").exists() else []
    install = [*uv, "pip", "install", "--python", str(target / "bin" / "python"), "--require-hashes"]
    run([*install, *without, "-r", str(listed)], HERE)
