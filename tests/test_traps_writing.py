"""Traps of writing files: links that leave the folder, indexes that others wrote, and what is in the way."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from pathlib import Path

import pytest

import mlspec
from mlspec.compiler.conventions import INDEX
from mlspec.compiler.errors import UnmanagedFileError
from mlspec.terminal import exchange as exchanger
from mlspec.terminal.disk import replace
from mlspec.terminal.owned import is_ours
from mlspec.terminal.write import Rendered, Written, changes, contents, write

from .support import compile_text, minimal, run
from .test_write import files, state

DECLARED = ("default",)
PATHS = ("out", "out/default", "out/default/serving", "out/default/serving/service.yaml", f"out/default/{INDEX}")
"""One of each level: the folder, an environment, a folder of objects, an object, and the index."""


@pytest.fixture
def made(tmp_path: Path) -> list[Rendered]:
    return files(compile_text(tmp_path))


def snapshot(folder: Path) -> dict[str, object]:
    """Everything below a folder, without following a link or opening anything but a file."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if stat.S_ISREG(mode) else None
        found[str(path.relative_to(folder))] = (stat.S_IFMT(mode), content)
    return found


def place(path: Path, what: str) -> None:
    """Put something where mlspec writes."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    match what:
        case "file":
            path.write_text("notes")
        case "folder":
            path.mkdir()
            (path / "notes.txt").write_text("notes")
        case "pipe":
            os.mkfifo(path)
        case "link to a folder":
            (path.parents[0] / "elsewhere").mkdir(exist_ok=True)
            path.symlink_to("elsewhere")
        case "link to a device":
            path.symlink_to("/dev/zero")
        case "dangling link":
            path.symlink_to("nowhere")


FOLDERS_ARE_FINE = {(path, "folder") for path in PATHS[:3]} | {("out", "link to a folder"), ("out", "dangling link")}
"""What is not in the way: `out` itself may be a link."""


@pytest.mark.parametrize("compiled", [False, True], ids=["the first time", "again"])
@pytest.mark.parametrize("what", ["file", "folder", "pipe", "link to a folder", "link to a device", "dangling link"])
@pytest.mark.parametrize("path", PATHS)
def test_trap_what_is_in_the_way_is_taken_away_followed_or_waited_for(
    tmp_path: Path, made: list[Rendered], path: str, what: str, compiled: bool
) -> None:
    if compiled:
        write(tmp_path / "out", made, DECLARED)
    place(tmp_path / path, what)
    before = snapshot(tmp_path)
    ours = path.endswith(INDEX) or (compiled and path.endswith(".yaml"))
    fine = (path, what) in FOLDERS_ARE_FINE or (what == "file" and ours)
    for command in (changes, write):
        if fine:
            command(tmp_path / "out", made, DECLARED)
            continue
        with pytest.raises(UnmanagedFileError) as raised:
            command(tmp_path / "out", made, DECLARED)
        assert raised.value.path == tmp_path / path
        assert "move it away" in str(raised.value)
        assert snapshot(tmp_path) == before
    if fine:
        assert not changes(tmp_path / "out", made, DECLARED).changes


@pytest.mark.parametrize("path", PATHS)
def test_trap_check_crashes_on_what_is_in_the_way(tmp_path: Path, path: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(minimal())
    place(tmp_path / path, "pipe")
    ran = run("check", tmp_path / "mlspec.yaml")
    assert ran.status == 1
    assert f"{path}: is a device, a pipe, or a socket" in ran.out
    ran = run("compile", tmp_path / "mlspec.yaml")
    assert ran.status == 1
    assert f"{path} is a device, a pipe, or a socket" in ran.err


@pytest.mark.parametrize("command", ["compile", "check"])
def test_trap_an_unreadable_folder_is_called_unwritable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Simulated, because root can read everything."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(minimal())
    assert run("compile", tmp_path / "mlspec.yaml").status == 0
    (tmp_path / "out" / "foreign").mkdir()
    lstat = os.lstat

    def denied(path: str | os.PathLike[str]) -> os.stat_result:
        if "foreign/" in os.fspath(path):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return lstat(path)

    monkeypatch.setattr(os, "lstat", denied)
    ran = run(command, tmp_path / "mlspec.yaml")
    assert ran.status == 1
    assert "cannot be read: Permission denied" in ran.out + ran.err


# Indexes


def index_with(out: Path, *more: object) -> None:
    index = out / "default" / INDEX
    listed = json.loads(index.read_text())
    index.write_text(json.dumps({**listed, "files": [*listed["files"], *more]}))


def test_trap_an_index_names_a_file_of_others_which_is_removed(tmp_path: Path, made: list[Rendered]) -> None:
    out = tmp_path / "out"
    write(out, made, DECLARED)
    (out / "default" / "precious.txt").write_text("precious")
    (out / "default" / "old.yaml").write_text("# Generated by mlspec from mlspec.yaml; an earlier one\n")
    index_with(out, "precious.txt", "old.yaml")
    done = write(out, made, DECLARED)
    assert [change.path for change in done.changes if change.kind == "removed"] == ["default/old.yaml"]
    assert (out / "default" / "precious.txt").read_text() == "precious"


@pytest.mark.parametrize("example", ["minimal", "fraud-scorer"])
def test_trap_a_file_of_one_form_is_never_removed(tmp_path: Path, example: str) -> None:
    """Markdown and JSON begin otherwise than YAML."""
    found = mlspec.compile(f"examples/{example}/mlspec.yaml", settings=["platform.dashboards.provider=file"])
    written = mlspec.write(found, tmp_path / "out").changes
    assert {Path(one.path).suffix for one in written} == {".yaml", ".json", ".md"}
    assert all(is_ours(str(tmp_path / "out" / one.path)) for one in written)
    without = mlspec.compile(f"examples/{example}/mlspec.yaml", settings=["platform.dashboards.provider=none"])
    removed = [one.path for one in mlspec.write(without, tmp_path / "out").changes if one.kind == "removed"]
    assert removed
    assert all(path.endswith("/dashboard.json") for path in removed)


def test_trap_an_index_of_an_environment_that_is_gone_names_files_of_others(
    tmp_path: Path, made: list[Rendered]
) -> None:
    other = tmp_path / "out" / "other"
    other.mkdir(parents=True)
    (other / "precious.txt").write_text("precious")
    (other / INDEX).write_text('{"files": ["precious.txt"]}')
    write(tmp_path / "out", made, DECLARED)
    assert state(other) == {"precious.txt": b"precious"}


@pytest.mark.parametrize(
    "name",
    ["a" * 5000, "a/" * 3000 + "b", "a\0b", "\ud800", "a\nb", "\u202e.yaml", INDEX, f"serving/{INDEX}", 3, None, [[]]],
)
def test_trap_an_index_names_what_no_file_can_be_called(tmp_path: Path, made: list[Rendered], name: object) -> None:
    out = tmp_path / "out"
    write(out, made, DECLARED)
    index_with(out, name)
    assert [change.path for change in changes(out, made, DECLARED).changes] == [f"default/{INDEX}"]
    write(out, made, DECLARED)
    assert state(out) == contents(made)


@pytest.mark.parametrize(
    "content", ["[" * 200_000, '{"a":' * 200_000, " " * 2**23, "\xff"], ids=["lists", "maps", "size", "not UTF-8"]
)
def test_trap_an_index_too_deep_or_too_large_to_parse(tmp_path: Path, made: list[Rendered], content: str) -> None:
    out = tmp_path / "out"
    write(out, made, DECLARED)
    (out / "default" / INDEX).write_bytes(content.encode("latin-1"))
    assert [change.path for change in write(out, made, DECLARED).changes] == [f"default/{INDEX}"]
    assert state(out) == contents(made)


def test_trap_a_large_file_in_the_output_is_read_whole(tmp_path: Path, made: list[Rendered]) -> None:
    """A sparse terabyte would not fit into memory."""
    out = tmp_path / "out"
    write(out, made, DECLARED)
    os.truncate(out / "default" / "kustomization.yaml", 2**40)
    assert [change.path for change in write(out, made, DECLARED).changes] == ["default/kustomization.yaml"]


# Temporary files


@pytest.mark.parametrize("what", ["file", "folder", "link to a folder", "dangling link", "pipe"])
def test_trap_what_has_the_temporary_name_is_removed_or_written_through(
    tmp_path: Path, made: list[Rendered], what: str
) -> None:
    place(tmp_path / ".out.mlspec-new", what)
    before = snapshot(tmp_path)
    with pytest.raises(UnmanagedFileError, match="move it away"):
        write(tmp_path / "out", made, DECLARED)
    assert snapshot(tmp_path) == before


def test_trap_a_replaced_file_loses_its_mode(tmp_path: Path, made: list[Rendered]) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o600)
    replace(file, b"new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)
    out = tmp_path / "out"
    write(out, made, DECLARED)
    (out / "default" / "kustomization.yaml").write_text("edited")
    (out / "default" / "kustomization.yaml").chmod(0o640)
    write(out, made, DECLARED)
    assert stat.S_IMODE((out / "default" / "kustomization.yaml").stat().st_mode) == 0o640


# What others do meanwhile


def while_swapping(monkeypatch: pytest.MonkeyPatch, act: object, *, after: bool = False) -> None:
    """Do something right before the two folders are swapped, or in the old one right after."""
    swap = exchanger._renameat2

    def swapped(new: str, folder: str) -> bool:
        if not after:
            act(Path(folder))  # type: ignore[operator]
        done = swap(new, folder)
        if after:
            act(Path(new))  # type: ignore[operator]
        return done

    monkeypatch.setattr(exchanger, "_renameat2", swapped)


def changed_again(tmp_path: Path) -> Written:
    again = files(compile_text(tmp_path, minimal(metadata__owner="others")))
    done = write(tmp_path / "out", again, DECLARED)
    assert done.atomic
    assert not list(tmp_path.glob(".out*"))
    return done


@pytest.mark.parametrize("after", [False, True], ids=["before the swap", "after the swap"])
def test_trap_files_that_others_write_meanwhile_are_lost(
    tmp_path: Path, made: list[Rendered], monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    out = tmp_path / "out"
    write(out, made, DECLARED)
    (out / "replaced.txt").write_text("old")

    def act(folder: Path) -> None:
        (folder / "new.txt").write_text("new")
        (folder / "default" / "deep" / "er").mkdir(parents=True)
        (folder / "default" / "deep" / "er" / "new.txt").write_text("new")
        (folder / "link").symlink_to("/nonexistent")
        (folder / "next").write_text("new")
        (folder / "next").replace(folder / "replaced.txt")

    while_swapping(monkeypatch, act, after=after)
    changed_again(tmp_path)
    assert (out / "new.txt").read_text() == (out / "default" / "deep" / "er" / "new.txt").read_text() == "new"
    assert (out / "replaced.txt").read_text() == "new"
    assert (out / "link").is_symlink()


def test_trap_a_file_that_others_write_meanwhile_is_at_the_path_of_a_new_one(
    tmp_path: Path, made: list[Rendered], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both stay: the file of others gets another name."""
    out = tmp_path / "out"
    write(out, files(compile_text(tmp_path, minimal(platform={"rollout": {"provider": "none"}}))), DECLARED)
    added = "default/serving/service-canary.yaml"
    assert added in contents(made)

    def act(folder: Path) -> None:
        (folder / added).parent.mkdir(parents=True, exist_ok=True)
        (folder / added).write_text("mine")

    while_swapping(monkeypatch, act)
    write(out, made, DECLARED)
    assert state(out) == {**contents(made), f"{added}.mlspec-kept-1": b"mine"}


def test_trap_a_killed_run_leaves_a_file_of_others_that_the_next_run_removes(
    tmp_path: Path, made: list[Rendered], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right after the swap: the old folder still has what others wrote meanwhile."""
    out = tmp_path / "out"
    write(out, made, DECLARED)
    while_swapping(monkeypatch, lambda folder: (folder / "new.txt").write_text("new"))

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(exchanger, "_retire", killed)
        again = files(compile_text(tmp_path, minimal(metadata__owner="others")))
        with pytest.raises(Killed):
            write(out, again, DECLARED)
    assert not (out / "new.txt").exists()
    write(out, again, DECLARED)
    assert state(out) == {**contents(again), "new.txt": b"new"}
    assert not list(tmp_path.glob(".out*"))


# Power


def test_trap_power_fails_after_the_swap_and_the_files_are_empty(
    tmp_path: Path, made: list[Rendered], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may write the new names to the disk long before the contents, unless it is asked to wait."""
    out = tmp_path / "out"
    write(out, made, DECLARED)
    order: list[str] = []
    sync, swap = exchanger._syncfs, exchanger._renameat2

    def synced(folder: str) -> bool:
        order.append("sync")
        return sync(folder)

    def swapped(new: str, folder: str) -> bool:
        order.append("swap")
        return swap(new, folder)

    monkeypatch.setattr(exchanger, "_syncfs", synced)
    monkeypatch.setattr(exchanger, "_renameat2", swapped)
    changed_again(tmp_path)
    assert order == ["sync", "swap"]
    assert not changed_again(tmp_path).changes
    assert order == ["sync", "swap"], "an unchanged bundle costs nothing"


def test_trap_a_system_without_syncfs_swaps_in_files_that_are_not_on_the_disk(
    tmp_path: Path, made: list[Rendered], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    fsync, swap = os.fsync, exchanger._renameat2

    def recorded(handle: int) -> None:
        synced.add(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    def swapped(new: str, folder: str) -> bool:
        written = {str(path) for path in Path(new).rglob("*") if path.is_dir() or path.stat().st_nlink == 1}
        assert any(path.endswith(".yaml") for path in written)
        assert {*written, new} <= synced
        return swap(new, folder)

    monkeypatch.setattr(exchanger, "_syncfs", lambda _: False)
    write(tmp_path / "out", made, DECLARED)
    monkeypatch.setattr(os, "fsync", recorded)
    monkeypatch.setattr(exchanger, "_renameat2", swapped)
    changed_again(tmp_path)


def test_trap_power_fails_after_a_release_file_was_renamed_and_it_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, rename = os.fsync, os.replace

    def synced(handle: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def renamed(source: Path, target: Path) -> None:
        order.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    replace(tmp_path / "production.yaml", b"new")
    assert order == ["file", "rename", "folder"]


def test_trap_a_full_disk_leaves_a_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "production.yaml").write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace(tmp_path / "production.yaml", b"new")
    assert snapshot(tmp_path).keys() == {"production.yaml"}
    assert (tmp_path / "production.yaml").read_text() == "old"
