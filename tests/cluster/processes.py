"""Jobs as real processes: the environment that a kubelet would give a container, for a program of the test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .api import Object

__all__ = ["environment", "runs"]


def environment(pod: Object, container: Object) -> dict[str, str]:
    """The variables of a container, with the references to its pod resolved, and without secrets."""
    found: dict[str, str] = {}
    for one in container.get("env", []):
        source = one.get("valueFrom", {})
        if "fieldRef" in source:
            found[one["name"]] = _field(pod, source["fieldRef"]["fieldPath"])
        elif "valueFrom" not in one:
            found[one["name"]] = one.get("value", "")
    return found


def _field(pod: Object, path: str) -> str:
    """A value of the downward API, such as `metadata.labels['a']` or `spec.nodeName`."""
    at = pod
    for key, quoted in re.findall(r"([A-Za-z]+)|\['([^']+)'\]", path):
        at = at[key or quoted]
    return str(at)


def runs(program: Path, folder: Path) -> Callable[[Object], int]:
    """Run a Python program for each pod, with the variables of its first container, and return its exit status."""

    def run(pod: Object) -> int:
        own = {**environment(pod, pod["spec"]["containers"][0]), "PATH": os.environ["PATH"], "TEST_FOLDER": str(folder)}
        return subprocess.run([sys.executable, program], env=own, check=False, timeout=30).returncode

    return run
