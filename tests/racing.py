"""What tests of races share: a system that has released a version, and promotions in processes of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from .support import DOMAIN, loaded, minimal, run
from .test_promote import version

__all__ = ["COMMAND", "left_over", "promoted", "promoting", "released", "versions"]

COMMAND = (sys.executable, "-m", "mlspec")
_LEFT = re.compile(r"mlspec-(new|kept)")


def released(folder: Path) -> Path:
    """A system with one environment that has released one version."""
    (folder / ".git").mkdir(exist_ok=True)
    (folder / "mlspec.yaml").write_text(
        minimal(release=None, rollout={"keepVersions": 50}, environments={"production": {}}, **DOMAIN)
    )
    (folder / "releases").mkdir()
    head = "apiVersion: mlspec/v1\nkind: Release\nsystem: digit-reader\nenvironment: production\nrelease:\n"
    first = "".join(f"  {line}\n" for line in version("first", "a" * 64).splitlines())
    (folder / "releases" / "production.yaml").write_text(head + first)
    assert run("compile", folder / "mlspec.yaml").status == 0
    return folder


def promoting(system: Path, name: str) -> subprocess.Popen[str]:
    file = system / f"{name}.yaml"
    file.write_text(version(name, "b" * 64))
    spec = str(system / "mlspec.yaml")
    arguments = ["promote", spec, "--to", "production", "--release", str(file)]
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def promoted(system: Path, name: str) -> tuple[int, str]:
    """Promote in a process of its own; its exit status, and what it says on standard error."""
    running = promoting(system, name)
    said = running.communicate()[1]
    return running.returncode, said


def versions(system: Path) -> list[str]:
    release = loaded((system / "releases" / "production.yaml").read_text())["release"]
    return [release["version"], *(one["version"] for one in release.get("previous", ()))]


def left_over(system: Path) -> list[str]:
    return [str(path) for path in system.rglob("*") if _LEFT.search(path.name)]
