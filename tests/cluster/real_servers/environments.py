"""The virtual environments of the servers: each is built once, into the user's cache, from locked packages."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

from ..programs import MissingError, cache_folder

__all__ = ["NAMES", "environment", "version_of"]

LISTS = Path(__file__).parent / "requirements"
NAMES = tuple(sorted(path.stem for path in LISTS.glob("*.txt")))


@cache
def environment(name: str) -> Path:
    """The folder of a server's virtual environment; builds it when needed.

    It is built where it stays, because its scripts name their interpreter. A file in it says that it is complete.
    """
    listed = LISTS / f"{name}.txt"
    parts = hashlib.sha256(f"{sys.version}\0{listed.read_text()}".encode())
    target = cache_folder() / f"servers-{name}-{parts.hexdigest()[:16]}"
    ready = target / ".ready"
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".servers-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            for old in target.parent.glob(f"servers-{name}-*"):
                shutil.rmtree(old)
            _run(sys.executable, "-m", "venv", target)
            _run(
                target / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", listed
            )
            ready.touch()
    return target


def version_of(package: str) -> str:
    """The locked version of a server's package."""
    lines = [line for name in NAMES for line in (LISTS / f"{name}.txt").read_text().splitlines()]
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingError(f"`{' '.join(map(str, command))}` failed:\n{done.stderr}")


def main() -> None:
    """Build all of them, and say what takes long."""
    for name in NAMES:
        begin = time.monotonic()
        sys.stdout.write(f"{name}: ")
        sys.stdout.flush()
        environment(name)
        sys.stdout.write(f"ready after {time.monotonic() - begin:.0f} s\n")


if __name__ == "__main__":
    try:
        main()
    except MissingError as error:
        sys.exit(f"error: the proving ground needs {error}")
