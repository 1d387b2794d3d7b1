"""Writing: all environments change together, whatever happens, and unmanaged files stay untouched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from mlspec.api import Result
from mlspec.compiler.conventions import INDEX
from mlspec.compiler.errors import UnmanagedFileError
from mlspec.terminal import exchange as exchanger
from mlspec.terminal.write import Rendered, changes, contents, rendered, write

from .support import DOMAIN, compile_text, minimal

TWO: dict[str, object] = {"staging": {}, "production": {}}
DECLARED = tuple(TWO)


def files(result: Result) -> list[Rendered]:
    return [rendered(environment.bundle) for environment in result._compiled.environments]


def state(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_same_bytes_are_not_written(tmp_path: Path) -> None:
    bundles = files(compile_text(tmp_path))
    out = tmp_path / "out"
    write(out, bundles, ["default"])
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = write(out, bundles, ["default"])
    assert not again.changes
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_old_files_are_removed_and_unmanaged_files_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, files(compile_text(tmp_path)), ["default"])
    (out / "default" / "notes.txt").write_text("mine")
    (out / "other").mkdir()
    (out / "other" / "deep").symlink_to("/nonexistent")
    no_canary = files(compile_text(tmp_path, minimal(platform={"rollout": {"provider": "none"}})))
    done = write(out, no_canary, ["default"])
    assert {change.kind for change in done.changes} == {"added", "changed", "removed"}
    assert not (out / "default" / "serving" / "service-canary.yaml").exists()
    assert not (out / "default" / "rollout" / "analysistemplate-final.yaml").exists()
    assert (out / "default" / "notes.txt").read_text() == "mine"
    assert (out / "other" / "deep").is_symlink()
    assert set(state(out)) - {"default/notes.txt"} == set(contents(no_canary))


def test_an_environment_that_is_no_longer_declared_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, files(compile_text(tmp_path, minimal(environments=TWO, **DOMAIN))), DECLARED)
    write(out, files(compile_text(tmp_path, minimal(environments={"production": {}}))), ["production"])
    assert [p.name for p in out.iterdir()] == ["production"]


def test_an_environment_that_was_not_requested_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    both = compile_text(tmp_path, minimal(environments=TWO, **DOMAIN))
    write(out, files(both), DECLARED)
    before = state(out / "staging")
    changed = compile_text(
        tmp_path, minimal(environments=TWO, **DOMAIN, metadata__owner="others"), environments=["production"]
    )
    write(out, files(changed), DECLARED)
    assert state(out / "staging") == before
    assert "others" in (out / "production" / "serving" / "rollout.yaml").read_text()


def test_a_file_that_no_index_lists_is_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    mine = out / "default" / "serving" / "rollout.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UnmanagedFileError) as raised:
        write(out, files(compile_text(tmp_path)), ["default"])
    assert raised.value.path == mine
    assert state(out) == {"default/serving/rollout.yaml": b"mine"}


@pytest.mark.parametrize("path", ["../../victim", "/victim", "a/../../../victim", "", "link/victim", ".", "serving//x"])
def test_an_index_cannot_name_files_outside(tmp_path: Path, path: str) -> None:
    out = tmp_path / "out"
    bundles = files(compile_text(tmp_path))
    write(out, bundles, ["default"])
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (out / "default" / "link").symlink_to(tmp_path)
    index = out / "default" / INDEX
    listed = json.loads(index.read_text())
    index.write_text(json.dumps({**listed, "files": [*listed["files"], path]}))
    write(out, bundles, ["default"])
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": 3}', '{"files": [3, null]}'])
def test_a_broken_index_breaks_nothing(tmp_path: Path, content: str) -> None:
    out = tmp_path / "out"
    bundles = files(compile_text(tmp_path))
    write(out, bundles, ["default"])
    (out / "default" / INDEX).write_text(content)
    assert [change.path for change in changes(out, bundles, ["default"]).changes] == [f"default/{INDEX}"]
    write(out, bundles, ["default"])
    assert not changes(out, bundles, ["default"]).changes


def test_a_linked_folder_is_followed(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "out").symlink_to(real)
    write(tmp_path / "out", files(compile_text(tmp_path)), ["default"])
    assert (tmp_path / "out").is_symlink()
    assert (real / "default" / "kustomization.yaml").is_file()


def test_without_the_exchange_files_are_renamed_the_index_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    write(out, files(compile_text(tmp_path)), ["default"])
    order: list[str] = []
    replace = os.replace
    monkeypatch.setattr(exchanger, "_renameat2", lambda *_: False)

    def recorded(source: Path, target: Path) -> None:
        order.append(target.name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", recorded)
    done = write(out, files(compile_text(tmp_path, minimal(metadata__owner="others"))), ["default"])
    assert not done.atomic
    assert not changes(out, files(compile_text(tmp_path, minimal(metadata__owner="others"))), ["default"]).changes
    assert order[:-1]
    assert INDEX not in order[:-1]
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("earlier", [None, 100], ids=["on its own", "after another that was killed"])
def test_killed_at_any_moment_the_old_bundle_or_the_new_one_is_there(tmp_path: Path, earlier: int | None) -> None:
    """A process writes two versions of two environments in turn, and is killed before each of its file operations in
    turn, from the first to the last. There is never a mix of two versions.
    """
    states = []
    for name, owner in (("a", "first"), ("b", "second")):
        bundles = files(compile_text(tmp_path, minimal(environments=TWO, **DOMAIN, metadata__owner=owner)))
        write(tmp_path / name, bundles, DECLARED)
        states.append(state(tmp_path / name))
    shutil.copytree(tmp_path / "a", tmp_path / "out")
    was_written = []
    with Writer(tmp_path) as killed:
        for operation in count(1):
            shutil.rmtree(tmp_path / LEFT, ignore_errors=True)
            before = states.index(state(tmp_path / "out"))
            if earlier is not None:
                assert killed(1 - before, earlier)
                assert (tmp_path / LEFT).exists()
            if not killed(1 - before, operation):
                break
            found = state(tmp_path / "out")
            assert found in states, f"a mix of two versions, before operation {operation}"
            was_written.append(states.index(found) != before)
    assert len(was_written) > LEAST
    assert not was_written[0]
    assert was_written[-1]


LEFT = ".out.mlspec-new"
"""The folder that a killed process leaves behind."""

LEAST = 150
"""Writing two environments takes at least this many file operations. If we count fewer, the hook misses some."""


class Writer:
    """A process that forks a child for each write."""

    def __init__(self, folder: Path) -> None:
        script = folder / "writer.py"
        script.write_text(_WRITER)
        command = [sys.executable, str(script), str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def __call__(self, version: int, operation: int) -> bool:
        """Write a version, and die before a certain operation. Returns False if the write needs fewer operations."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{version} {operation}\n")
        self.process.stdin.flush()
        told = self.process.stdout.readline().strip()
        assert told in ("killed", "done")
        return told == "killed"


_WRITER = """
import os, signal, sys
from itertools import count
from pathlib import Path
from mlspec.compiler.errors import UnmanagedFileError
from mlspec.terminal.write import Rendered, write

folder = Path(sys.argv[1])

def version(root):
    files = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    return [
        Rendered(environment=name, files={path: text for path, text in files.items() if path.startswith(name)})
        for name in ("staging", "production")
    ]

def kill_before(last):
    operations = count(1)  # Python calls audit hooks before each operation

    def hook(event, _):
        if event.startswith(("open", "os.", "shutil.", "ctypes.")) and next(operations) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)

versions = [version(folder / name) for name in ("a", "b")]
for order in sys.stdin:
    which, last = map(int, order.split())
    child = os.fork()
    if child == 0:
        kill_before(last)
        write(folder / "out", versions[which], ["staging", "production"])
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print("killed" if os.WIFSIGNALED(status) else "done" if status == 0 else "failed", flush=True)
"""
