"""The first release: what a newcomer does between `mlspec init` and the first promotion."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

import mlspec
from mlspec.compiler.bind import check_as_written
from mlspec.compiler.diagnostics import SourceFile
from mlspec.compiler.language import OBJECTS
from mlspec.compiler.read import read

from .support import dumped, loaded, minimal, run
from .test_promote import A, B, version

NOW = "2026-11-02T04:00:00Z"


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A system with two models, an ensemble of both, two environments, and no release."""
    (tmp_path / ".git").mkdir()
    spec = loaded(minimal(release=None, platform__gateway__domain="models.example.com"))
    model, serving = spec.pop("model"), {**spec.pop("serving"), "endpoint": {}}
    spec["models"] = {"a": model, "b": model}
    spec["services"] = {"a": serving, "b": serving}
    spec["environments"] = {"dev": {}, "prod": {}}
    (tmp_path / "mlspec.yaml").write_text(dumped(spec))
    for name, digest in (("1", A), ("2", B)):
        (tmp_path / f"v{name}.yaml").write_text(version(name, digest))
    return tmp_path


def promote(folder: Path, *more: str | Path, to: str = "prod") -> tuple[int, str, str]:
    return run("promote", folder / "mlspec.yaml", "--to", to, "--now", NOW, *more)


def live(folder: Path, environment: str = "prod") -> dict[str, str]:
    found = loaded((folder / "releases" / f"{environment}.yaml").read_text())["releases"]
    return {model: release["version"] for model, release in found.items()}


def test_a_system_with_several_models_gets_its_first_releases_one_by_one(several: Path) -> None:
    """Without it, each model would wait for the release of the other, and nothing could ever be promoted."""
    status, out, err = promote(several, "--model", "a", "--release", several / "v1.yaml")
    assert (status, live(several)) == (0, {"a": "1"})
    assert "wrote a in prod: 1 is the first version" in out
    assert "prod was not compiled, because `b` has no release yet" in err
    assert "--to prod --model b --release FILE" in err
    assert not (several / "out").exists(), "half a system is not applied"
    status, out, err = promote(several, "--model", "b", "--release", several / "v2.yaml")
    assert (status, live(several), err) == (0, {"a": "1", "b": "2"}, "")
    assert (several / "out" / "prod" / "serving" / "rollout-a.yaml").exists()


def test_a_first_release_with_a_mistake_of_its_own_is_not_written(several: Path) -> None:
    (several / "bad.yaml").write_text(version("9", A).replace("format: onnx", "format: savedmodel"))
    status, _, err = promote(several, "--model", "a", "--release", several / "bad.yaml")
    assert (status, "does not compile" in err) == (1, True)
    assert not (several / "releases").exists()


def test_a_dry_run_of_a_first_release_writes_nothing(several: Path) -> None:
    status, out, _ = promote(several, "--model", "a", "--release", several / "v1.yaml", "--dry-run")
    assert (status, "would change a in prod" in out) == (0, True)
    assert not (several / "releases").exists()


def test_all_models_are_promoted_from_another_environment_at_once(several: Path) -> None:
    """Between two promotions, new and old versions that belong together would serve together."""
    for model in ("a", "b"):
        assert promote(several, "--model", model, "--release", several / "v1.yaml", to="dev")[0] == 0
    status, out, _ = promote(several, "--from", "dev")
    assert (status, live(several)) == (0, {"a": "1", "b": "1"})
    assert "a in prod: 1 is the first version; b in prod: 1 is the first version" in out
    status, _, err = promote(several, "--from", "dev")
    assert status == 0
    assert "version 1 of `a` is already live in `prod`; version 1 of `b`" in err
    assert promote(several, "--model", "b", "--release", several / "v2.yaml", to="dev")[0] == 0
    assert promote(several, "--from", "dev")[0] == 0
    assert live(several) == {"a": "1", "b": "2"}, "only what differs is promoted"


def test_an_ensemble_is_promoted_like_any_model(several: Path) -> None:
    """Its artifact contains its members, so it has releases of its own."""
    spec = loaded((several / "mlspec.yaml").read_text())
    spec["models"]["blend"] = {**spec["models"]["a"], "ensemble": {"method": "average", "members": ["a", "b"]}}
    (several / "mlspec.yaml").write_text(dumped(spec))
    status, _, err = promote(several, "--release", several / "v1.yaml")
    assert (status, "name the model with --model: `a`, `b`, or `blend`\n" in err) == (2, True)
    assert promote(several, "--model", "blend", "--release", several / "v1.yaml")[0] == 0
    assert live(several) == {"blend": "1"}


def test_the_python_api_writes_only_the_release_file_until_all_are_there(several: Path) -> None:
    for model, awaited in (("a", ("b",)), ("b", ())):
        release = mlspec.promote(several / "mlspec.yaml", to="prod", model=model, release=several / "v1.yaml", now=NOW)
        assert release.awaits == awaited
        written = mlspec.write(release, several / "out")
        assert bool(written.changes) is (not awaited)
    assert live(several) == {"a": "1", "b": "1"}


# The file that describes a version

WRAPPED = {
    "as it is below `release`": "{}",
    "with its `release:` line": "release:\n{indented}",
    "a release file": "apiVersion: mlspec/v1\nkind: Release\nsystem: digit-reader\nenvironment: dev\nrelease:\n"
    "{indented}  previous:\n  - version: '0'\n    artifact: {{uri: https://h/0.onnx, format: onnx, digest: sha256:"
    + B
    + "}}\n",
    "a release file of several models": "apiVersion: mlspec/v1\nkind: Release\nsystem: digit-reader\nenvironment: dev\n"
    "releases:\n  b: {{}}\n  a:\n{twice}",
}


@pytest.mark.parametrize("written", WRAPPED)
def test_a_version_is_read_as_a_newcomer_cuts_it_out(several: Path, written: str) -> None:
    text = version("1", A)
    whole = WRAPPED[written]
    file = several / "cut.yaml"
    file.write_text(text if whole == "{}" else whole.format(indented=indent(text, "  "), twice=indent(text, "    ")))
    status, _, err = promote(several, "--model", "a", "--release", file)
    assert (status, live(several)) == (0, {"a": "1"}), err


def test_an_unknown_key_of_a_version_is_a_finding_and_not_a_crash(several: Path) -> None:
    (several / "odd.yaml").write_text("foo: 1\n" + version("1", A))
    status, _, err = promote(several, "--model", "a", "--release", several / "odd.yaml")
    assert status == 2
    assert "error[MLS004]: a file that describes a version has no key `foo`" in err
    assert "write `version`, `artifact`" in err


@pytest.mark.parametrize("type_name", ["MLSystem", "PlatformFile", "ReleaseFile", "Version"])
def test_an_unknown_key_at_the_top_of_any_file_is_a_finding(type_name: str) -> None:
    assert type_name in OBJECTS
    tree, _ = read(SourceFile("f.yaml", "unknown_key: 1\n"))
    assert tree is not None
    assert "MLS004" in [one.id for one in check_as_written(tree, type_name)]
