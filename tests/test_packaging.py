"""The package: what is in the wheel, what each command imports, and that nothing generated is stale."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlspec.commands import NAMES
from mlspec.schema.generate import generated
from mlspec.terminal.render import FORMATS

from .ranges import versions_in
from .support import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
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


def pins(name: str) -> dict[str, dict[str, bool]]:
    """The versions that a lock file has of each package, and whether this Python installs them."""
    found: dict[str, dict[str, bool]] = {}
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        if line[:1].isalnum():
            pin = Requirement(line.removesuffix("\\"))
            (specifier,) = pin.specifier
            versions = found.setdefault(canonicalize_name(pin.name), {})
            versions[specifier.version] = pin.marker is None or pin.marker.evaluate()
    return found


def asked(group: str) -> list[Requirement]:
    """The requirements of a dependency group, including the groups that it includes."""
    found = []
    for entry in PYPROJECT["dependency-groups"][group]:
        found += [Requirement(entry)] if isinstance(entry, str) else asked(entry["include-group"])
    return found


DEPENDENCIES = [Requirement(text) for text in PYPROJECT["project"]["dependencies"]]


@pytest.mark.parametrize(
    ("name", "group"),
    [("run", "build"), ("dev", "dev"), ("fuzz", "fuzz"), ("release", "release"), ("lowest", "test")],
)
def test_every_requirement_is_locked(name: str, group: str) -> None:
    """If someone changes a range but does not run `make lock`, CI and users get different versions."""
    locked = pins(name)
    for requirement in (*DEPENDENCIES, *asked(group)):
        if requirement.marker is None or requirement.marker.evaluate():
            (version,) = (version for version, here in locked[canonicalize_name(requirement.name)].items() if here)
            assert version in requirement.specifier, requirement


@pytest.mark.parametrize("name", ["run", "dev", "fuzz", "release", "lowest"])
def test_a_lock_has_hashes_and_names_no_host(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_both_commands_of_quickstart_install_the_same_versions() -> None:
    assert pins("run").items() <= pins("dev").items()


def test_the_fuzzer_runs_with_the_versions_of_development() -> None:
    dev, fuzz = pins("dev"), pins("fuzz")
    assert {name: version for name, version in fuzz.items() if dev.get(name) != version}.keys() == {"atheris"}


def test_what_builds_the_package_is_locked_with_the_rest() -> None:
    """`--no-build-isolation` takes setuptools from the environment."""
    assert PYPROJECT["dependency-groups"]["build"] == PYPROJECT["build-system"]["requires"]


def test_nothing_generated_is_stale() -> None:
    assert [path.name for path, text in generated().items() if path.read_text() != text] == [], "run make generate"


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


DOOR = {
    *(
        "mlspec.__main__",
        "mlspec.arguments",
        "mlspec.cli",
        "mlspec.commands",
        "mlspec.options",
        "mlspec.terminal",
        "mlspec.terminal.render",
    ),
    *("mlspec.compiler", "mlspec.compiler.imports", "mlspec.compiler.row"),
}
"""What says which commands and options there are: the click commands, and the one list of formats. And what decides
where to import from, which comes before all imports.
"""


@pytest.mark.parametrize("command", [["--help"], ["cluster", "apply", "--help"]])
def test_help_imports_nothing_of_the_compiler(command: list[str]) -> None:
    names = imported(*command)
    assert not names & (HEAVY | {"yaml", "decimal", "pathlib"})
    assert {name for name in names if name.startswith("mlspec.")} <= DOOR | {f"mlspec.commands.{one}" for one in NAMES}


@pytest.mark.parametrize("command", [["lint"], ["compile", "--dry-run"]])
def test_compiling_imports_only_what_it_needs(command: list[str]) -> None:
    names = imported(*command, "examples/minimal")
    assert not names & (HEAVY - {"json"})
    assert [name for name in names if name.startswith("mlspec.commands.")] == [f"mlspec.commands.{command[0]}"]
    assert not [name for name in names if name.startswith(("mlspec.terminal.cluster", "mlspec.targets.live"))]
    assert not [name for name in names if name.startswith("mlspec.schema.models")]


BINDING = ("mistakes", "meant", "instead", "elsewhere", "pinned")

UNNEEDED = {
    "a spec without mistakes": tuple(f"compiler.bind.{name}" for name in BINDING),
    "a system without language models": ("compiler.plan.language_models",),
    "a platform without plugins": ("compiler.emit.loading",),
    "a budget that is kept": ("compiler.check.rules.cheaper",),
    "a server without arguments and variables": ("compiler.check.decided", "compiler.check.planned"),
    "a run on one node": (
        "compiler.plan.training.nodes",
        *(f"targets.retraining.{name}" for name in ("launch", "launched", "nodes", "permissions")),
    ),
    "training without TRL": (
        "compiler.plan.training.fine_tuning",
        "compiler.plan.training.memory",
        "targets.retraining.finetuning",
    ),
    "runs that CronJobs start": ("targets.orchestration.argo_objects", "targets.orchestration.argo_access"),
    "records that mlspec writes": ("targets.serving.record_schema",),
    "a model in an object store": ("targets.pod.hub",),
    "servers without GPUs": (
        "compiler.check.rules.device_files",
        "targets.monitoring.devices",
        "targets.monitoring.proofs.gpus",
    ),
    "a gateway without objects of its own": tuple(f"targets.traffic.{name}" for name in ("alb", "gke", "lattice")),
}
"""What a system may have, and the modules that it does not need then."""


@pytest.fixture(scope="module")
def needed() -> set[str]:
    """The modules for a system that has all of it."""
    names = imported("compile", "--dry-run", "examples/fraud-scorer", "--env", "production")
    assert "mlspec.compiler.plan" in names
    return names


@pytest.mark.parametrize("what", UNNEEDED)
def test_what_a_system_does_not_need_is_not_imported(needed: set[str], what: str) -> None:
    for name in UNNEEDED[what]:
        place = ROOT / name.replace(".", "/")
        assert place.is_dir() or place.with_suffix(".py").exists(), "it has moved"
        assert f"mlspec.{name}" not in needed


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
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_one_package(wheel: Path) -> None:
    """A top-level `schema` or `compiler` would shadow other people's packages."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mlspec"}
    own = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("mlspec/*.py")}
    own |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("mlspec/commands/*.py")}
    ours = own.union(*({f"mlspec/{module}" for module in modules_of(top)} for top in FOLDERS))
    assert {name for name in names if name.endswith(".py")} == ours
    for needed in (
        "mlspec/py.typed",
        *(f"mlspec/schema/{path.name}" for path in (ROOT / "schema").glob("*.json")),
        "mlspec/compiler/catalog/runtimes/triton.yaml",
    ):
        assert needed in names


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a clean environment with the wheel and the locked versions of its dependencies."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "--disable-pip-version-check"]
    locked = str(ROOT / "requirements" / "run.txt")
    subprocess.run([*pip, "install", "-q", "--require-hashes", "-r", locked], check=True)
    subprocess.run([*pip, "install", "-q", "--no-deps", str(wheel)], check=True)
    subprocess.run([*pip, "check"], check=True, capture_output=True)
    return folder / "bin" / "python"


@pytest.mark.slow
def test_the_wheel_works_elsewhere(installed: Path, tmp_path: Path) -> None:
    """In a clean environment, from another folder, without the source tree."""
    spec = tmp_path / "mlspec.yaml"
    spec.write_text((ROOT / "examples" / "minimal" / "mlspec.yaml").read_text())
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [str(installed.with_name("mlspec")), "compile", "mlspec.yaml", "-o", "out"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "digit-reader" / "default" / "kustomization.yaml").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("install", ["editable", "wheel"])
def test_type_checkers_see_the_types(install: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """An import hook, which setuptools installs for other layouts, hides an editable package from them."""
    pytest.importorskip("mypy", reason="mypy is not among what tests need, only what development does")
    python = request.getfixturevalue("installed") if install == "wheel" else Path(sys.executable)
    shutil.copy(ROOT / "tests" / "consumer.py", tmp_path)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "consumer.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_trap_a_quiet_pip_lists_nothing_so_all_versions_are_the_same() -> None:
    assert {"click", "pyyaml", "pydantic", "jsonschema"} <= versions_in(Path(sys.executable)).keys()
