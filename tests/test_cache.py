"""The user's cache never changes what a command prints, returns, or writes, whatever changed since it was filled.

Each case fills the cache, changes something, and runs the command with the cache. Then it restores the files, and runs
the command again without the cache. Both runs must do the same.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlspec.compiler.check.claims import Claims, FolderClaim, ObjectClaim, RouteClaim
from mlspec.compiler.check.collisions import Ledger
from mlspec.compiler.check.outline import Neighbors, outline
from mlspec.compiler.diagnostics import SourceFile, Span
from mlspec.terminal.cache import key as cache_key
from mlspec.terminal.render import FORMATS

from .cached import COMMANDS, PLATFORM, RELEASE, Place, edit, in_turn, moved, several, written


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_is_known_is_not_compiled_again(place: Place, command: tuple[str, ...]) -> None:
    place.fill()
    assert place.same(*command, "team/app") == 0


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_output_it_is_compiled(place: Place, command: tuple[str, ...]) -> None:
    place.run("lint", "team/app")
    assert place.same(*command, "team/app") == (0 if command == ("lint",) else 1)


def unnoticed(path: Path) -> None:
    """Change a file, but neither its size nor its time."""
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-2] + b"#\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


SOME = Path("production/kustomization.yaml")

CHANGES: dict[str, Callable[[Place], Any]] = {
    "the spec": lambda p: edit(p.spec, "peak: 60/s", "peak: 600/s"),
    "an error in the spec": lambda p: edit(p.spec, "99.5%", "99.5"),
    "a comment in the spec": lambda p: edit(p.spec, "# a comment", "# mlspec: ignore[MLS013] it is fine"),
    "a platform file above": lambda p: written(p.root / "mlspec.platform.yaml", PLATFORM.format(share=50)),
    "a platform file nearer": lambda p: written(p.home / "mlspec.platform.yaml", PLATFORM.format(share=40)),
    "a link as a platform file": lambda p: (p.root / "mlspec.platform.yaml").symlink_to("/etc/hostname"),
    "a release": lambda p: written(p.home / "releases" / "production.yaml", RELEASE),
    "a file among the releases": lambda p: written(p.home / "releases" / "production.yaml" / "a", ""),
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
    "an index edited": lambda p: written(p.out / "production" / ".mlspec-index.json", '{"files": ["b.yaml"]}'),
    "a file of others": lambda p: written(p.out / "production" / "mine.yaml", "mine"),
    "an environment that is gone": lambda p: shutil.copytree(p.out / "production", p.out / "old"),
    "a link in the output": lambda p: moved(p.out / "production"),
    "the output is a link": lambda p: moved(p.out),
    "a file is a link": in_turn(
        lambda p: (p.out / SOME).rename(p.out / "production" / "real"), lambda p: (p.out / SOME).symlink_to("real")
    ),
    "a killed run": lambda p: (p.home / ".out.mlspec-new").mkdir(),
    "another spec next to it": lambda p: shutil.copy(p.spec, p.home / "other.mlspec.yaml"),
}


@pytest.mark.exhaustive
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


@pytest.mark.exhaustive
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_options_count(place: Place, options: tuple[str, ...], command: tuple[str, ...]) -> None:
    written(place.root / "other.yaml", PLATFORM.format(share=30))
    edit(place.spec, "  production:\n", "  staging: {}\n  production:\n")
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
FOLDERS = st.builds(
    lambda steps, table: FolderClaim(
        service="",
        does="writes to",
        they="write to",
        uri="s3://" + "/".join(steps),
        folder="s3://" + "/".join(steps) + "/",
        table=table,
        at=AT,
        key="to",
        under="x",
    ),
    st.lists(NAMES, min_size=1, max_size=3),
    st.booleans(),
)
CLAIMS = st.lists(
    st.builds(
        lambda environment, objects, routes, folders: Claims(
            system="app",
            environment=environment,
            objects=tuple(objects),
            routes=tuple(routes),
            folders=tuple(folders),
        ),
        NAMES,
        st.lists(OBJECTS, max_size=2),
        st.lists(ROUTES, max_size=1),
        st.lists(FOLDERS, max_size=2),
    ),
    max_size=2,
)


@given(st.lists(CLAIMS, max_size=5), st.sets(st.integers(0, 4)))
def test_outlines_miss_no_collision(systems: list[list[Claims]], without: set[int]) -> None:
    ledger, neighbors = Ledger(), Neighbors()
    for number, claims in enumerate(systems):
        known = None if number in without else outline(claims)
        assert neighbors.add(known, partial(list, claims)) == ledger.add(claims)
