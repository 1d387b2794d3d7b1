"""Plugins of any kind of brokenness: a finding where the platform names them, and nothing written."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

import mlspec
from mlspec.api import Result

from .support import DOMAIN, MINIMAL, compile_text, ids, minimal, run

PLATFORM = "apiVersion: mlspec/v1\nkind: Platform\nplatform: {{plugins: [{plugin}]}}\n"
HEAD = (
    "from functools import partial\n"
    "from mlspec.plugin import Artifact, Kind, Lines, SystemTarget, Target, because, refusal, text\n"
)

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


@pytest.mark.parametrize(
    ("source", "help_"),
    [
        (None, "install the package that has the module (the working directory is not searched), or remove"),
        ("import a_dependency_of_the_plugin", "install a version that works with this version of mlspec, or remove"),
    ],
)
def test_a_module_that_is_missing_has_a_help_of_its_own(
    tmp_path: Path, modules: Path, source: str | None, help_: str
) -> None:
    (found,) = compiled(tmp_path, modules, f"missing_{source is None}", source).diagnostics
    assert found.help.startswith(help_)


def test_what_a_plugin_makes_is_listed_checked_and_explained(tmp_path: Path, modules: Path) -> None:
    source = """
    def piece(system):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": system.metadata.name}, "data": {}}
        yield Artifact(path="extra/configmap.yaml", body=body, why=because("ConfigMap", "a test", system.metadata.name))

    TARGET = Target(name="x", summary="x", emit=lambda system, plan: [partial(piece, system)])
    """
    result = compiled(tmp_path, modules, "makes_one", source)
    assert result.ok, result.diagnostics
    files = result.bundles["default"].files
    assert "extra/configmap.yaml" in files
    assert "- extra/configmap.yaml\n" in files["kustomization.yaml"]


def test_a_file_of_lines_is_written_and_not_applied(tmp_path: Path, modules: Path) -> None:
    """A page or a script is a file of the bundle; the kustomization lists only objects."""
    source = """
    def piece(system):
        why = because("page", "a test", system.metadata.name)
        lines = Lines("# Notes", text("For {name}.", name=system.metadata.name))
        yield Artifact(path="notes/README.md", body=lines, why=why)

    TARGET = Target(name="x", summary="x", emit=lambda system, plan: [partial(piece, system)])
    """
    result = compiled(tmp_path, modules, "writes_a_page", source)
    assert ids(result) == []
    files = {file.path: file for file in result._compiled.bundles[0].files()}
    assert files["notes/README.md"].text == "# Notes\nFor digit-reader.\n"
    assert len(files["notes/README.md"].reasons) == 2
    assert "notes/README.md" not in files["kustomization.yaml"].text
    ran = run("explain", tmp_path / "mlspec.yaml", "out/default/notes/README.md:2")
    assert "metadata.name" in ran.out


def test_a_kind_that_nothing_checks_is_said(tmp_path: Path, modules: Path) -> None:
    source = """
    def piece(system):
        body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": system.metadata.name}}
        yield Artifact(path="extra/widget.yaml", body=body, why=because("Widget", "a test", system.metadata.name))

    TARGET = Target(name="x", summary="x", emit=lambda system, plan: [partial(piece, system)])
    """
    result = compiled(tmp_path, modules, "unknown_kind", source)
    (found,) = result.diagnostics
    assert (found.id, found.severity, found.message) == ("MLS034", "info", "the references of a Widget are not checked")
    assert result.ok


ACROSS = """
def piece(made):
    environments = [one.plan.environment for one in made]
    body = {
        "apiVersion": "example.com/v1",
        "kind": "Fleet",
        "metadata": {"name": made[0].system.metadata.name},
        "spec": {"environments": environments, "files": [because(len(one.artifacts), "counted") for one in made]},
    }
    yield Artifact(path="fleet.yaml", body=body, why=because("Fleet", "one for all", *environments))

TARGET = SystemTarget(name="x", summary="x", emit=lambda made: [partial(piece, made)], kinds={"Fleet": Kind()})
"""


def across(tmp_path: Path, modules: Path) -> None:
    """A system of two environments with a target that sees both."""
    (modules / "across.py").write_text(HEAD + ACROSS)
    (tmp_path / "mlspec.yaml").write_text(minimal(environments={"staging": {}, "production": {}}, **DOMAIN))
    (tmp_path / "mlspec.platform.yaml").write_text(PLATFORM.format(plugin="across:TARGET"))
    (tmp_path / ".git").mkdir()


def test_a_target_for_the_whole_system_sees_every_environment(tmp_path: Path, modules: Path) -> None:
    across(tmp_path, modules)
    result = mlspec.compile(tmp_path / "mlspec.yaml")
    assert ids(result) == []
    assert list(result.bundles) == ["staging", "production", "_system"]
    assert result.bundles["_system"].find("Fleet", "digit-reader")["spec"]["environments"] == ["staging", "production"]


def test_what_is_made_for_the_whole_system_is_written_checked_kept_and_removed(tmp_path: Path, modules: Path) -> None:
    across(tmp_path, modules)
    spec, fleet = tmp_path / "mlspec.yaml", tmp_path / "out" / "_system" / "fleet.yaml"
    assert run("compile", spec).status == 0
    assert run("check", spec).status == 0
    assert "(the spec)" in run("explain", spec, "Fleet/digit-reader:spec.environments.1").out
    assert fleet.is_file()
    assert run("compile", spec, "--env", "staging").status == 0
    assert fleet.is_file(), "one environment alone says nothing of what is made for all"
    fleet.write_text("edited by hand\n")
    assert run("check", spec).status == 1
    assert run("compile", spec).status == 0
    (tmp_path / "mlspec.platform.yaml").unlink()
    assert run("compile", spec).status == 0
    assert not fleet.exists()


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
