"""Virtual environments of locked packages. Each is built once, into the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sys
from pathlib import Path

from .programs import cache_folder, run

__all__ = ["environment"]


def environment(name: str, listed: Path) -> Path:
    """The folder of an environment with the packages of a lock file; builds it when needed.

    It is built where it stays, because its scripts name their interpreter. A file in it says that it is complete. Next
    to the lock file, `.overrides` names dependencies that the list does without.
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
            run([sys.executable, "-m", "venv", str(target)], listed.parent)
            pip = [str(target / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
            without = ["--no-deps"] if listed.with_suffix(".overrides").exists() else []
            run([*pip, *without, "--require-hashes", "-r", str(listed)], listed.parent)
            ready.touch()
    return target
