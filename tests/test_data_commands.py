"""The commands on data, run as programs: their exit statuses, and where they look for files in a job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mlspec", "runtime", *words],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["validate", "check-split", "data-version"])
def test_wrong_usage(tmp_path: Path, command: str) -> None:
    done = run(tmp_path, command, *(["rows"] if command == "data-version" else []))
    assert done.returncode == 2
    assert "Error: nothing to" in done.stderr


def test_a_run_finds_its_files_and_records_the_version_of_its_data(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n-2\n")
    os.utime(tmp_path / "rows.csv", (1, 1))
    source = {"name": "rows", "uri": str(tmp_path / "rows.csv"), "format": "csv", "version": {"kind": "as-of-run"}}
    column = {"name": "x", "dtype": "int64", "min": 0}
    (tmp_path / "training.json").write_text(json.dumps({"data": {"sources": [source], "columns": [column]}}))
    (tmp_path / "out").mkdir()
    job = {"MLSPEC_CONFIG": "training.json", "MLSPEC_OUTPUT": "out", "MLSPEC_RUN": "fraud-retrain-29399000"}
    done = run(tmp_path, "validate", "--in-job", **job)
    assert (done.returncode, done.stderr) == (42, "")
    assert done.stdout.splitlines()[0] == "rows: column x: min: 1 of 2 rows are below 0, such as -2"
    assert json.loads((tmp_path / "out" / "validation.json").read_text())["run"] == 29_399_000 * 60
    version = json.loads((tmp_path / "out" / "data.json").read_text())["data"]["rows"]
    asked = run(tmp_path, "data-version", "rows", "--config", "training.json")
    assert (asked.returncode, asked.stdout) == (0, f"{version}\n")
    unknown = run(tmp_path, "data-version", "others", "--config", "training.json")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
