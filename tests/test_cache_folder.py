"""The folder of the user's cache, and the stamps of output: if anything is wrong with either, it is not used."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlspec.terminal.cache import folder as cache_folder
from mlspec.terminal.cache.stamps import stamped, still

from .cached import COMMANDS, Place, contents, edit, in_turn, moved, several


def entries(place: Place) -> list[Path]:
    return sorted(place.cache.iterdir())


def forged(path: Path) -> None:
    """Valid JSON with a valid checksum, but nothing that mlspec wrote."""
    rest = path.read_bytes().split(b"\n")[1] + b'\n[{}, {"objects": 1}]\n[[], [{"is": "Path"}]]\n7'
    path.write_bytes(cache_folder._checksum(rest) + b"\n" + rest)


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "one bit": lambda path: path.write_bytes(path.read_bytes()[:-9] + b"\x00" + path.read_bytes()[-8:]),
    "of another program": lambda path: path.write_bytes(os.urandom(2000)),
    "a folder": in_turn(Path.unlink, Path.mkdir),
    "a link": in_turn(lambda path: path.rename(path.with_name("real")), lambda path: path.symlink_to("real")),
    "a pipe": in_turn(Path.unlink, os.mkfifo),
    "forged": forged,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_none(place: Place, damage: str) -> None:
    place.fill()
    for path in entries(place):
        DAMAGES[damage](path)
    for command in COMMANDS:
        place.same(*command, "team/app")
        place.same(*command, "team/app")


def refused(place: Place) -> None:
    """Nothing is read from the cache, and nothing is written."""
    before = contents(place.cache) if place.cache.is_dir() else {}
    for command in COMMANDS:
        assert place.same(*command, "team/app") == 1
    assert (contents(place.cache) if place.cache.is_dir() else {}) == before


def test_a_cache_that_others_may_use_is_none(place: Place) -> None:
    place.fill()
    place.cache.chmod(0o755)
    refused(place)


def test_a_cache_of_another_user_is_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.fill()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    refused(place)


def test_a_link_is_no_cache(place: Place) -> None:
    place.fill()
    moved(place.cache)
    refused(place)


@pytest.mark.parametrize("value", ["off", "", "/dev/null/cache", "a\nfile"])
def test_without_a_folder_there_is_no_cache(place: Place, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.root / "a\nfile").write_text("")
    monkeypatch.setenv("MLSPEC_CACHE", value)
    refused(place)


def test_the_cache_is_in_the_folder_for_caches_of_the_user(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLSPEC_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    place.run("lint", "team/app")
    assert not (tmp_path / "home").exists(), "a home that does not exist is not created"
    (tmp_path / "home").mkdir()
    assert [place.run("lint", "team/app")[1] for _ in range(2)] == [1, 0]
    (entry,) = (tmp_path / "home" / ".cache" / "mlspec" / "results").iterdir()
    assert (entry.parent.stat().st_mode & 0o777, entry.stat().st_mode & 0o777) == (0o700, 0o600)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert place.run("lint", "team/app")[1] == 0
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert place.run("lint", "team/app")[1] == 1
    assert (tmp_path / "caches" / "mlspec" / "results").is_dir()


def test_the_oldest_entries_go_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    several(place, a="a.example.com", b="b.example.com", c="c.example.com")
    place.run("lint", "team/a")
    (oldest,) = entries(place)
    os.utime(oldest, (1, 1))
    monkeypatch.setattr(cache_folder, "MOST", oldest.stat().st_size * 5 // 2)
    place.run("lint", "team/b")
    assert oldest in entries(place)
    place.run("lint", "team/c")
    assert oldest not in entries(place)
    assert len(entries(place)) == 1


def test_an_entry_that_cannot_be_written_is_not_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    place.fill()
    edit(place.spec, "peak: 60/s", "peak: 600/s")
    replaces = os.replace
    monkeypatch.setattr(os, "replace", lambda *a, **k: (full if "src_dir_fd" in k else replaces)(*a, **k))
    assert [place.same("lint", "team/app") for _ in range(2)] == [1, 1]


# The stamps of output


def test_a_change_within_one_tick_of_the_clock_is_noticed(tmp_path: Path) -> None:
    """Linux gives all changes within one tick the same time."""
    path = tmp_path / "a" / "file"
    path.parent.mkdir()
    for _ in range(50):
        path.write_bytes(b"one")
        stamps = stamped(str(tmp_path), {"a/file": b"one"}, ())
        path.write_bytes(b"two")
        assert stamps is None or not still(str(tmp_path), stamps, ())


def test_a_file_gets_no_stamp_before_the_clock_has_passed_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"one")
    changed = (tmp_path / "file").stat().st_ctime_ns
    for now, kept in ((changed - 1, False), (changed, False), (changed + 1, True)):
        monkeypatch.setattr("time.clock_gettime_ns", lambda _, now=now: now)
        assert (stamped(str(tmp_path), {"file": b"one"}, ()) is not None) == kept


def test_output_that_differs_gets_no_stamps(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"one")
    assert stamped(str(tmp_path), {"file": b"one"}, ()) is not None
    assert stamped(str(tmp_path), {"file": b"two"}, ()) is None
    assert stamped(str(tmp_path), {"file": b"one", "other": b""}, ()) is None


def test_a_file_system_with_coarse_times_gets_no_stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"one")
    monkeypatch.setattr("mlspec.terminal.cache.stamps._COARSE", 1)
    assert stamped(str(tmp_path), {"file": b"one"}, ()) is None


def test_entries_are_plain_data(place: Place) -> None:
    """Reading JSON runs no code."""
    place.fill()
    for path in entries(place):
        for line in path.read_bytes().split(b"\n")[2:]:
            json.loads(line or b"null")
