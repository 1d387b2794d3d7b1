"""`mlspec promote` and `mlspec rollback`: release files, stage by stage."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from textwrap import dedent

import pytest

import mlspec
from mlspec.compiler.answer.release import render
from mlspec.compiler.diagnostics import SourceFile
from mlspec.compiler.layer.merge import desugar
from mlspec.compiler.read import read

from .support import DOMAIN, EXAMPLES, ROOT, dumped, loaded, minimal, run

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
    found: dict[str, object] = loaded(text)["release"]
    return found


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
    spec = loaded((system / "mlspec.yaml").read_text())
    model, serving = spec.pop("model"), spec.pop("serving")
    spec["models"] = {"front": model, "back": model}
    direct = {"callers": [{"namespace": "front"}], "throughGateway": "0%"}
    spec["services"] = {"front": serving, "back": {**serving, "endpoint": direct}}
    (system / "mlspec.yaml").write_text(dumped(spec))
    for environment in ("staging", "production"):
        head = f"apiVersion: mlspec/v1\nkind: Release\nsystem: digit-reader\nenvironment: {environment}\n"
        live = loaded(version("1", A))
        (system / "releases" / f"{environment}.yaml").write_text(
            head + dumped({"releases": {"front": live, "back": live}})
        )
    for name in ("front", "back"):
        assert promote(system, "--release", system / "v2.yaml", "--model", name) == 0
    found = loaded((system / "releases" / "production.yaml").read_text())["releases"]
    assert (found["front"]["version"], found["front"]["shadow"]["version"]) == ("1", "2")
    assert (found["back"]["version"], "shadow" in found["back"]) == ("2", False)


def test_a_release_outlives_the_shadow_stage_that_it_skipped(system: Path) -> None:
    """Else the file that a command wrote would be an error as soon as the spec has no shadow stage."""
    assert promote(system, "--release", system / "v2.yaml", "--skip-shadow") == 0
    assert release(system)["skippedShadow"] is True
    spec = loaded((system / "mlspec.yaml").read_text())
    spec["rollout"]["stages"] = [{"canary": {}}]
    (system / "mlspec.yaml").write_text(dumped(spec))
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
        (("--to", "production", "--release", "nothing.yaml"), "cannot be read"),
        (("--to", "production", "--from", "staging", "--release", "v2.yaml"), "exclude each other"),
    ],
)
def test_what_cannot_be_done_is_said(system: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = run("promote", system / "mlspec.yaml", *arguments)
    assert ran.status == 2
    assert said in ran.err


@pytest.mark.parametrize("stage", ["live", "shadow"])
def test_a_promotion_that_a_pipeline_repeats_is_no_error(system: Path, stage: str) -> None:
    """It exited with 2, like a mistake in the command, so pipelines ignored all statuses of 2."""
    entering = ("--release", system / "v2.yaml", *(("--skip-shadow",) if stage == "live" else ()))
    assert promote(system, *entering) == 0
    before = (system / "releases" / "production.yaml").read_bytes()
    again = run("promote", system / "mlspec.yaml", "--to", "production", *entering)
    assert (again.status, again.out) == (0, "")
    assert "note: version 2 of `digit-reader` is already" in again.err
    assert (system / "releases" / "production.yaml").read_bytes() == before
    with pytest.raises(mlspec.UnchangedError):
        mlspec.promote(
            mlspec.load(system / "mlspec.yaml"),
            to="production",
            release=system / "v2.yaml",
            skip_shadow=stage == "live",
            now="2026-11-02T04:12:00Z",
        )


def test_a_live_version_that_is_described_in_another_way_is_not_promoted_again(system: Path) -> None:
    promote(system, "--release", system / "v2.yaml", "--skip-shadow")
    (system / "v2.yaml").write_text((system / "v2.yaml").read_text().replace("size: ", "size: 1"))
    again = run(
        "promote", system / "mlspec.yaml", "--to", "production", "--release", system / "v2.yaml", "--skip-shadow"
    )
    assert again.status == 2
    assert "described in another way" in again.err


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


# Release files that promote did not write


def edited(system: Path, *changes: tuple[str, str], environment: str = "production") -> str:
    file = system / "releases" / f"{environment}.yaml"
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("environment: production", "environment: staging"), "says `environment: staging`"),
        (("system: digit-reader", "system: other"), "says `system: other`"),
    ],
)
def test_a_release_file_of_another_place_is_not_overwritten(system: Path, change: tuple[str, str], said: str) -> None:
    """Its history would be lost, or become that of a model that does not exist."""
    text = edited(system, change)
    linted = run("lint", system / "mlspec.yaml")
    assert linted.status == 1
    assert linted.err.count("error[") == linted.err.count("error[MLS016]") == 1
    assert said in linted.err
    for arguments in (("--release", system / "v2.yaml"), ("--release", system / "v2.yaml", "--skip-shadow")):
        ran = run("promote", system / "mlspec.yaml", "--to", "production", *arguments)
        assert ran.status == 1
        assert said in ran.err
    assert (system / "releases" / "production.yaml").read_text() == text


@pytest.mark.parametrize("since", [None, "[]", "tomorrow", "'2026-13-02T04:00:00Z'", "", "{}"])
def test_a_shadow_without_a_valid_time_would_skip_its_stage(system: Path, since: str | None) -> None:
    assert promote(system, "--release", system / "v2.yaml") == 0
    line = next(line for line in (system / "releases" / "production.yaml").read_text().splitlines() if "since:" in line)
    text = edited(system, (f"{line}\n", "" if since is None else f"{line.partition(':')[0]}: {since}\n"))
    assert run("lint", system / "mlspec.yaml").status == 1
    ran = run("promote", system / "mlspec.yaml", "--to", "production", "--now", "2026-11-02T05:00:00Z")
    assert ran.status == 1
    assert "production.yaml:" in ran.err
    assert (system / "releases" / "production.yaml").read_text() == text


def test_a_shadow_stage_longer_than_any_calendar_is_refused(system: Path) -> None:
    spec = (system / "mlspec.yaml").read_text()
    (system / "mlspec.yaml").write_text(spec.replace("24h", "36500d"))
    assert promote(system, "--release", system / "v2.yaml") == 0
    ran = run("promote", system / "mlspec.yaml", "--to", "production", "--now", "2026-11-02T05:00:00Z")
    assert ran.status == 1
    assert "until 2126-10-09T04:00:00Z" in ran.err
    (system / "mlspec.yaml").write_text(spec.replace("24h", "999999999999999d"))
    ran = run("lint", system / "mlspec.yaml")
    assert ran.status == 1
    assert "is longer than a hundred years" in ran.err
    assert run("promote", system / "mlspec.yaml", "--to", "production").status == 1


def test_two_systems_in_one_folder_are_told_how_to_write_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However their paths are written: the second would replace the files of the first."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / "a" / f"{name}.mlspec.yaml").write_text(minimal(metadata__name=name, **DOMAIN))
    (tmp_path / "link").symlink_to("a")
    for second in (tmp_path / "a", Path("link"), Path("a/../a")):
        ran = run("compile", "a/one.mlspec.yaml", second / "two.mlspec.yaml")
        assert ran.status == 2
        assert "both write to" in ran.err
        assert "pass -o DIR" in ran.err
        assert "name: one" in (tmp_path / "a/out/default/serving/rollout.yaml").read_text()
    (tmp_path / "a/out/default/serving/rollout.yaml").write_text("")
    ran = run("compile", "a/two.mlspec.yaml")
    assert ran.status == 1, "also one run after the other"
    assert "a/out has the output of one.mlspec.yaml, another spec in the same folder: pass -o DIR" in ran.err
    (tmp_path / "a/one.mlspec.yaml").rename(tmp_path / "a/renamed.mlspec.yaml")
    assert run("compile", "a/renamed.mlspec.yaml").status == 0, "a spec may get another name"
    assert run("compile", "a", "-o", "all").status == 0
    assert run("check", "a", "-o", "all").status == 0


@pytest.mark.parametrize("what", ["pipe", "folder", "device", "unreadable"])
def test_a_release_file_that_is_none_stops_neither_lint_nor_promote_forever(
    system: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe has no beginning, and a device no end."""
    file = system / "releases" / "production.yaml"
    file.unlink()
    match what:
        case "pipe":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "device":
            file.symlink_to("/dev/zero")
        case "unreadable":
            listed = os.listdir

            def denied(folder: str | Path = ".") -> list[str]:  # root can read everything
                if Path(folder).name == "releases":
                    raise PermissionError(13, "Permission denied", str(folder))
                return listed(folder)

            monkeypatch.setattr(os, "listdir", denied)
    for arguments in (("lint",), ("compile",), ("promote", "--to", "production", "--release", system / "v2.yaml")):
        ran = run(arguments[0], system / "mlspec.yaml", *arguments[1:])
        assert ran.status != 0
        assert "error[MLS002]" in ran.err
    assert not (system / "out").exists()


def test_trap_a_promoted_champion_fails_to_compile_where_models_are_only_trained(tmp_path: Path) -> None:
    """A training cluster of its own: nothing there downloads the model, and gates read only parts of its release."""
    (tmp_path / ".git").mkdir()
    example = ROOT / "examples" / "fraud-scorer"
    shutil.copy(example.parent / "mlspec.platform.yaml", tmp_path)
    (tmp_path / "releases").mkdir()
    shutil.copy(example / "releases" / "production.yaml", tmp_path / "releases")
    made = loaded((example / "mlspec.yaml").read_text())
    made["environments"] = {"training": {"runs": ["training"]}, "production": {"runs": ["serving", "monitoring"]}}
    spec = tmp_path / "mlspec.yaml"
    spec.write_text(dumped(made))
    (found,) = [one for one in mlspec.lint(spec, today="2026-11-23") if one.severity == "error"]
    assert found.help == "release a first model with `mlspec promote --to training`"
    assert run("promote", spec, "--to", "training", "--from", "production").status == 0
    assert [one.message for one in mlspec.lint(spec, today="2026-11-23") if one.severity == "error"] == []
