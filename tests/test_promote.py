"""`mlspec promote` and `mlspec rollback`: release files, stage by stage."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from mlspec.compiler.answer.release import render
from mlspec.compiler.diagnostics import SourceFile
from mlspec.compiler.layer.merge import desugar
from mlspec.compiler.read import read

from .support import DOMAIN, EXAMPLES, minimal, run

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def version(name: str, digest: str) -> str:
    return dedent(f"""\
        version: '{name}'
        artifact:
          uri: https://models.example.com/{name}.onnx
          format: onnx
          digest: sha256:{digest}
          size: 10Mi
        """)


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A system with two environments, a shadow stage and no release."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(
        minimal(
            release=None,
            rollout={"stages": [{"shadow": {"duration": "24h"}}, {"canary": {}}], "keepVersions": 2},
            environments={"staging": {}, "production": {}},
            **DOMAIN,
        )
    )
    for name, digest in (("1", A), ("2", B), ("3", C), ("4", C)):
        (tmp_path / f"v{name}.yaml").write_text(version(name, digest))
    for environment in ("staging", "production"):
        # both at once: an environment without a release does not compile
        (tmp_path / "releases").mkdir(exist_ok=True)
        head = f"apiVersion: mlspec/v1\nkind: Release\nsystem: digit-reader\nenvironment: {environment}\nrelease:\n"
        body = "".join(f"  {line}\n" for line in version("1", A).splitlines())
        (tmp_path / "releases" / f"{environment}.yaml").write_text(head + body)
    return tmp_path


def release(system: Path, environment: str = "production") -> dict[str, object]:
    text = (system / "releases" / f"{environment}.yaml").read_text()
    loaded: dict[str, object] = yaml.safe_load(text)["release"]
    return loaded


def promote(system: Path, *more: str | Path, to: str = "production", now: str = "2026-11-02T04:00:00Z") -> int:
    return run("promote", system / "mlspec.yaml", "--to", to, "--now", now, *more).status


def test_a_new_version_enters_the_shadow_stage_and_then_service(system: Path) -> None:
    assert promote(system, "--release", system / "v2.yaml") == 0
    assert release(system)["version"] == "1"
    assert release(system)["shadow"]["version"] == "2"  # type: ignore[index]
    assert release(system)["shadow"]["since"] == "2026-11-02T04:00:00Z"  # type: ignore[index]
    assert promote(system, now="2026-11-03T04:00:00Z") == 0
    assert release(system)["version"] == "2"
    assert "shadow" not in release(system)
    assert [v["version"] for v in release(system)["previous"]] == ["1"]  # type: ignore[attr-defined]


def test_a_version_that_no_route_could_mirror_requests_to_skips_the_shadow_stage(system: Path) -> None:
    """It would never leave its replicas idle, but never get a request either."""
    spec = yaml.safe_load((system / "mlspec.yaml").read_text())
    model, serving = spec.pop("model"), spec.pop("serving")
    spec["models"] = {"front": model, "back": model}
    direct = {"callers": [{"namespace": "front"}], "throughGateway": "0%"}
    spec["services"] = {"front": serving, "back": {**serving, "endpoint": direct}}
    (system / "mlspec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    for environment in ("staging", "production"):
        head = f"apiVersion: mlspec/v1\nkind: Release\nsystem: digit-reader\nenvironment: {environment}\n"
        live = yaml.safe_load(version("1", A))
        (system / "releases" / f"{environment}.yaml").write_text(
            head + yaml.safe_dump({"releases": {"front": live, "back": live}})
        )
    for name in ("front", "back"):
        assert promote(system, "--release", system / "v2.yaml", "--model", name) == 0
    found = yaml.safe_load((system / "releases" / "production.yaml").read_text())["releases"]
    assert (found["front"]["version"], found["front"]["shadow"]["version"]) == ("1", "2")
    assert (found["back"]["version"], "shadow" in found["back"]) == ("2", False)


def test_a_release_outlives_the_shadow_stage_that_it_skipped(system: Path) -> None:
    """Else the file that a command wrote would be an error as soon as the spec has no shadow stage."""
    assert promote(system, "--release", system / "v2.yaml", "--skip-shadow") == 0
    assert release(system)["skippedShadow"] is True
    spec = yaml.safe_load((system / "mlspec.yaml").read_text())
    spec["rollout"]["stages"] = [{"canary": {}}]
    (system / "mlspec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    ran = run("lint", system / "mlspec.yaml")
    assert ran.status == 0, ran.err


def test_the_shadow_stage_lasts_as_long_as_the_spec_says(system: Path) -> None:
    promote(system, "--release", system / "v2.yaml")
    before = (system / "releases" / "production.yaml").read_bytes()
    ran = run("promote", system / "mlspec.yaml", "--to", "production", "--now", "2026-11-03T03:59:59Z")
    assert ran.status == 1
    assert "until 2026-11-03T04:00:00Z" in ran.err
    assert (system / "releases" / "production.yaml").read_bytes() == before
    assert promote(system, "--skip-shadow", now="2026-11-02T04:00:01Z") == 0
    assert release(system)["version"] == "2"


def test_the_rollout_of_an_urgent_fix_would_wait_for_the_judgment_of_its_shadow(system: Path) -> None:
    assert promote(system, "--release", system / "v2.yaml", "--skip-shadow") == 0
    assert release(system)["skippedShadow"] is True
    assert not list((system / "out").glob("production/rollout/analysistemplate-shadow.yaml"))
    assert promote(system, "--release", system / "v3.yaml") == 0
    assert promote(system, now="2026-11-05T04:00:01Z") == 0
    assert "skippedShadow" not in release(system)
    assert all("skippedShadow" not in version for version in release(system)["previous"])  # type: ignore[attr-defined]
    assert list((system / "out").glob("production/rollout/analysistemplate-shadow.yaml"))
    assert run("rollback", system / "mlspec.yaml", "--env", "production", "--to", "2").status == 0
    assert release(system)["skippedShadow"] is True, "a rollback does not wait for a shadow either"


def test_what_is_in_service_elsewhere_can_be_taken(system: Path) -> None:
    assert promote(system, "--release", system / "v2.yaml", "--skip-shadow", to="staging") == 0
    assert promote(system, "--from", "staging", "--skip-shadow") == 0
    assert release(system)["artifact"] == release(system, "staging")["artifact"]


def test_only_as_many_earlier_versions_are_kept_as_the_spec_says(system: Path) -> None:
    for name in ("2", "3", "4"):
        assert promote(system, "--release", system / f"v{name}.yaml", "--skip-shadow") == 0
    assert [v["version"] for v in release(system)["previous"]] == ["3", "2"]  # type: ignore[attr-defined]


def test_a_rollback_goes_to_an_earlier_version_and_can_be_undone(system: Path) -> None:
    promote(system, "--release", system / "v2.yaml", "--skip-shadow")
    before = (system / "releases" / "production.yaml").read_bytes()
    back = run("rollback", system / "mlspec.yaml", "--env", "production", "--to", "1")
    assert back.status == 0
    assert "2 -> 1" in back.out
    assert f"sha256:{A}" in (system / "out/production/serving/rollout.yaml").read_text()
    assert run("rollback", system / "mlspec.yaml", "--env", "production", "--to", "2").status == 0
    assert (system / "releases" / "production.yaml").read_bytes() == before


def test_a_rollback_leaves_the_version_in_the_shadow(system: Path) -> None:
    promote(system, "--release", system / "v2.yaml", "--skip-shadow")
    promote(system, "--release", system / "v3.yaml")
    assert run("rollback", system / "mlspec.yaml", "--env", "production", "--to", "1").status == 0
    assert release(system)["shadow"]["version"] == "3"  # type: ignore[index]


def test_what_was_compiled_is_what_the_file_compiles_to(system: Path) -> None:
    promote(system, "--release", system / "v2.yaml")
    assert run("check", system / "mlspec.yaml", "--env", "production").status == 0


def test_only_the_environment_in_question_is_written(system: Path) -> None:
    promote(system, "--release", system / "v2.yaml")
    assert (system / "out/production").is_dir()
    assert not (system / "out/staging").exists()


def test_a_dry_run_writes_nothing(system: Path) -> None:
    before = (system / "releases" / "production.yaml").read_bytes()
    ran = run("promote", system / "mlspec.yaml", "--to", "production", "--release", system / "v2.yaml", "--dry-run")
    assert ran.status == 0
    assert "would change" in ran.out
    assert (system / "releases" / "production.yaml").read_bytes() == before
    assert not (system / "out").exists()


def test_a_version_that_does_not_compile_changes_nothing_and_is_shown_where_it_is_wrong(system: Path) -> None:
    (system / "bad.yaml").write_text(version("9", A).replace("format: onnx", "format: savedmodel"))
    before = (system / "releases" / "production.yaml").read_bytes()
    entering = ("--release", system / "bad.yaml", "--skip-shadow")
    ran = run("promote", system / "mlspec.yaml", "--to", "production", *entering)
    assert ran.status == 1
    assert "bad.yaml:4:11" in ran.err
    assert (system / "releases" / "production.yaml").read_bytes() == before
    assert not (system / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "nowhere"), "choose `staging` or `production`"),
        (("--to", "production", "--from", "nowhere"), "choose `staging` or `production`"),
        (("--to", "production", "--model", "other"), "no model `other`"),
        (("--to", "production"), "no version is in the shadow stage"),
        (("--to", "production", "--from", "staging"), "version 1 is already live"),
        (("--to", "production", "--release", "nothing.yaml"), "cannot be read"),
        (("--to", "production", "--from", "staging", "--release", "v2.yaml"), "exclude each other"),
    ],
)
def test_what_cannot_be_done_is_said(system: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = run("promote", system / "mlspec.yaml", *arguments)
    assert ran.status == 2
    assert said in ran.err


def test_a_rollback_names_what_it_can_go_back_to(system: Path) -> None:
    promote(system, "--release", system / "v2.yaml", "--skip-shadow")
    ran = run("rollback", system / "mlspec.yaml", "--env", "production", "--to", "7")
    assert ran.status == 2
    assert "choose `1`" in ran.err


def test_an_inline_release_is_the_authors(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(minimal())
    ran = run("promote", tmp_path / "mlspec.yaml", "--to", "default")
    assert ran.status == 2
    assert "inline" in ran.err


def test_a_version_that_looks_like_a_number_stays_a_text(system: Path) -> None:
    """YAML 1.1 takes `014` for twelve and `1e3` for a thousand."""
    (system / "odd.yaml").write_text(version("014", B).replace("'014'", "014"))
    assert promote(system, "--release", system / "odd.yaml", "--skip-shadow") == 0
    assert release(system)["version"] == "014"


@pytest.mark.parametrize(
    "file", [file for example in EXAMPLES for file in sorted(example.glob("releases/*.yaml"))], ids=str
)
def test_release_files_of_the_examples_are_as_promote_writes_them(file: Path) -> None:
    tree, _ = read(SourceFile(file.name, file.read_text()))
    assert tree is not None
    assert render(desugar(tree, "ReleaseFile")[0]) == file.read_text()


def test_a_shadow_stage_without_end_is_too_early_and_not_a_fault(system: Path) -> None:
    """Its end would be after the year 9999, which no clock can express."""
    spec = yaml.safe_load((system / "mlspec.yaml").read_text())
    stage = next(one["shadow"] for one in spec["rollout"]["stages"] if "shadow" in one)
    stage["duration"] = "999999999999999d"
    (system / "mlspec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    assert promote(system, "--release", system / "v2.yaml") == 0
    ran = run("promote", system / "mlspec.yaml", "--to", "production", "--now", "2026-11-03T03:59:59Z")
    assert (ran.status, "until 9999-12-31" in ran.err) == (1, True)
