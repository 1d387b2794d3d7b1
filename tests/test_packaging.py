"""The package: what is in the wheel, what each command imports, and that nothing generated is stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from mlspec.schema.generate import generated
from mlspec.terminal.render import FORMATS

from .support import ROOT

FOLDERS = ("compiler", "runtime", "schema", "targets", "terminal")


def modules_of(top: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / top).rglob("*.py")}


def test_every_folder_of_code_is_a_package() -> None:
    """One without `__init__.py` works in a checkout, and is silently missing from the wheel."""
    folders = {str(Path(module).parent) for top in FOLDERS for module in modules_of(top)}
    assert {folder for folder in folders if not (ROOT / folder / "__init__.py").is_file()} == set()


def test_an_editable_install_adds_one_package_to_the_path() -> None:
    """The repository's root instead would make `tests`, `docs` and `schema` importable."""
    there = [path for path in (ROOT / "src").iterdir() if not path.name.endswith(".egg-info")]
    assert [(path.name, os.readlink(path)) for path in there] == [("mlspec", "../mlspec")]
    assert {path.name for path in (ROOT / "mlspec").iterdir() if path.is_symlink()} == set(FOLDERS)


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_nothing_generated_is_stale(path: Path) -> None:
    assert path.read_text() == generated()[path], "run make generate"


def modules(code: str) -> set[str]:
    """The modules that are there once some code has run."""
    program = f"import sys\ntry:\n    {code}\nexcept SystemExit: pass\nprint('MODULES', *sorted(sys.modules))\n"
    environment = {**os.environ, "MLSPEC_DEBUG": "1"}  # which lets code after a command run
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    _, found, names = done.stdout.rpartition("MODULES ")
    assert found
    return set(names.split())


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


DOOR = {"mlspec.__main__", "mlspec.cli", "mlspec.options", "mlspec.terminal", "mlspec.terminal.render"}
"""What says which commands and options there are: the click commands, and the one list of formats."""


def test_help_imports_nothing_of_the_compiler() -> None:
    names = imported("--help")
    assert not names & (HEAVY | {"yaml", "decimal", "pathlib"})
    assert {name for name in names if name.startswith("mlspec.")} <= DOOR


@pytest.mark.parametrize("command", [["lint"], ["compile", "--dry-run"]])
def test_compiling_imports_only_what_it_needs(command: list[str]) -> None:
    names = imported(*command, "examples/minimal")
    assert not names & (HEAVY - {"json"})
    assert not [name for name in names if name.startswith("mlspec.schema.models")]


def rendering(*arguments: str) -> set[str]:
    """The modules that make text of findings, which a command imports."""
    names = imported(*arguments)
    return {form.name for form in FORMATS if f"mlspec.terminal.render.{form.name}" in names}


def test_only_the_formats_that_are_asked_for_are_imported() -> None:
    assert rendering("lint", "examples/minimal") == {"text"}
    assert rendering("compile", "--dry-run", "examples/minimal") == {"text"}
    assert rendering("lint", "examples/minimal", "--format", "sarif", "--output", os.devnull) == {"text", "sarif"}


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
    own = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mlspec").glob("*.py")}
    ours = own.union(*({f"mlspec/{module}" for module in modules_of(top)} for top in FOLDERS))
    assert {name for name in names if name.endswith(".py")} == ours
    for needed in (
        "mlspec/py.typed",
        "mlspec/schema/mlspec.v1.schema.json",
        "mlspec/compiler/catalog/runtimes/triton.yaml",
    ):
        assert needed in names


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a clean environment that has the wheel."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", str(wheel)], check=True)
    return python


def test_the_wheel_works_elsewhere(installed: Path, tmp_path: Path) -> None:
    """In a clean environment, from another folder, without the source tree."""
    spec = tmp_path / "mlspec.yaml"
    spec.write_text((ROOT / "examples" / "minimal" / "mlspec.yaml").read_text())
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [str(installed.with_name("mlspec")), "compile", "mlspec.yaml", "-o", "out"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "digit-reader" / "default" / "kustomization.yaml").is_file()


@pytest.mark.parametrize("install", ["editable", "wheel"])
def test_type_checkers_see_the_types(install: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """An import hook, which setuptools installs for other layouts, hides an editable package from them."""
    pytest.importorskip("mypy", reason="mypy is not among what tests need, only what development does")
    python = request.getfixturevalue("installed") if install == "wheel" else Path(sys.executable)
    shutil.copy(ROOT / "tests" / "consumer.py", tmp_path)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "consumer.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
