"""Races: many commands at once, other people's files, and kills at random moments.

A few rounds by default; `MLSPEC_ROUNDS=60 python -m pytest -s tests/test_races.py` runs the full count and prints how
often each outcome occurred.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import mlspec
from mlspec.terminal.releases import alone

from .racing import COMMAND, left_over, promoted, promoting, released, versions
from .support import run
from .test_promote import version

ROUNDS = int(os.environ.get("MLSPEC_ROUNDS", "1"))
AT_ONCE = 10
"""How many promotions run at once in each round."""


@pytest.fixture
def system(tmp_path: Path) -> Path:
    return released(tmp_path)


@pytest.mark.exhaustive
def test_trap_parallel_promotions_lose_each_others_versions(system: Path) -> None:
    """Each that says it wrote is in the file, and the bundle is that of the last one."""
    original = (system / "releases" / "production.yaml").read_text()
    for round_ in range(ROUNDS):
        (system / "releases" / "production.yaml").write_text(original)
        names = [f"r{round_}-{number}" for number in range(AT_ONCE)]
        running = [promoting(system, name) for name in names]
        said = [one.communicate() for one in running]
        assert [one.returncode for one in running] == [0] * AT_ONCE, said
        assert sorted(versions(system)) == sorted([*names, "first"])
        checked = run("check", system / "mlspec.yaml")
        assert checked.status == 0, checked.out + checked.err
        assert not left_over(system)


def test_trap_a_compile_that_read_the_old_release_writes_it_after_a_promotion(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promotion begins and ends between what a compile reads and what it writes."""

    def too_late(spec_folder: Path, out_folder: Path) -> AbstractContextManager[None]:
        assert promoted(system, "second")[0] == 0
        return alone(spec_folder, out_folder)

    monkeypatch.setattr("mlspec.terminal.commands.compile.alone", too_late)
    ran = run("compile", system / "mlspec.yaml", "--set", "metadata.owner=others")
    assert ran.status == 0, ran.err
    monkeypatch.undo()
    assert versions(system) == ["second", "first"]
    checked = run("check", system / "mlspec.yaml", "--set", "metadata.owner=others")
    assert checked.status == 0, checked.out + checked.err


def test_trap_a_release_that_changed_after_it_was_read_is_overwritten(system: Path) -> None:
    """The Python API computes and writes in two calls, which no lock can span."""
    (system / "second.yaml").write_text(version("second", "b" * 64))
    late = mlspec.promote(
        system / "mlspec.yaml", to="production", release=system / "second.yaml", now="2026-11-02T04:00:00Z"
    )
    assert promoted(system, "third")[0] == 0
    before = (system / "releases" / "production.yaml").read_text()
    with pytest.raises(mlspec.ReleaseError, match="has changed since it was read"):
        mlspec.write(late, system / "out")
    assert (system / "releases" / "production.yaml").read_text() == before
    assert run("check", system / "mlspec.yaml").status == 0


@pytest.mark.parametrize("link", ["releases", "releases/production.yaml"])
def test_trap_a_promotion_writes_through_a_link_or_replaces_it(system: Path, link: str) -> None:
    (system / "elsewhere").mkdir()
    (system / link).rename(system / "elsewhere" / "real")
    (system / link).symlink_to(system / "elsewhere" / "real")
    real = system / "elsewhere" / "real"
    file = real / "production.yaml" if real.is_dir() else real
    before = file.read_text()
    status, said = promoted(system, "second")
    assert status == 1
    assert f"{link} is a link" in said
    assert (system / link).is_symlink()
    assert file.read_text() == before
    assert run("check", system / "mlspec.yaml").status == 0


def test_trap_a_promotion_writes_through_a_planted_temporary_file_or_changes_the_mode(system: Path) -> None:
    (system / "victim.txt").write_text("precious")
    (system / "releases" / ".production.yaml.mlspec-new").symlink_to("../victim.txt")
    (system / "releases" / "production.yaml").chmod(0o600)
    (system / "releases" / f".production.yaml.{'a' * 12}.mlspec-new").write_text("what a killed run left")
    assert promoted(system, "second")[0] == 0
    assert (system / "victim.txt").read_text() == "precious"
    file = system / "releases" / "production.yaml"
    assert (file.is_symlink(), file.stat().st_mode & 0o777) == (False, 0o600)
    assert sorted(path.name for path in (system / "releases").iterdir()) == [
        ".production.yaml.mlspec-new",
        "production.yaml",
    ]


@pytest.mark.slow
def test_trap_files_that_others_write_during_compiles_are_lost(system: Path) -> None:
    """Another process writes files as fast as it can while compiles change the folder that it writes to."""
    written: list[Path] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            path = system / "out" / "production" / f"own-{len(written)}.txt"
            try:
                path.write_text("mine")
            except FileNotFoundError:  # the folder was removed between two steps of `open`: its writer knows
                continue
            written.append(path)
            time.sleep(0.0005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for round_ in range(3 * ROUNDS):
            owner = f"metadata.owner=team-{round_}"
            subprocess.run([*COMMAND, "compile", "-q", str(system / "mlspec.yaml"), "--set", owner], check=True)
    finally:
        done.set()
        writer.join()
    assert len(written) > 50
    assert not [path.name for path in written if not path.exists()]
    assert not left_over(system)


@pytest.mark.slow
def test_trap_a_promotion_that_is_killed_leaves_half_a_release(system: Path) -> None:
    """The release file is the old one or the new one, and a compile finishes whatever was begun."""
    seed = random.Random(7)
    outcomes: Counter[str] = Counter()
    began = time.monotonic()
    assert promoted(system, "whole")[0] == 0
    whole = time.monotonic() - began
    for round_ in range(5 * ROUNDS):
        before = versions(system)
        running = promoting(system, f"k{round_}")
        time.sleep(seed.uniform(0.5, 1.1) * whole)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        after = versions(system)
        assert after in (before, [f"k{round_}", *before])
        outcomes["new" if after != before else "old"] += 1
        assert run("compile", "-q", system / "mlspec.yaml").status == 0
        assert run("check", system / "mlspec.yaml").status == 0
    sys.stdout.write(f"killed promotions: {dict(outcomes)}\n")


def test_trap_what_a_killed_promotion_left_is_committed(system: Path) -> None:
    """The next command that writes removes it, and no file that only looks like it."""
    left = system / "releases" / ".production.yaml.0123456789ab.mlspec-new"
    others = system / "releases" / ".production.yaml.mine.mlspec-new"
    left.write_text("half of a rel")
    others.write_text("mine")
    done = run("compile", "-q", system / "mlspec.yaml", "--set", "metadata.owner=next")
    assert done.status == 0, done.err
    assert not left.exists()
    assert others.read_text() == "mine"


def test_trap_what_a_killed_promotion_left_stops_a_compile_from_a_read_only_folder(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the output must be writable; the release itself is whole."""
    unlink = os.unlink

    def read_only(path: str | os.PathLike[str], **options: int) -> None:
        if "releases" in os.fspath(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(path))
        unlink(path, **options)

    left = system / "releases" / ".production.yaml.0123456789ab.mlspec-new"
    left.write_text("half of a rel")
    monkeypatch.setattr(os, "unlink", read_only)
    done = run("compile", "-q", system / "mlspec.yaml", "--set", "metadata.owner=next")
    assert done.status == 0, done.err
    assert left.exists()
