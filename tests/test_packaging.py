"""The package: what is in the wheel, what each command imports, and that nothing generated is stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from mlspec.schema.generate import generated

from .support import ROOT

FOLDERS = ("compiler", "runtime", "schema", "targets", "terminal")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_folder_of_code_is_listed() -> None:
    """A sub-package that is missing from the list builds without a word, and breaks the wheel."""
    there = {"mlspec"}
    for top in FOLDERS:
        there |= {f"mlspec.{'.'.join(p.parent.relative_to(ROOT).parts)}" for p in (ROOT / top).rglob("__init__.py")}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == there


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_nothing_generated_is_stale(path: Path) -> None:
    assert path.read_text() == generated()[path], "run make generate"


def modules(code: str) -> set[str]:
    """The modules that are there once some code has run."""
    program = f"import sys\ntry:\n    {code}\nexcept SystemExit: pass\nprint('MODULES', *sorted(sys.modules))\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.rpartition("MODULES ")[2].split())


def imported(*arguments: str) -> set[str]:
    """The modules that a command imports, beyond those that click does."""
    run = f"sys.argv = ['mlspec', *{arguments!r}]; from mlspec.__main__ import main; main()"
    return modules(run) - modules("import click")


HEAVY = {
    "pydantic",
    "jsonschema",
    "jinja2",
    "ruamel",
    "kubernetes",
    "dataclasses",
    "importlib.metadata",
    "json",
    "typing_extensions",
}


def test_help_imports_nothing_of_the_compiler() -> None:
    names = imported("--help")
    assert not names & (HEAVY | {"yaml", "decimal", "pathlib"})
    assert not [name for name in names if name.startswith("mlspec.") and name not in ("mlspec.__main__", "mlspec.cli")]


@pytest.mark.parametrize("command", [["lint"], ["compile", "--dry-run"]])
def test_compiling_imports_only_what_it_needs(command: list[str]) -> None:
    names = imported(*command, "examples/minimal")
    assert not names & (HEAVY - {"json"})
    assert not [name for name in names if name.startswith("mlspec.schema.models")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source") / "mlspec"
    # a copy: setuptools leaves what it built, and the next wheel would hold modules that are long gone
    shutil.copytree(ROOT, source, symlinks=True, ignore=shutil.ignore_patterns(".*", "build", "out", "__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_one_package(wheel: Path) -> None:
    """A top-level `schema` or `compiler` would shadow other people's packages."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mlspec"}
    for needed in (
        "mlspec/py.typed",
        "mlspec/schema/mlspec.v1.schema.json",
        "mlspec/compiler/catalog/runtimes/triton.yaml",
    ):
        assert needed in names


def test_the_wheel_works_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """In a clean environment, from another folder, without the source tree."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", str(wheel)], check=True)
    spec = tmp_path / "mlspec.yaml"
    spec.write_text((ROOT / "examples" / "minimal" / "mlspec.yaml").read_text())
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [str(tmp_path / "venv" / "bin" / "mlspec"), "compile", "mlspec.yaml", "-o", "out"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "digit-reader" / "default" / "kustomization.yaml").is_file()
