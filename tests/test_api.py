"""The Python API: what the commands can do, as functions."""

from __future__ import annotations

import datetime
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

import mlspec
from mlspec.terminal.render import memo as render

from .support import EXAMPLES, MINIMAL, ROOT, files, minimal, run
from .test_promote import system  # noqa: F401 - the same two environments

NOW = "2026-11-02T04:00:00Z"
CASES = sorted(path.parent.name for path in (ROOT / "tests" / "errors").glob("*/mlspec.yaml"))


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    path = tmp_path / "mlspec.yaml"
    path.write_text(MINIMAL)
    return path


# What specs can be given as


def test_a_path_a_text_and_what_load_gave_come_to_the_same(spec: Path) -> None:
    by_path = mlspec.compile(spec)
    assert by_path.ok
    for other in (
        mlspec.compile(str(spec)),
        mlspec.compile(spec, text=MINIMAL),
        mlspec.compile(text=MINIMAL),
        mlspec.compile(mlspec.load(spec)),
        mlspec.compile(mlspec.load(text=MINIMAL)),
    ):
        assert files(other) == files(by_path)
    assert mlspec.lint(mlspec.load(spec)) == mlspec.lint(spec) == by_path.diagnostics


def test_a_text_has_the_platform_and_the_releases_of_the_place_that_it_stands_for(system: Path) -> None:  # noqa: F811
    """A language server knows a file better than the disk does."""
    place = system / "mlspec.yaml"
    (system / "mlspec.platform.yaml").write_text(
        "apiVersion: mlspec/v1\nkind: Platform\nspec: {metadata: {labels: {team: ml}}}\n"
    )
    buffer = place.read_text()
    place.unlink()
    result = mlspec.compile(place, text=buffer)
    assert result.ok, result.diagnostics
    assert result.platform == system / "mlspec.platform.yaml"
    assert result.bundles["staging"].find("Rollout", "digit-reader")["metadata"]["labels"]["team"] == "ml"
    (found,) = mlspec.lint(place, text=buffer.replace("mean: 20/s", "mean: 20"))
    assert found.span.file.name == str(place)


def test_a_text_without_a_place_looks_at_no_disk(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(spec.parent)
    (spec.parent / "mlspec.platform.yaml").write_text("nonsense")
    result = mlspec.compile(text=MINIMAL)
    assert result.ok
    assert result.platform is None
    assert "MLS001" in {found.id for found in mlspec.lint(text="a: [")}
    assert "MLS002" in {found.id for found in mlspec.lint(text="# \ud800")}


def test_what_is_loaded_once_takes_settings_of_every_run(spec: Path) -> None:
    """Later ones are above earlier ones."""
    loaded = mlspec.load(spec, settings=["serving.replicas.min=5"])
    spec.unlink()
    scalers = [
        mlspec.compile(loaded, settings=more).bundles["default"].find("ScaledObject", "digit-reader")
        for more in ((), ["serving.replicas.min=7"])
    ]
    assert [scaler["spec"]["minReplicaCount"] for scaler in scalers] == [5, 7]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "pass the path of a spec"),
        ({"spec": MINIMAL}, "its text as text="),
        ({"text": MINIMAL, "environments": "production"}, r"environments takes a list, such as \['production'\]"),
        ({"text": MINIMAL, "settings": "a.b=1"}, r"settings takes a list"),
        ({"spec": mlspec.load(text=MINIMAL), "text": MINIMAL}, "pass these to load"),
        ({"spec": mlspec.load(text=MINIMAL), "platform": "p.yaml"}, "pass these to load"),
    ],
)
def test_a_call_that_says_too_little_or_too_much_is_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        mlspec.compile(**arguments)  # type: ignore[arg-type]


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    result = mlspec.compile(tmp_path / "mlspec.yaml", environments=["production"])
    assert [found.id for found in result.diagnostics] == ["MLS002"]
    assert not result.ok
    assert (result.name, result.environments, result.bundles) == (None, (), {})


def test_a_dash_is_a_file_and_not_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A language server talks over it."""
    monkeypatch.chdir(tmp_path)
    Path("-").write_text(MINIMAL)
    assert mlspec.compile("-").name == "digit-reader"


# What comes back


def test_a_result_names_what_people_ask_for(system: Path) -> None:  # noqa: F811
    result = mlspec.compile(system / "mlspec.yaml", environments=["staging"])
    assert result.name == "digit-reader"
    assert result.environments == ("staging", "production")
    assert list(result.bundles) == ["staging"]
    assert result.platform is None


@pytest.mark.parametrize("function", [mlspec.compile, mlspec.lint])
def test_an_environment_that_there_is_not_is_refused(function: object, system: Path) -> None:  # noqa: F811
    path = system / "mlspec.yaml"
    with pytest.raises(mlspec.NotFoundError) as raised:
        function(path, environments=["staging", "nope"])  # type: ignore[operator]
    assert (raised.value.name, raised.value.choices) == ("nope", ("staging", "production"))
    ran = run("compile", path, "--env", "nope")
    assert (ran.status, ran.err.splitlines()[-1]) == (2, f"error: {raised.value}")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_objects_are_what_an_api_server_is_sent(example: Path) -> None:
    for environment, bundle in mlspec.compile(example / "mlspec.yaml").bundles.items():
        stream = run("compile", example, "--env", environment, "--stdout").out
        assert list(bundle.objects) == list(yaml.safe_load_all(stream))
        for body in bundle.objects:
            assert bundle.find(body["kind"], body["metadata"]["name"]) is body


def test_an_object_that_there_is_not_names_those_that_there_are(spec: Path) -> None:
    bundle = mlspec.compile(spec).bundles["default"]
    with pytest.raises(mlspec.NotFoundError, match="there is no Rollout/missing") as raised:
        bundle.find("Rollout", "missing")
    assert "Rollout/digit-reader" in raised.value.choices


def test_what_has_errors_comes_to_nothing_that_could_be_used(spec: Path, tmp_path: Path) -> None:
    spec.write_text(minimal(constraints__latency__p99="100"))
    result = mlspec.compile(spec)
    assert not result.ok
    assert result.bundles == {}
    for use in (lambda: mlspec.write(result, tmp_path / "out"), lambda: mlspec.check(result, tmp_path / "out")):
        with pytest.raises(
            mlspec.CompileError, match=r"mlspec\.yaml has errors:\n  .*mlspec\.yaml:\d+:\d+: MLS"
        ) as raised:
            use()
        assert raised.value.diagnostics == result.diagnostics
    assert not (tmp_path / "out").exists()


def test_a_result_without_errors_is_handed_on(spec: Path) -> None:
    result = mlspec.compile(spec)
    assert result.raise_for_errors() is result


def test_what_is_written_is_what_is_checked(spec: Path, tmp_path: Path) -> None:
    result = mlspec.compile(spec)
    before = mlspec.check(result, tmp_path / "out")
    assert {change.kind for change in before} == {"added"}
    assert mlspec.write(result, tmp_path / "out").changes == before
    assert mlspec.check(result, tmp_path / "out") == ()
    (tmp_path / "out" / "default" / "serving" / "rollout.yaml").write_text("kind: Rollout\n")
    [changed] = mlspec.check(result, tmp_path / "out")
    assert (changed.path, changed.kind) == ("default/serving/rollout.yaml", "changed")


def test_a_file_of_somebody_else_stops_it(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "default").mkdir(parents=True)
    mine = tmp_path / "out" / "default" / "kustomization.yaml"
    mine.write_text("mine\n")
    for function in (mlspec.write, mlspec.check):
        with pytest.raises(mlspec.UnmanagedFileError, match="move it away") as raised:
            function(mlspec.compile(spec), tmp_path / "out")
        assert raised.value.path == mine


# Questions


def test_a_value_is_explained_both_ways(spec: Path) -> None:
    result = mlspec.compile(spec)
    why = mlspec.explain(result, "ScaledObject/digit-reader:spec.minReplicaCount")["default"]
    assert why.value == "2"
    assert "constraints.throughput.mean" in [part.path for part in why.parts]
    [given], effects = mlspec.effects(result, "constraints.throughput.mean")["default"]
    assert (given.value, given.wins) == ("20/s", True)
    assert "minReplicaCount: 2" in [effect.text for effect in effects]
    with pytest.raises(mlspec.NotFoundError) as raised:
        mlspec.explain(result, "ScaledObject/missing:spec")
    assert raised.value.name == "ScaledObject/missing"
    assert "ScaledObject/digit-reader" in raised.value.choices
    with pytest.raises(mlspec.NotFoundError, match=r"instead of `least`, choose .*`minReplicaCount`") as inside:
        mlspec.explain(result, "ScaledObject/digit-reader:spec.least")
    assert "minReplicaCount" in inside.value.choices


def test_a_plan_is_what_the_command_prints(spec: Path) -> None:
    memos = mlspec.plan(mlspec.compile(spec))
    assert render.json(memos.values()) == run("plan", spec, "--format", "json").out
    told = {decision.title: decision for area in memos["default"].areas for decision in area.decisions}
    assert told["replicas for the peak load"].value == "2 replicas"
    assert "platform.prices.core" in [assumption.path for assumption in memos["default"].assumptions]


UNNAMED = ("MLS006-a-name-in-capitals", "MLS007-a-mode", "MLS009-a-kind-of-service", "MLS011-an-empty-section")
"""Specs without what the titles of areas are made of."""


@pytest.mark.parametrize("name", [*UNNAMED, *CASES[::12]])
def test_a_wrong_spec_raises_no_error_but_ours(name: str) -> None:
    """Internal exceptions of the compiler, such as `Unavailable`, never reach callers."""
    loaded = mlspec.load(ROOT / "tests" / "errors" / name / "mlspec.yaml")
    result = mlspec.compile(loaded)
    assert list(mlspec.plan(result)) == list(result.environments)
    for question in (
        lambda: mlspec.explain(result, f"Rollout/{result.name}:spec"),
        lambda: mlspec.effects(result, "serving.runtime"),
        lambda: mlspec.promote(loaded, to=(*result.environments, "production")[0], now=NOW),
        lambda: mlspec.rollback(loaded, environment=(*result.environments, "production")[0], to="1"),
    ):
        with suppress(mlspec.MlspecError):
            question()


# Releases


def test_a_version_is_promoted_and_brought_back(system: Path, tmp_path: Path) -> None:  # noqa: F811
    spec, out = system / "mlspec.yaml", tmp_path / "out"
    entered = mlspec.promote(
        spec, to="production", release=system / "v2.yaml", now="2026-11-01T04:00:00Z", skip_shadow=True
    )
    assert "'2'" not in entered.path.read_text()
    mlspec.write(entered, out)
    assert entered.path.read_text() == entered.text
    assert mlspec.check(entered.result, out) == ()
    back = mlspec.rollback(mlspec.load(spec), environment="production", to="1")
    assert back.change == "digit-reader in production: 2 -> 1"
    with pytest.raises(mlspec.ReleaseError, match="no version is in the shadow stage"):
        mlspec.promote(mlspec.load(spec), to="production", now=NOW)


def test_a_file_in_the_way_keeps_the_release_file_as_it_is(system: Path, tmp_path: Path) -> None:  # noqa: F811
    mine = tmp_path / "out" / "production" / "kustomization.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine\n")
    release = mlspec.promote(
        system / "mlspec.yaml", to="production", release=system / "v2.yaml", now=NOW, skip_shadow=True
    )
    before = release.path.read_bytes()
    with pytest.raises(mlspec.UnmanagedFileError):
        mlspec.write(release, tmp_path / "out")
    assert release.path.read_bytes() == before


def test_what_keeps_a_version_back_is_told_by_kind(system: Path, tmp_path: Path) -> None:  # noqa: F811
    spec = system / "mlspec.yaml"
    mlspec.write(mlspec.promote(spec, to="production", release=system / "v2.yaml", now=NOW), tmp_path / "out")
    with pytest.raises(mlspec.TooEarlyError) as early:
        mlspec.promote(spec, to="production", now="2026-11-02T05:00:00Z")
    assert early.value.until == "2026-11-03T04:00:00Z"
    with pytest.raises(mlspec.NotFoundError) as missing:
        mlspec.promote(spec, to="nowhere", now=NOW)
    assert missing.value.choices == ("staging", "production")
    (system / "v1.yaml").write_text("version: 1\n")
    with pytest.raises(mlspec.CompileError, match=r"v1\.yaml does not describe a version") as wrong:
        mlspec.promote(spec, to="production", now=NOW, release=system / "v1.yaml")
    assert wrong.value.diagnostics
    with pytest.raises(mlspec.CompileError, match="run mlspec lint"):
        mlspec.promote(system / "nothing.yaml", to="production", now=NOW)
    with pytest.raises(TypeError, match="exclude each other"):
        mlspec.promote(spec, to="production", now=NOW, source="staging", release=system / "v2.yaml")


def test_a_release_is_for_every_run_and_belongs_to_a_folder(system: Path) -> None:  # noqa: F811
    path = system / "mlspec.yaml"
    with pytest.raises(mlspec.ReleaseError, match="load the spec without settings"):
        mlspec.promote(mlspec.load(path, settings=["constraints.maxReplicas=3"]), to="production", now=NOW)
    with pytest.raises(mlspec.ReleaseError, match="the spec must be a file"):
        mlspec.promote(mlspec.load(text=path.read_text()), to="production", now=NOW)


def test_the_schema_is_json() -> None:
    assert json.loads(mlspec.json_schema())["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bad": 5}, "bad takes a number from 0 to 1"),
        ({"hours": -1}, "hours takes a number from 0.01 to 168"),
        ({"hours": "1h"}, "hours takes"),
        ({"at": "noon"}, "at takes 'peak' or 'mean' or 'trough' or 'day'"),
        ({"lose": "pod"}, "lose takes 'replica' or 'zone'"),
        ({"requests": 10}, "requests takes a whole number from 1000"),
    ],
)
def test_trap_a_simulation_of_nothing_keeps_its_promises(wrong: dict[str, Any], said: str) -> None:
    """Five percent is not 5, and an hour in the past has no requests that are late."""
    result = mlspec.compile(ROOT / "examples" / "minimal" / "mlspec.yaml")
    with pytest.raises(TypeError, match=re.escape(said)):
        mlspec.simulate(result, **wrong)


def test_trap_a_day_in_another_notation_is_before_or_after_all_others() -> None:
    """Days are compared as text, so `11/30/2026` would let every suppression live on."""
    spec = ROOT / "examples" / "minimal" / "mlspec.yaml"
    for day in ("11/30/2026", "tomorrow", datetime.date(2026, 11, 30)):
        for ask in (mlspec.compile, mlspec.lint):
            with pytest.raises(TypeError, match="today takes a date as text, such as '2026-11-23'"):
                ask(spec, today=day)  # type: ignore[arg-type]
