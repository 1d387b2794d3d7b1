"""The Python API: what the commands can do, as functions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mlspec

from .support import MINIMAL, minimal
from .test_promote import system  # noqa: F401 - the same two environments

NOW = "2026-11-02T04:00:00Z"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    path = tmp_path / "mlspec.yaml"
    path.write_text(MINIMAL)
    return path


def test_what_is_written_is_what_is_checked(spec: Path, tmp_path: Path) -> None:
    result = mlspec.compile(spec)
    before = mlspec.check(result, tmp_path / "out")
    assert {change.kind for change in before} == {"added"}
    assert mlspec.write(result, tmp_path / "out").changes == before
    assert mlspec.check(result, tmp_path / "out") == ()
    (tmp_path / "out" / "default" / "serving" / "rollout.yaml").write_text("kind: Rollout\n")
    [changed] = mlspec.check(result, tmp_path / "out")
    assert (changed.path, changed.kind) == ("default/serving/rollout.yaml", "changed")


def test_what_has_errors_is_not_written(spec: Path, tmp_path: Path) -> None:
    spec.write_text(minimal(constraints__latency__p99="100"))
    result = mlspec.compile(spec)
    assert not result.ok
    assert result.bundles == ()
    with pytest.raises(ValueError, match="errors"):
        mlspec.write(result, tmp_path / "out")


def test_a_file_of_somebody_else_stops_it(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "default").mkdir(parents=True)
    (tmp_path / "out" / "default" / "kustomization.yaml").write_text("mine\n")
    with pytest.raises(mlspec.Foreign):
        mlspec.write(mlspec.compile(spec), tmp_path / "out")


def test_a_value_is_explained_both_ways(spec: Path) -> None:
    result = mlspec.compile(spec)
    why = mlspec.explain(result, "ScaledObject/digit-reader:spec.minReplicaCount")["default"]
    assert why.value == "2"
    assert "constraints.throughput.mean" in [part.path for part in why.parts]
    [given], effects = mlspec.effects(result, "constraints.throughput.mean")["default"]
    assert (given.value, given.wins) == ("20/s", True)
    assert "minReplicaCount: 2" in [effect.text for effect in effects]
    with pytest.raises(mlspec.Unknown):
        mlspec.explain(result, "ScaledObject/nobody:spec")


def test_only_what_was_asked_for_is_compiled(system: Path) -> None:  # noqa: F811
    result = mlspec.compile(system / "mlspec.yaml", environments=["staging"])
    assert [bundle.environment for bundle in result.bundles] == ["staging"]
    assert result.compiled.declared == ("staging", "production")


def test_a_version_is_promoted_and_brought_back(system: Path, tmp_path: Path) -> None:  # noqa: F811
    spec, out = system / "mlspec.yaml", tmp_path / "out"
    entered = mlspec.promote(
        spec, to="production", release=system / "v2.yaml", now="2026-11-01T04:00:00Z", skip_shadow=True
    )
    assert "'2'" not in (system / "releases" / "production.yaml").read_text()
    mlspec.write(entered, out)
    assert "'2'" in (system / "releases" / "production.yaml").read_text()
    assert mlspec.check(entered.result, out) == ()
    back = mlspec.rollback(spec, environment="production", to="1")
    assert back.move.said == "digit-reader in production: 2 -> 1"
    with pytest.raises(mlspec.Impossible, match="nothing is in the shadow stage"):
        mlspec.promote(spec, to="production", now=NOW)


def test_the_schema_is_json() -> None:
    assert json.loads(mlspec.json_schema())["$schema"].endswith("2020-12/schema")
