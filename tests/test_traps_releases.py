"""Releases over time: the same version again, one that comes back, and one that leaves its shadow stage."""

from __future__ import annotations

from pathlib import Path

import pytest

import mlspec

from .support import loaded, run
from .test_promote import A, B, C, promote, release, system, version

__all__ = ["system"]

LATER = "2026-11-03T03:00:00Z"


def refused(system: Path, *more: str | Path, now: str = LATER, status: int = 2) -> str:
    """What promote says about a version that it refuses, or that is there; the release file stays as it is."""
    file = system / "releases" / "production.yaml"
    before = file.read_bytes()
    ran = run("promote", system / "mlspec.yaml", "--to", "production", "--now", now, *more)
    assert ran.status == status
    assert file.read_bytes() == before
    return ran.err


def previous(system: Path) -> list[str]:
    found: list[dict[str, str]] = release(system).get("previous", [])  # type: ignore[assignment]
    return [one["version"] for one in found]


def roll_back(system: Path, to: str) -> str:
    ran = run("rollback", system / "mlspec.yaml", "--env", "production", "--to", to)
    assert ran.status == 0, ran.err
    return ran.out.splitlines()[0]


def test_trap_a_pipeline_that_repeats_a_promotion_would_never_end_the_shadow_stage(system: Path) -> None:
    assert promote(system, "--release", system / "v2.yaml", to="staging") == 0
    assert promote(system, "--skip-shadow", to="staging") == 0
    assert promote(system, "--from", "staging") == 0
    for source in (("--from", "staging"), ("--release", system / "v2.yaml")):
        said = refused(system, *source, status=0)
        assert "version 2 of `digit-reader` is already in the shadow stage of `production`" in said
        assert "since 2026-11-02T04:00:00Z" in said
    assert promote(system, now="2026-11-03T04:00:00Z") == 0
    assert release(system)["version"] == "2"


def test_a_version_whose_description_was_fixed_enters_the_shadow_stage_again(system: Path) -> None:
    """Its pods could not fetch the model from the wrong address."""
    assert promote(system, "--release", system / "v2.yaml") == 0
    (system / "v2.yaml").write_text(version("2", B).replace("models.example.com", "files.example.com"))
    assert promote(system, "--release", system / "v2.yaml", now=LATER) == 0
    assert release(system)["shadow"]["since"] == LATER  # type: ignore[index]


def test_the_version_that_another_one_replaces_in_the_shadow_stage_is_named(system: Path) -> None:
    assert promote(system, "--release", system / "v2.yaml") == 0
    ran = run("promote", system / "mlspec.yaml", "--to", "production", "--release", system / "v3.yaml")
    assert "3 enters the shadow stage, in place of 2" in ran.out


def test_trap_a_version_that_fails_in_the_shadow_stage_could_not_leave_it(system: Path) -> None:
    """Only another version replaced it, and until then its pods would run and its alerts would fire."""
    assert promote(system, "--release", system / "v2.yaml") == 0
    assert list((system / "out/production/serving").glob("*shadow*"))
    assert "2 leaves the shadow stage, and 1 stays live" in roll_back(system, "1")
    assert ("shadow" in release(system), release(system)["version"], previous(system)) == (False, "1", [])
    assert not list((system / "out/production/serving").glob("*shadow*"))
    ran = run("rollback", system / "mlspec.yaml", "--env", "production", "--to", "1")
    assert (ran.status, "version 1 of `digit-reader` is already live" in ran.err) == (0, True)


def test_trap_a_version_that_returns_would_push_others_out_of_the_history(system: Path) -> None:
    """With two previous versions to keep, going back and forth between two others would lose version 1."""
    for name in ("2", "3"):
        assert promote(system, "--release", system / f"v{name}.yaml", "--skip-shadow") == 0
    roll_back(system, "2")
    assert promote(system, "--release", system / "v3.yaml", "--skip-shadow") == 0
    assert (release(system)["version"], previous(system)) == ("3", ["2", "1"])


def test_trap_a_rollback_to_the_version_in_the_shadow_would_run_it_twice(system: Path) -> None:
    assert promote(system, "--release", system / "v2.yaml", "--skip-shadow") == 0
    roll_back(system, "1")
    assert promote(system, "--release", system / "v2.yaml") == 0
    roll_back(system, "2")
    assert ("shadow" in release(system), release(system)["version"]) == (False, "2")


@pytest.mark.parametrize("where", ["live", "shadow", "previous"])
def test_trap_one_version_would_be_two_models(system: Path, where: str) -> None:
    """Its metrics would mix, and a rollback could not say which of them it means."""
    assert promote(system, "--release", system / "v2.yaml", "--skip-shadow") == 0
    assert promote(system, "--release", system / "v3.yaml") == 0
    name, old = {"live": ("2", B), "shadow": ("3", C), "previous": ("1", A)}[where]
    (system / "again.yaml").write_text(version(name, "d" * 64))
    for more in ((), ("--skip-shadow",)):
        said = refused(system, "--release", system / "again.yaml", *more)
        assert (
            f"version {name} of `digit-reader` is another model in `production`, with the digest sha256:{old}" in said
        )


def test_trap_a_pipeline_would_bring_back_the_version_that_was_rolled_back(system: Path) -> None:
    """The commit of a rollback starts the pipeline that promotes what is live in staging."""
    assert promote(system, "--release", system / "v2.yaml", "--skip-shadow", to="staging") == 0
    assert promote(system, "--from", "staging", "--skip-shadow") == 0
    roll_back(system, "1")
    for more in ((), ("--skip-shadow",)):
        said = refused(system, "--from", "staging", *more)
        assert "version 2 of `digit-reader` was live in `production` before" in said
        assert "run `mlspec rollback --env production --to 2`" in said
    assert promote(system, "--release", system / "v2.yaml") == 0, "a person may"
    assert promote(system, "--from", "staging", "--skip-shadow") == 2


def test_the_stage_of_a_version_can_be_skipped_from_where_it_came(system: Path) -> None:
    assert promote(system, "--release", system / "v2.yaml", "--skip-shadow", to="staging") == 0
    assert promote(system, "--from", "staging") == 0
    assert promote(system, "--from", "staging", "--skip-shadow") == 0
    assert (release(system)["version"], "shadow" in release(system)) == ("2", False)
    assert loaded((system / "releases/staging.yaml").read_text())["release"]["version"] == "2"


def test_trap_a_shadow_stage_would_begin_at_a_time_that_no_one_can_read(system: Path) -> None:
    with pytest.raises(mlspec.ReleaseError, match="`tomorrow` is not a valid time in UTC"):
        mlspec.promote(system / "mlspec.yaml", to="production", release=system / "v2.yaml", now="tomorrow")


def unused(system: Path) -> list[tuple[str, str]]:
    found = mlspec.lint(system / "mlspec.yaml")
    return [(one.severity, one.help) for one in found if "no environment uses this release file" in one.message]


def test_trap_a_release_file_of_no_environment_was_ignored_silently(system: Path) -> None:
    folder = system / "releases"
    head = "apiVersion: mlspec/v1\nkind: Release\nsystem: digit-reader\nenvironment: {}\nreleases: {{}}\n"
    (folder / "prod.yaml").write_text(head.format("prod"))
    assert unused(system) == [("warning", "remove it, or declare `prod` in `environments`")]
    (folder / "prod.yaml").unlink()
    text = (folder / "production.yaml").read_text()
    (folder / "production.yaml").rename(folder / "live.yaml")
    assert "environment: production" in text
    assert unused(system) == [("warning", "move it to `releases/production.yaml`")]
    (folder / "live.yaml").write_text(text.replace("system: digit-reader", "system: another"))
    assert unused(system) == []  # of the spec next to this one
