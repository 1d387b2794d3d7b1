"""Plugins of any kind of brokenness: a finding where the platform names them, and nothing written."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from mlspec.api import Result

from .support import MINIMAL, compile_text, ids, minimal, run

PLATFORM = "apiVersion: mlspec/v1\nkind: Platform\nplatform: {{plugins: [{plugin}]}}\n"
HEAD = "from functools import partial\nfrom mlspec.plugin import Artifact, Target, because, refusal\n"

BROKEN = {
    "does_not_exist": (None, "cannot be loaded: ModuleNotFoundError"),
    "does_not_parse": ("def", "cannot be loaded: SyntaxError"),
    "exits_at_import": ("raise SystemExit(0)", "cannot be loaded: SystemExit"),
    "fails_at_import": ("1 / 0", "cannot be loaded: ZeroDivisionError"),
    "has_no_target": ("", "cannot be loaded: AttributeError"),
    "is_no_target": ("TARGET = 3", "cannot be loaded: TypeError: TARGET is a int, not a Target"),
    "fails_at_emit": (
        "def emit(system, plan): raise KeyError('x')\nTARGET = Target(name='x', summary='x', emit=emit)",
        "failed: KeyError",
    ),
    "fails_in_a_piece": (
        "def piece(): raise OSError('disk')\nTARGET = Target(name='x', summary='x', emit=lambda system, plan: [piece])",
        "failed: OSError: disk",
    ),
    "fails_at_the_end": (
        "def end(*_): raise RuntimeError('late')\nTARGET = Target(name='', summary='', emit=lambda *_: (), finish=end)",
        "failed: RuntimeError: late",
    ),
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def compiled(tmp_path: Path, modules: Path, name: str, source: str | None) -> Result:
    if source is not None:
        (modules / f"{name}.py").write_text(HEAD + dedent(source))
    return compile_text(tmp_path, platform=PLATFORM.format(plugin=f"{name}:TARGET"))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_a_finding_at_its_name(tmp_path: Path, modules: Path, name: str) -> None:
    source, said = BROKEN[name]
    result = compiled(tmp_path, modules, name, source)
    assert [d.id for d in result.diagnostics] == ["MLS036"]
    (found,) = result.diagnostics
    assert said in found.message
    assert found.span.file.lines[found.span.line][found.span.column : found.span.end_column] == f"{name}:TARGET"
    assert not result.ok
    assert not result.bundles


def test_what_a_plugin_makes_is_listed_checked_and_explained(tmp_path: Path, modules: Path) -> None:
    source = """
    def piece(system):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": system.metadata.name}, "data": {}}
        yield Artifact(path="extra/configmap.yaml", body=body, why=because("ConfigMap", "a test", system.metadata.name))

    TARGET = Target(name="x", summary="x", emit=lambda system, plan: [partial(piece, system)])
    """
    result = compiled(tmp_path, modules, "makes_one", source)
    assert result.ok, result.diagnostics
    files = {file.path: file.text for file in result.bundles[0].files()}
    assert "extra/configmap.yaml" in files
    assert "- extra/configmap.yaml\n" in files["kustomization.yaml"]


def test_two_targets_cannot_write_one_file(tmp_path: Path, modules: Path) -> None:
    source = """
    def piece(system):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": system.metadata.name}, "data": {}}
        yield Artifact(path="serving/rollout.yaml", body=body, why=because("ConfigMap", "", system.metadata.name))

    TARGET = Target(name="x", summary="x", emit=lambda system, plan: [partial(piece, system)])
    """
    assert "MLS031" in ids(compiled(tmp_path, modules, "claims_a_path", source))


@pytest.mark.parametrize("layer", ["spec", "overlay", "setting"])
def test_only_the_platform_file_loads_code(tmp_path: Path, modules: Path, layer: str) -> None:
    """A spec that is only linted, of a stranger's pull request perhaps, must not run what it names."""
    (modules / "of_a_stranger.py").write_text("import sys\nsys.of_a_stranger = True\n")
    named = {"platform": {"plugins": ["of_a_stranger:TARGET"]}}
    text = {"spec": minimal(**named), "overlay": minimal(environments={"default": {"spec": named}})}.get(layer, MINIMAL)
    settings = ["platform.plugins=[of_a_stranger:TARGET]"] if layer == "setting" else []
    result = compile_text(tmp_path, text, settings=settings)
    assert "MLS014" in ids(result)
    assert not hasattr(sys, "of_a_stranger")
    assert "of_a_stranger" not in sys.modules


def test_plugins_come_from_the_nearest_platform_layer(tmp_path: Path, modules: Path) -> None:
    (modules / "of_a_cluster.py").write_text(HEAD + "1 / 0\n")
    (tmp_path / "mlspec.yaml").write_text(minimal(environments={"here": {"cluster": "a"}, "there": {"cluster": "b"}}))
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.platform.yaml").write_text(
        "apiVersion: mlspec/v1\nkind: Platform\nclusters: {a: {}, b: {plugins: [of_a_cluster:TARGET]}}\n"
    )
    ran = run("lint", tmp_path / "mlspec.yaml", "--format", "concise")
    assert ran.err.count("MLS036") == 1
