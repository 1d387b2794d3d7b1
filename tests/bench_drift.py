"""What measuring drift costs: `python -m tests.bench_drift`, at sizes and next to rivals of your choice.

The data has 30 columns: 24 float64 (8 of them with 2% nulls) and 6 texts of 20 categories, in Parquet with zstd, in
row groups of 250,000 rows. It is made in a temporary folder, file by file. Each number is that of a child process:
user and system time, and the largest resident memory, which includes the interpreter and the libraries.

Rivals run in an environment of their own: `--rivals PYTHON` is its interpreter, with pandas 2.3, SciPy, pyarrow, and
Evidently 0.7. They print the table of docs/measuring.md.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUP, FILE = 250_000, 5_000_000
NUMBERS = [f"n{i:02}" for i in range(24)]
TEXTS = [f"t{i}" for i in range(6)]
START = 1_763_942_400  # 2025-11-24 in UTC

DRIFT = """
import sys; from mlspec.runtime.measure.commands import drift
sys.exit(drift(sys.argv[1], sys.argv[2], None, None, "2025-11-25T00:00:00Z"))
"""
PROFILE = """
import sys; from mlspec.runtime.measure.commands import profile
sys.exit(profile(sys.argv[3:], sys.argv[2], sys.argv[1]))
"""
PANDAS = """
import sys, glob, numpy as np, pandas as pd
from scipy.stats import {name}
files = (sorted(glob.glob(f"{{path}}/**/*.parquet", recursive=True)) for path in sys.argv[1:])
reference, window = (pd.concat(map(pd.read_parquet, each)) for each in files)
for column in reference.columns:
    if column.startswith("n"):
        {name}(reference[column].dropna().to_numpy(), window[column].dropna().to_numpy(){more})
    elif column.startswith("t"):
        pd.concat([reference[column].value_counts(normalize=True), window[column].value_counts(normalize=True)], axis=1)
"""
EVIDENTLY = """
import sys, glob, pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
names = [f"n{{i:02}}" for i in range(24)], [f"t{{i}}" for i in range(6)]
shape = DataDefinition(numerical_columns=names[0], categorical_columns=names[1])
reference, window = (
    Dataset.from_pandas(
        pd.concat(pd.read_parquet(file, columns=names[0] + names[1]).astype({{t: str for t in names[1]}})
                  for file in sorted(glob.glob(f"{{path}}/**/*.parquet", recursive=True))), data_definition=shape)
    for path in sys.argv[1:]
)
Report([DataDriftPreset({method})]).run(window, reference).dict()
"""
RIVALS = {
    "pandas and SciPy, `ks_2samp`": PANDAS.format(name="ks_2samp", more=', method="asymp"'),
    "pandas and SciPy, `wasserstein_distance`": PANDAS.format(name="wasserstein_distance", more=""),
    "Evidently, `DataDriftPreset()`": EVIDENTLY.format(method=""),
    'Evidently, `method="psi"`': EVIDENTLY.format(method='method="psi"'),
}


def table(rng: np.random.Generator, rows: int) -> pa.Table:
    """Some rows of one day."""
    columns: dict[str, pa.Array] = {}
    for index, name in enumerate(NUMBERS):
        values = rng.standard_normal(rows) if index % 2 else rng.lognormal(3, 1, rows)
        columns[name] = pa.array(values, mask=rng.random(rows) < 0.02 if index < 8 else None)
    for name in TEXTS:
        codes = pa.array(rng.integers(0, 20, rows, np.int32))
        columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array([f"{name}-{code}" for code in range(20)]))
    moments = START * 1_000_000 + np.sort(rng.integers(0, 86_400_000_000, rows))
    columns["time"] = pa.array(moments).cast(pa.timestamp("us", "UTC"))
    return pa.table(columns)


def made(folder: Path, rows: int, seed: int) -> Path:
    """A folder of captured predictions with this number of rows."""
    day = folder / f"rows-{rows}-{seed}" / "date=2025-11-24"
    day.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for start in range(0, rows, FILE):
        left = min(FILE, rows - start)
        with pq.ParquetWriter(day / f"part-{start // FILE:03}.parquet", table(rng, 1).schema, compression="zstd") as to:
            for done in range(0, left, GROUP):
                to.write_table(table(rng, min(GROUP, left - done)))
    return day.parent


def config(folder: Path, capture: Path, method: str) -> Path:
    """The configuration for all 30 columns."""
    watched = [
        {"column": name, "subject": "feature", "method": method if name[0] == "n" else "psi", "threshold": 0.2}
        for name in (*NUMBERS, *TEXTS)
    ]
    drift = {"window": 86400, "reference": str(folder / "profile.json"), "columns": watched}
    path = folder / "monitor.json"
    path.write_text(json.dumps({"monitoring": {"capture": {"uri": str(capture)}, "drift": drift}}))
    return path


def cost(command: list[str]) -> tuple[float, float]:
    """The CPU seconds and the largest resident memory in MB of a command; one that fails ends the benchmark."""
    program = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)"
    program += "; u = resource.getrusage(resource.RUSAGE_CHILDREN); print(u.ru_utime + u.ru_stime, u.ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", program, *command], check=True, capture_output=True, text=True)
    seconds, kilobytes = map(float, done.stdout.split())
    return seconds, kilobytes * 1024 / 1e6


def report(what: str, rows: int, found: tuple[float, float]) -> None:
    """One line of the table."""
    seconds, memory = found
    click.echo(f"| {what} | {rows:,} | {seconds:.1f} | {memory:,.0f} |")


def ours(folder: Path, sizes: tuple[int, ...]) -> None:
    """The cost of a profile of the smallest size, and of drift at every size."""
    reference = made(folder, min(sizes), 1)
    files = sorted(map(str, reference.rglob("*.parquet")))
    configured = config(folder, reference, "psi")
    profile = [sys.executable, "-c", PROFILE, str(configured), str(folder / "profile.json"), *files]
    report("`mlspec runtime profile`", min(sizes), cost(profile))
    for rows in sizes:
        capture = made(folder, rows, 2)
        for method in ("psi", "wasserstein"):
            configured = config(folder, capture, method)
            drift = [sys.executable, "-c", DRIFT, str(configured), str(folder / "drift.json")]
            report(f"`mlspec runtime drift`, `{method}`", rows, cost(drift))
        for file in capture.rglob("*.parquet"):
            file.unlink()


def rivals(folder: Path, python: str, rows: int) -> None:
    """The cost of comparing two samples with other tools."""
    both = [str(made(folder, rows, seed)) for seed in (3, 4)]
    for name, program in RIVALS.items():
        report(name, rows, cost([python, "-c", program, *both]))


@click.command()
@click.option("--rows", type=int, multiple=True, default=(1_000_000, 5_000_000), help="Sizes for mlspec.")
@click.option("--rivals", "python", metavar="PYTHON", help="The interpreter of the rivals' environment.")
@click.option("--rival-rows", type=int, default=1_000_000)
def main(rows: tuple[int, ...], python: str | None, rival_rows: int) -> None:
    """Print a table of costs."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    click.echo("| 30 columns | rows | CPU s | peak RSS MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made_in:
        folder = Path(made_in)
        ours(folder, rows)
        if python is not None:
            rivals(folder, python, rival_rows)


if __name__ == "__main__":
    main()
