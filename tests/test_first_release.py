"""docs/first-release.md: its commands run in the order of the page, and print what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .support import ROOT, dumped, loaded, run

PAGE = ROOT / "docs" / "first-release.md"
BLOCKS = re.findall(r"^```(console|yaml)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
DIGEST = "sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd"


def carried_out(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the commands of a block, and compare what each prints with what is shown."""
    for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        asked, *told = command.splitlines()
        if asked.startswith("cd "):
            monkeypatch.chdir(asked.removeprefix("cd "))
            continue
        ran = run(*asked.removeprefix("mlspec ").split())
        assert ran.status == 0, f"{asked}: {ran.err}"
        for line in told:
            assert line in ran.out, asked


def edited(block: str) -> None:
    """Do what the page says about a block of YAML: cut the release out into a file, or add the sections to the spec."""
    spec = Path("mlspec.yaml")
    found = loaded(spec.read_text())
    said = loaded(block)
    if "release" in said:
        Path("v1.yaml").write_text(block)
        Path("v2.yaml").write_text(block.replace("version: 1", "version: 2").replace("/1/", "/2/"))
        assert found.pop("release")["version"] == said["release"]["version"]
    else:
        found |= said
    spec.write_text(dumped(found))


def test_the_page_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    for language, block in BLOCKS:
        if language == "yaml":
            edited(block)
        else:
            carried_out(block, monkeypatch)
            if "mlspec init" in block:
                spec = Path("mlspec.yaml")  # the author replaces the digest of the starter
                spec.write_text(re.sub(r"sha256:0+", DIGEST, spec.read_text()))
    assert run("check", "mlspec.yaml").status == 0
    live = loaded(Path("releases/production.yaml").read_text())["release"]
    assert (live["version"], [one["version"] for one in live["previous"]]) == ("1", ["2"])


def test_the_page_shows_every_stage() -> None:
    commands = [line for language, block in BLOCKS if language == "console" for line in block.splitlines()]
    for word in ("init", "lint", "compile", "promote", "rollback"):
        assert any(line.startswith(f"$ mlspec {word}") for line in commands), word


def test_a_spec_without_a_release_says_which_command_writes_one(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    text = re.sub(r"^release:.*?(?=^\w)", "", (ROOT / "examples/minimal/mlspec.yaml").read_text(), flags=re.M | re.S)
    (tmp_path / "mlspec.yaml").write_text(text)
    ran = run("lint", tmp_path / "mlspec.yaml")
    assert "run `mlspec promote SPEC --to default --release FILE`, which writes a release file" in ran.err
