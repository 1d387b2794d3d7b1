"""The virtual environments of the servers: each is built once, into the user's cache, from locked packages."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sys
from functools import cache
from pathlib import Path

from ..programs import cache_folder, make, run

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
            run([sys.executable, "-m", "venv", str(target)], LISTS)
            pip = [str(target / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
            run([*pip, "--require-hashes", "-r", str(listed)], LISTS)
            ready.touch()
    return target


def version_of(package: str) -> str:
    """The locked version of a server's package."""
    lines = [line for name in NAMES for line in (LISTS / f"{name}.txt").read_text().splitlines()]
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))


if __name__ == "__main__":
    make(environment, NAMES)
