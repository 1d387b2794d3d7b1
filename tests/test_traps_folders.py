"""The folder that a command writes or checks, and the one that reaches the cluster."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .support import minimal, run

GITOPS = """\
apiVersion: mlspec/v1
kind: Platform
platform:
  gitops:
    tool: argocd
    repository: https://git.example.com/deploy.git
    path: deploy/{system}/{environment}
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository in which Argo CD applies `deploy`, and the output is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.platform.yaml").write_text(GITOPS)
    (tmp_path / "systems" / "digits").mkdir(parents=True)
    (tmp_path / "systems" / "digits" / "mlspec.yaml").write_text(minimal())
    assert run("compile", "systems/digits", "-o", "deploy").status == 0
    return tmp_path


NOTE = "note: Argo CD applies deploy/digit-reader/default, not systems/digits/out/default: pass -o deploy"


@pytest.mark.usefixtures("repository")
def test_trap_output_next_to_the_spec_is_not_what_the_gitops_tool_applies() -> None:
    """A change would be compiled, committed, and checked, and the cluster would never get it."""
    for _ in ("written", "known"):
        for command in ("compile", "check"):
            ran = run(command, "systems/digits")
            assert (ran.status, ran.err.count(NOTE)) == (0, 1), ran.err
            assert "note:" not in run(command, "systems/digits", "-o", "deploy").err


def test_output_for_another_repository_is_no_mistake(repository: Path, tmp_path: Path) -> None:
    shutil.rmtree(repository / "deploy")
    assert "note:" not in run("compile", "systems/digits").err
    assert "note:" not in run("compile", "systems/digits", "-o", tmp_path / "elsewhere").err


@pytest.mark.usefixtures("repository")
def test_trap_what_check_says_to_run_writes_another_folder() -> None:
    (Path("deploy/digit-reader/default/serving/service.yaml")).unlink()
    ran = run("check", "systems/digits", "-o", "deploy", "--format", "json")
    assert "run `mlspec compile systems/digits/mlspec.yaml -o deploy`" in ran.out
    assert "run `mlspec compile systems/digits/mlspec.yaml -o deploy`" in ran.err
    run("compile", "systems/digits/mlspec.yaml", "-o", "deploy")
    assert run("check", "systems/digits", "-o", "deploy").status == 0
