"""Promotions at once, and kills at random moments."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from functools import cache
from pathlib import Path

from mlspec.compiler.conventions import INDEX

from ..racing import COMMAND, left_over, promoting, released, versions
from ..support import run
from ..test_write import state
from .outcome import Invalid, Lost, Row

__all__ = ["ROWS"]

AT_ONCE = 10
"""How many promotions run at once in each round."""
OWNERS = ("metadata.owner=one", "metadata.owner=two")


def _promotions(_: int, __: random.Random, folder: Path) -> bool:
    """Each that says it wrote is in the file, and the bundle is that of the last one."""
    system = _released(folder)
    names = [f"v{number}" for number in range(AT_ONCE)]
    running = [promoting(system, name) for name in names]
    said = [one.communicate() for one in running]
    if [one.returncode for one in running] != [0] * AT_ONCE:
        raise Invalid(f"promotions failed: {said}")
    if sorted(versions(system)) != sorted([*names, "first"]):
        raise Lost(f"versions are gone: {versions(system)} are left")
    _whole(system)
    return True


def _killed_promotion(_: int, chance: random.Random, folder: Path) -> bool:
    """The release file is the old one or the new one, and a compile finishes whatever was begun."""
    system = _released(folder)
    _kill(promoting(system, "second"), chance, folder.parent)
    after = versions(system)
    if after not in (["first"], ["second", "first"]):
        raise Lost(f"the release file is half of one: {after}")
    if run("compile", "-q", system / "mlspec.yaml").status != 0:
        raise Invalid("the next compile fails")
    _whole(system)
    return after != ["first"]


def _killed_compile(_: int, chance: random.Random, folder: Path) -> bool:
    """The output is the old bundle or the new one, also next to a file of others."""
    system = _released(folder)
    out = system / "out"
    (out / "production" / "own.txt").write_text("mine")
    before, expected = _expected(out, folder.parent)
    command = (*COMMAND, "compile", "-q", str(system / "mlspec.yaml"), "--set", OWNERS[0])
    _kill(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True), chance, folder.parent)
    after = state(out)
    if after.pop("production/own.txt", b"") != b"mine":
        raise Lost("a file of others is gone")
    if after not in (before, expected):
        raise Lost(f"the bundle is half of one: {sorted(set(after) ^ set(expected))}")
    if run("compile", "-q", system / "mlspec.yaml", "--set", OWNERS[0]).status != 0:
        raise Invalid("the next compile fails")
    _whole(system, "--set", OWNERS[0])
    return after != before


def _expected(out: Path, above: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The output before and after the change of the owner."""
    before = {path: content for path, content in state(out).items() if path != "production/own.txt"}
    return before, _changed(_template(above))


@cache
def _changed(template: Path) -> dict[str, bytes]:
    out = template.with_name(f"changed-{os.getpid()}")
    run("compile", "-q", template / "mlspec.yaml", "--set", OWNERS[0], "--out", out)
    (inner,) = [path.parent.parent for path in out.rglob(f"production/{INDEX}")]
    return state(inner)


def _kill(running: subprocess.Popen[str], chance: random.Random, above: Path) -> None:
    time.sleep(chance.uniform(0.0, 1.1) * _usually(above))
    running.send_signal(signal.SIGKILL)
    running.communicate()


@cache
def _usually(above: Path) -> float:
    """How long a compile takes here, so that kills hit all of it."""
    began = time.monotonic()
    command = (*COMMAND, "compile", "-q", str(_template(above) / "mlspec.yaml"), "--dry-run")
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - began


@cache
def _template(above: Path) -> Path:
    """A system that each attempt of this process copies."""
    folder = above / f"template-{os.getpid()}"
    folder.mkdir()
    return released(folder)


def _released(folder: Path) -> Path:
    """A copy of a system that has released one version."""
    shutil.copytree(_template(folder.parent), folder / "system", dirs_exist_ok=True)
    return folder / "system"


def _whole(system: Path, *options: str) -> None:
    """Nothing is left of a run that was killed, and the output is that of the spec."""
    checked = run("check", system / "mlspec.yaml", *options)
    if checked.status != 0:
        raise Invalid(f"the output differs: {checked.out}{checked.err}")
    if left_over(system):
        raise Invalid(f"temporary files are left: {left_over(system)}")


ROWS = (
    Row("promotions", f"rounds of {AT_ONCE} promotions at once", 60, _promotions),
    Row("killed promotions", "promotions that are killed at a random moment", 200, _killed_promotion),
    Row("killed compiles", "compiles that are killed at a random moment", 200, _killed_compile),
)
