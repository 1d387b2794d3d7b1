"""`make bench`: the CPU time of whole commands, compared with `kubectl kustomize` on what they wrote.

Each number is user and system time of one process by getrusage, the median of 21 after two that warm the bytecode, of
the wheel in an environment of its own: an editable install pays for its import hook on every start. Nothing is cached
between processes, except for the targets of the cache. Ratios come from commands that run alternately, so that both
meet the same load. It prints the tables of docs/performance.md, the targets with whether each is met last. `make bench
PYTHON=/usr/bin/python3` measures with Debian's Python, for which the targets are stated.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click

import mlspec

from .support import ROOT

RUNS, WARM = 21, 2
SIZES = (1, 50, 200, 1000)
EXAMPLE = ROOT / "examples" / "fraud-scorer" / "mlspec.yaml"


@dataclass(frozen=True)
class Target:
    """A number that we promised, and what was measured."""

    what: str
    measured: float
    at_most: float

    def __str__(self) -> str:
        verdict = "met" if self.measured <= self.at_most else "MISSED"
        return f"| {self.what} | {self.measured:.2f} | {self.at_most:g} | {verdict} |"


def installed(folder: Path) -> Path:
    """The folder of the programs of a new environment that holds the wheel and what it needs."""
    subprocess.run([os.environ.get("PYTHON") or sys.executable, "-m", "venv", folder], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, str(ROOT)], check=True)
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    return folder / "bin"


def processor_time(command: Sequence[str | Path], *, runs: int = RUNS) -> float:
    """The median processor time of a command in milliseconds; a command that fails ends the benchmark."""
    return median([_once(command) for _ in range(runs + WARM)][WARM:])


def _once(command: Sequence[str | Path], cache: Path | None = None) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment["MLSPEC_CACHE"] = str(cache or "off")
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.stderr.write(done.stderr.decode(errors="replace"))
        raise SystemExit(f"{' '.join(map(str, command))} ended with {done.returncode}")
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def ratio(command: Sequence[str | Path], other: Sequence[str | Path]) -> float:
    """How much processor time a command needs for each unit that another needs: the median of pairs."""
    pairs = [_once(command) / _once(other) for _ in range(RUNS + WARM)]
    return median(pairs[WARM:])


def highest_memory(command: Sequence[str | Path]) -> float:
    """The largest resident memory of a command in MiB."""
    program = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True)"
    program += "; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    environment = {**os.environ, "MLSPEC_CACHE": "off"}
    measured = [sys.executable, "-c", program, *command]
    done = subprocess.run(measured, capture_output=True, text=True, check=True, env=environment)
    return int(done.stdout) / 1024


def one_system(programs: Path, out: Path) -> list[Target]:
    """The commands that people wait for, on one environment of a real system."""
    python, mlspec = programs / "python", programs / "mlspec"
    selection = (EXAMPLE, "--env", "production", "-q")
    compile_ = (mlspec, "compile", *selection, "-o", out)
    lint = (mlspec, "lint", *selection)
    help_ = (mlspec, "--help")
    processor_time(compile_, runs=1)
    click_ = (python, "-c", "import click")
    kustomize = ("kubectl", "kustomize", out / "fraud-scorer" / "production")
    commands: dict[str, Sequence[str | Path]] = {
        "`python -c pass`": (python, "-c", "pass"),
        '`python -c "import click"`': click_,
        "`mlspec --help`": help_,
        "`mlspec lint --env production`": lint,
        "`mlspec compile --env production`": compile_,
        "`mlspec check --env production`": (mlspec, "check", *selection, "-o", out),
        "`kubectl kustomize` on the bundle": kustomize,
    }
    click.echo("| command | CPU ms |\n|---|---|")
    for name, command in commands.items():
        click.echo(f"| {name} | {processor_time(command):.0f} |")
    return [
        Target("`compile` / `kubectl kustomize`", ratio(compile_, kustomize), 1.0),
        Target("`lint` / `kubectl kustomize`", ratio(lint, kustomize), 1.0),
        Target("`--help` / `import click`", ratio(help_, click_), 1.25),
    ]


def generated(folder: Path, count: int) -> list[Path]:
    """As many systems as wanted, each the example under a name of its own, with its release files."""
    specs = []
    for number in range(count):
        home = folder / f"system-{number:04}"
        shutil.copytree(EXAMPLE.parent, home, ignore=shutil.ignore_patterns("out", "README.md"))
        for file in home.rglob("*.yaml"):
            named = file.read_text().replace("fraud-scorer", home.name)
            file.write_text(named.replace("hosts: [fraud", f"hosts: [{home.name}"))  # two routes may not share a host
        specs.append(home / "mlspec.yaml")
    shutil.copy(ROOT / "examples" / "mlspec.platform.yaml", folder)
    (folder / ".git").mkdir(exist_ok=True)  # the platform file is looked for up to here
    return specs


def many_systems(programs: Path, folder: Path) -> list[Target]:
    """What one call costs for each of many systems, both environments, with a median of three."""
    mlspec = programs / "mlspec"
    specs = generated(folder / "specs", max(SIZES))
    click.echo("\n| systems in one call | lint, CPU ms each | compile, CPU ms each | memory MiB |\n|---|---|---|---|")
    rows: dict[int, tuple[float, float, float]] = {}
    for size in SIZES:
        some = specs[:size]
        lint = processor_time((mlspec, "lint", "-q", *some), runs=3) / size
        written = median([_written(mlspec, folder / f"out-{size}", some) for _ in range(3)]) / size
        memory = highest_memory((mlspec, "lint", "-q", *some))
        rows[size] = (lint, written, memory)
        click.echo(f"| {size} | {lint:.1f} | {written:.1f} | {memory:.0f} |")
    few, most = rows[SIZES[-2]], rows[SIZES[-1]]
    return [
        Target(f"`lint`, ms for each of {SIZES[-1]} systems", most[0], 10),
        Target(f"`compile`, ms for each of {SIZES[-1]} systems", most[1], 25),
        Target(f"`lint`, time for each of {SIZES[-1]} / of {SIZES[-2]} systems", most[0] / few[0], 1.1),
        Target(f"`compile`, time for each of {SIZES[-1]} / of {SIZES[-2]} systems", most[1] / few[1], 1.1),
        Target(f"memory for {SIZES[-1]} / for {SIZES[-2]} systems", most[2] / few[2], 1.1),
    ]


def _written(mlspec: Path, out: Path, specs: Sequence[Path]) -> float:
    """The processor time to compile systems into a new folder, which is removed again."""
    spent = _once((mlspec, "compile", "-q", "-o", out, *specs))
    shutil.rmtree(out)
    return spent


def with_a_cache(programs: Path, folder: Path) -> list[Target]:
    """What a call for many systems costs if one has changed since the last call; a median of three, after one that
    fills the cache.
    """
    mlspec, cache, out = programs / "mlspec", folder / "cache", folder / "cached"
    specs = generated(folder / "cached-specs", max(SIZES))
    targets = []
    for name, more in (("lint", ()), ("compile", ("-o", out)), ("check", ("-o", out))):
        command = (mlspec, name, "-q", *more, *specs)
        _once(command, cache)
        spent = []
        for number in range(3):
            specs[number].write_text(f"{specs[number].read_text()}# {name}\n")
            if name == "check":  # which has to find the output that the spec compiles to
                _once((mlspec, "compile", "-q", *more, specs[number]))
            spent.append(_once(command, cache))
        targets.append(Target(f"`{name}`, ms if one of {max(SIZES)} systems has changed", median(spent), 1000))
    return targets


PROVENANCE = ("because.py", "promql.py", "effects.py")
"""Where values get their reasons, are composed, and are asked what they rest on."""


def provenance() -> None:
    """What share of a compile, in a process that is warm, goes into reasons; by a profile, which counts calls dear."""
    mlspec.compile(EXAMPLE, environments=["production"])
    profile = cProfile.Profile()
    profile.runcall(mlspec.compile, EXAMPLE, environments=["production"])
    spent: dict[str, float] = {}
    for (file, _, _), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent[Path(file).name] = spent.get(Path(file).name, 0.0) + own
    whole = sum(spent.values())
    click.echo("\n| provenance | share of the work |\n|---|---|")
    for name in PROVENANCE:
        click.echo(f"| `{name}` | {spent.get(name, 0.0) / whole:.0%} |")


def main() -> None:
    """Print all tables, and the targets last."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = installed(folder / "venv")
        targets = one_system(programs, folder / "one") + many_systems(programs, folder / "many")
        targets += with_a_cache(programs, folder / "cached")
    provenance()
    click.echo("\n| target | measured | at most | |\n|---|---|---|---|")
    for target in targets:
        click.echo(str(target))


if __name__ == "__main__":
    main()
