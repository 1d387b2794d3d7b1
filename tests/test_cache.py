"""The user's cache never changes what a command prints, returns, or writes, whatever changed since it was filled.

Each case fills the cache, changes something, and runs the command with the cache. Then it restores the files, and runs
the command again without the cache. Both runs must do the same.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlspec.compiler.check.claims import Claims, ObjectClaim, RouteClaim
from mlspec.compiler.check.collisions import Ledger
from mlspec.compiler.check.outline import Neighbors, outline
from mlspec.compiler.diagnostics import SourceFile, Span
from mlspec.compiler.inputs import Input
from mlspec.compiler.pipeline import Compiled
from mlspec.terminal.cache import folder as cache_folder
from mlspec.terminal.cache import key as cache_key
from mlspec.terminal.cache.stamps import stamped, still
from mlspec.terminal.commands.request import Request
from mlspec.terminal.render import FORMATS

from .support import Ran, minimal, run

SPEC: dict[str, Any] = {
    "metadata__name": "app",
    "environments": {"production": {}, "staging": {}},
    "platform": {"gateway": {"domain": "models.example.com"}},
    "serving__endpoint": {},
    "success": [{"metric": "latency-p99", "max": "50ms", "by": "2026-12-31"}],
}
RELEASE = "apiVersion: mlspec/v1\nkind: Release\nreleases: {}\n"
PLATFORM = "apiVersion: mlspec/v1\nkind: Platform\nplatform: {{planning: {{utilization: {share}%}}}}\n"
COMMANDS = (("lint",), ("compile",), ("compile", "--dry-run"), ("check",))


class Place:
    """A repository with one system, and a cache."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = folder / "repository"
        self.cache = folder / "cache"
        self.patch = patch
        self.compiled: list[str] = []
        self.home = self.root / "team" / "app"
        self.spec = self.home / "mlspec.yaml"
        self.out = self.home / "out"
        self.home.mkdir(parents=True)
        (self.root / ".git").mkdir()
        self.spec.write_text(minimal(**SPEC).replace("mode: online", "mode: online  # a comment"))
        patch.setenv("MLSPEC_CACHE", str(self.cache))
        patch.chdir(self.root)
        compiles = Request.compile

        def counted(request: Request, input_: Input, *only: str) -> Compiled:
            self.compiled.append(input_.shown)
            return compiles(request, input_, *only)

        patch.setattr(Request, "compile", counted)

    def run(self, *arguments: str | Path) -> tuple[Ran, int]:
        """What a command does, and how many systems it compiles."""
        self.compiled.clear()
        ran = run(*arguments)
        return ran, len(self.compiled)

    def fill(self) -> None:
        """Fill the cache with the results of all commands."""
        for command in (("lint",), ("compile",), ("check",)):
            assert self.run(*command, "team/app")[0].status == 0

    def same(self, *arguments: str) -> int:
        """Compare a command with what it does without the cache; returns how many systems it compiled."""
        kept = self.root.with_name("kept")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.root, kept, symlinks=True)
        found, compiled = self.run(*arguments)
        files = contents(self.root)
        shutil.rmtree(self.root)
        kept.rename(self.root)
        os.chdir(self.root)
        with self.patch.context() as patch:
            patch.setenv("MLSPEC_CACHE", "off")
            assert run(*arguments) == found
        assert contents(self.root) == files
        return compiled


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    yield Place(tmp_path, monkeypatch)
    cache_key._code.cache_clear()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_is_known_is_not_compiled_again(place: Place, command: tuple[str, ...]) -> None:
    place.fill()
    assert place.same(*command, "team/app") == 0


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_output_it_is_compiled(place: Place, command: tuple[str, ...]) -> None:
    place.run("lint", "team/app")
    assert place.same(*command, "team/app") == (0 if command == ("lint",) else 1)


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def unnoticed(path: Path) -> None:
    """Change a file, but neither its size nor its time."""
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-2] + b"#\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def moved(path: Path) -> None:
    """Put a link in the place of a folder, to the same files."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def in_turn(*steps: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda at: [step(at) for step in steps]


SOME = Path("production/kustomization.yaml")

CHANGES: dict[str, Callable[[Place], Any]] = {
    "the spec": lambda p: edit(p.spec, "peak: 60/s", "peak: 600/s"),
    "an error in the spec": lambda p: edit(p.spec, "99.5%", "99.5"),
    "a comment in the spec": lambda p: edit(p.spec, "# a comment", "# mlspec: ignore[MLS013] it is fine"),
    "a platform file above": lambda p: written(p.root / "mlspec.platform.yaml", PLATFORM.format(share=50)),
    "a platform file nearer": lambda p: written(p.home / "mlspec.platform.yaml", PLATFORM.format(share=40)),
    "a link as a platform file": lambda p: (p.root / "mlspec.platform.yaml").symlink_to("/etc/hostname"),
    "a release": lambda p: written(p.home / "releases" / "staging.yaml", RELEASE),
    "a file among the releases": lambda p: written(p.home / "releases" / "staging.yaml" / "a", ""),
    "another repository": lambda p: (p.home / ".git").mkdir(),
    "the spec is a link": in_turn(
        lambda p: p.spec.rename(p.root / "real.yaml"), lambda p: p.spec.symlink_to("../../real.yaml")
    ),
    "the spec is gone": lambda p: p.spec.unlink(),
    "output edited": lambda p: written(p.out / SOME, "mine"),
    "output edited unnoticed": lambda p: unnoticed(p.out / SOME),
    "output touched": lambda p: os.utime(p.out / SOME),
    "output deleted": lambda p: (p.out / SOME).unlink(),
    "all output deleted": lambda p: shutil.rmtree(p.out),
    "an index edited": lambda p: written(p.out / "staging" / ".mlspec-index.json", '{"files": ["b.yaml"]}'),
    "a file of others": lambda p: written(p.out / "production" / "mine.yaml", "mine"),
    "an environment that is gone": lambda p: shutil.copytree(p.out / "staging", p.out / "old"),
    "a link in the output": lambda p: moved(p.out / "production"),
    "the output is a link": lambda p: moved(p.out),
    "a file is a link": in_turn(
        lambda p: (p.out / SOME).rename(p.out / "production" / "real"), lambda p: (p.out / SOME).symlink_to("real")
    ),
    "a killed run": lambda p: (p.home / ".out.mlspec-new").mkdir(),
    "another spec next to it": lambda p: shutil.copy(p.spec, p.home / "other.mlspec.yaml"),
}


@pytest.mark.parametrize("command", [("lint",), ("compile",), ("check",)], ids=" ".join)
@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_a_run_does_what_it_does_without_the_cache(
    place: Place, change: str, command: tuple[str, ...]
) -> None:
    place.fill()
    CHANGES[change](place)
    place.same(*command, "team/app")
    place.same(*command, "team/app")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_platform_file_or_a_release_that_is_gone_counts(place: Place, command: tuple[str, ...]) -> None:
    CHANGES["a platform file above"](place)
    CHANGES["a platform file nearer"](place)
    place.fill()
    for path in (place.home / "mlspec.platform.yaml", place.root / "mlspec.platform.yaml"):
        path.unlink()
        assert place.same(*command, "team/app") == 1
    CHANGES["a release"](place)
    place.run(*command, "team/app")
    shutil.rmtree(place.home / "releases")
    assert place.same(*command, "team/app") == 1


OPTIONS = (
    ("--set", "constraints.throughput.peak=600/s"),
    ("--set", "constraints.throughput.peak=600/s", "--set", "constraints.throughput.mean=30/s"),
    ("--env", "staging"),
    ("--env", "nowhere"),
    ("--platform", "other.yaml"),
    ("-q",),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_options_count(place: Place, options: tuple[str, ...], command: tuple[str, ...]) -> None:
    written(place.root / "other.yaml", PLATFORM.format(share=30))
    place.fill()
    place.same(*command, "team/app", *options)
    place.same(*command, "team/app", *options)
    place.same(*command, "team/app")


def test_another_output_folder_counts(place: Place) -> None:
    place.fill()
    for command in COMMANDS[1:]:
        place.same(*command, "team/app", "-o", "all")
        place.same(*command, "team/app", "-o", "team")


def test_the_platform_file_of_the_environment_counts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    written(place.root / "other.yaml", PLATFORM.format(share=30))
    place.fill()
    monkeypatch.setenv("MLSPEC_PLATFORM", "other.yaml")
    assert place.same("compile", "team/app") == 1


def test_the_working_directory_and_the_typed_path_count(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.fill()
    place.same("lint", str(place.spec))
    monkeypatch.chdir(place.home)
    assert place.run("lint", ".")[0].err.count("--> mlspec.yaml") == place.run("lint", ".")[0].err.count("-->") > 0


def test_the_date_counts_only_for_suppressions_that_end(place: Place) -> None:
    place.fill()
    assert place.same("lint", "team/app", "--today", "2031-01-01") == 0
    edit(place.spec, "# a comment", "# mlspec: ignore[MLS013] it is fine until 2030-01-01")
    place.run("lint", "team/app", "--today", "2029-01-01")
    assert place.same("lint", "team/app", "--today", "2031-01-01") == 1
    assert "has expired" in place.run("lint", "team/app", "--today", "2031-01-01")[0].err


def test_the_code_of_mlspec_counts(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = tmp_path / "code"
    written(code / "deep" / "a.yaml", "one")
    monkeypatch.setattr(cache_key, "_PACKAGE", str(code))
    cache_key._code.cache_clear()
    place.fill()
    assert place.run("lint", "team/app")[1] == 0
    for name in ("deep/a.yaml", "b.py"):
        written(code / name, "another")
        cache_key._code.cache_clear()
        assert [place.run("lint", "team/app")[1] for _ in range(2)] == [1, 0]


def test_a_result_of_plugins_is_not_kept(place: Place) -> None:
    text = "apiVersion: mlspec/v1\nkind: Platform\nplatform: {plugins: ['nothing_of_that_name:TARGET']}\n"
    written(place.root / "mlspec.platform.yaml", text)
    assert [place.same("lint", "team/app") for _ in range(2)] == [1, 1]


@pytest.mark.parametrize("form", [form.name for form in FORMATS])
def test_each_format_says_the_same(place: Place, form: str) -> None:
    place.fill()
    assert place.same("lint", "team/app", "--format", form) == 0
    assert place.same("lint", "team/app", "--format", form, "--ignore", "MLS013") == 0
    edit(place.spec, "99.5%", "99.5")
    place.run("lint", "team/app")
    assert place.same("lint", "team/app", "--format", form) == 0
    assert place.same("check", "team/app", "--format", form) == 0


# Several systems


def several(place: Place, **hosts: str) -> None:
    for name, host in hosts.items():
        own = {"metadata__name": name, "environments": None, "serving__endpoint": {"hosts": [host]}}
        written(place.root / "team" / name / "mlspec.yaml", minimal(**{**SPEC, **own}))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_systems_collide_also_if_the_cache_knows_them(place: Place, command: tuple[str, ...]) -> None:
    several(place, a="a.example.com", b="b.example.com", c="a.example.com", d="b.example.com")
    for name in ("a", "b", "c", "d"):
        place.run("compile", f"team/{name}")
    assert place.run(*command, "team/*/mlspec.yaml")[1] == 1, "only the one that was never compiled"
    place.same(*command, "team/*/mlspec.yaml")
    for hosts in ({"c": "c.example.com"}, {"a": "b.example.com"}):
        several(place, **hosts)
        place.same(*command, "team/*/mlspec.yaml")


def test_only_what_changed_is_compiled_in_their_order(place: Place) -> None:
    several(place, **{f"s{number}": f"{number}.example.com" for number in range(12)})
    assert place.run("lint", "team/*/mlspec.yaml")[0].status == 0
    edit(place.root / "team" / "s5" / "mlspec.yaml", "99.5%", "99.5")
    assert place.same("lint", "team/*/mlspec.yaml") == 1


NAMES = st.sampled_from(["a", "b", "c"])
AT = Span(SourceFile("mlspec.yaml", "text"), 0, 0, 0, 1)
OBJECTS = st.builds(
    lambda name, content: ObjectClaim(
        cluster="", group="", kind="Service", namespace="", name=name, content=content, named=AT, placed=AT
    ),
    NAMES,
    st.sampled_from(["", "same", "other"]),
)
ROUTES = st.builds(
    lambda kind, name, listener, hosts, matches: RouteClaim(
        gateway=("", "", "gateway"),
        listener=listener,
        kind=kind,
        namespace="",
        name=name,
        hosts=tuple(hosts),
        matches=tuple(matches),
        places=(AT,) * max(1, len(hosts)),
    ),
    st.sampled_from(["HTTPRoute", "GRPCRoute"]),
    NAMES,
    st.sampled_from(["", "a", "b"]),
    st.lists(st.sampled_from(["a.example.com", "*.example.com", "b.example.com"]), max_size=2, unique=True),
    st.lists(NAMES, min_size=1, max_size=2, unique=True),
)
CLAIMS = st.lists(
    st.builds(
        lambda environment, objects, routes: Claims(
            system="app", environment=environment, objects=tuple(objects), routes=tuple(routes)
        ),
        NAMES,
        st.lists(OBJECTS, max_size=2),
        st.lists(ROUTES, max_size=1),
    ),
    max_size=2,
)


@given(st.lists(CLAIMS, max_size=5), st.sets(st.integers(0, 4)))
def test_outlines_miss_no_collision(systems: list[list[Claims]], without: set[int]) -> None:
    ledger, neighbors = Ledger(), Neighbors()
    for number, claims in enumerate(systems):
        known = None if number in without else outline(claims)
        assert neighbors.add(known, partial(list, claims)) == ledger.add(claims)


# What is wrong with the cache itself


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
