"""Run the tests of what uses a dependency with other versions: `python -m tests.ranges lowest|newest`.

`lowest` installs the lowest versions that `pyproject.toml` allows, from a lock file, so the result is the same every
day. It must pass. `newest` installs what users get today. A new release can break it without a change of ours, so it
never fails: it reports the failed tests and the versions that differ from our lock file. Both create an environment
outside the checkout and delete it afterward.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import click

from .support import ROOT

REQUIREMENTS = ROOT / "requirements"
PLUGIN = ROOT / "examples" / "plugin"
OURS = ("mlspec-compiler", "acme-quota")
USES = (
    *("api", "ci_formats", "cluster_command", "commands", "differential", "docs", "dump", "errors", "examples"),
    *("exports", "fixes", "formats", "golden", "hostile", "layer", "lists", "memo", "outputs", "packaging", "plugins"),
    *("promote", "python_page", "read", "readme", "reprs", "simulate_command", "spread", "traps_patches"),
    *("traps_strategic_patches", "traps_streams", "traps_terminal", "traps_writing", "units", "write"),
)
"""The test modules of what reads YAML, writes it, has a command line, a schema, or a client of Kubernetes; and of all
examples and messages. What is planned depends on no library.
"""

TESTS = tuple(f"tests/test_{name}.py" for name in USES)
QUICK = ("-m", "not slow and not exhaustive")
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "auto", "--dist", "worksteal", *QUICK, *TESTS)
BAR = "=" * 78


def main(arguments: list[str]) -> int:
    """The exit status of the tests; 0 for the newest versions, whatever happens."""
    if arguments not in (["lowest"], ["newest"]):
        click.echo("usage: python -m tests.ranges lowest|newest", err=True)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        return lowest(Path(folder)) if arguments == ["lowest"] else newest(Path(folder))


def lowest(folder: Path) -> int:
    """Run the tests with the versions of the lock file."""
    python = environment(folder)
    pip(python, "install", "--quiet", "--require-hashes", "-r", str(REQUIREMENTS / "lowest.txt"))
    pip(python, "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", str(ROOT), str(PLUGIN))
    click.echo(f"The tests of what uses dependencies, with the lowest versions: {differences(python)}")
    return subprocess.run([python, *PYTEST], cwd=ROOT, check=False).returncode


def newest(folder: Path) -> int:
    """Run the tests with the versions that `pip install` chooses today, and report the result."""
    try:
        python = environment(folder)
        pip(python, "install", "--quiet", "--upgrade", "pip")  # older versions do not know dependency groups
        pip(python, "install", "--quiet", "--group", f"{ROOT / 'pyproject.toml'}:test", "-e", str(ROOT), str(PLUGIN))
        differ = differences(python)
    except subprocess.CalledProcessError:
        click.echo(f"{BAR}\nTHE NEWEST VERSIONS CANNOT BE INSTALLED: see above\n{BAR}")
        return 0
    done = subprocess.run([python, *PYTEST], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        click.echo(f"These tests also pass with the newest versions: {differ}")
    else:
        click.echo(f"{BAR}\nTESTS FAIL WITH THE NEWEST VERSIONS, which users install today\n")
        click.echo(f"{failures(done)}\n\nVersions that differ from requirements/dev.txt: {differ}\n{BAR}")
    return 0


def failures(done: subprocess.CompletedProcess[str]) -> str:
    """The failed tests, or the end of the output if pytest could not run them."""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return "\n".join(failed) or (done.stdout + done.stderr)[-5000:]


def environment(folder: Path) -> Path:
    """Create an environment. Returns its Python."""
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def pip(python: Path, *arguments: str) -> str:
    """Run pip in an environment. Returns its output; errors go to the terminal."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def differences(python: Path) -> str:
    """The packages of an environment that have another version in the lock file of development."""
    locked = pins((REQUIREMENTS / "dev.txt").read_text())
    found = [
        f"{name} {version} (locked: {locked.get(name, 'none')})"
        for name, version in versions_in(python).items()
        if name not in OURS and version != locked.get(name)
    ]
    return ", ".join(found) or "the same as in requirements/dev.txt"


def versions_in(python: Path) -> dict[str, str]:
    """The versions of the packages in an environment. With `--quiet`, pip would list none."""
    return pins(pip(python, "list", "--format", "freeze", "--exclude", "pip"))


def pins(text: str) -> dict[str, str]:
    """The version of each package in a requirements file, by its normalized name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
