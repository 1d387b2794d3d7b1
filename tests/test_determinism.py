"""The same spec compiles to the same bytes on any machine, on any day, and in any order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .support import ROOT


def output(tmp_path: Path, cwd: Path, spec: str, **environment: str) -> dict[str, bytes]:
    """What one process writes."""
    command = [sys.executable, "-m", "mlspec", "compile", "-q", spec, "-o", str(tmp_path)]
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {str(p.relative_to(tmp_path)): p.read_bytes() for p in sorted(tmp_path.rglob("*")) if p.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "4294967295"},
        {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
        {"TZ": "Pacific/Kiritimati"},
        {"TZ": "America/Los_Angeles", "SOURCE_DATE_EPOCH": "0"},
        {"HOSTNAME": "other", "USER": "other", "HOME": "/nonexistent"},
    ],
    ids=lambda environment: ",".join(f"{k}={v}" for k, v in environment.items()),
)
def test_the_environment_changes_no_byte(tmp_path: Path, environment: dict[str, str]) -> None:
    plain = output(tmp_path / "a", ROOT, "examples/minimal", PYTHONHASHSEED="0")
    assert output(tmp_path / "b", ROOT, "examples/minimal", **environment) == plain


def test_the_working_directory_changes_no_byte(tmp_path: Path) -> None:
    plain = output(tmp_path / "a", ROOT, "examples/minimal")
    assert output(tmp_path / "b", ROOT / "examples" / "minimal", ".") == plain
    assert output(tmp_path / "c", Path("/"), str(ROOT / "examples" / "minimal" / "mlspec.yaml")) == plain


def test_the_order_of_specs_changes_no_byte(tmp_path: Path) -> None:
    specs = [str(ROOT / "examples" / name / "mlspec.yaml") for name in ("fraud-scorer", "minimal")]
    for name, order in (("a", specs), ("b", specs[::-1])):
        command = [sys.executable, "-m", "mlspec", "compile", "-q", *order, "-o", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    trees = [
        {str(p.relative_to(tmp_path / n)): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()}
        for n in "ab"
    ]
    assert {path.split("/")[0] for path in trees[0]} == {"digit-reader", "fraud-scorer"}
    assert trees[0] == trees[1]


def test_nothing_of_the_machine_is_in_the_output(tmp_path: Path) -> None:
    """No version, no moment, no path: or every release of mlspec would touch every file."""
    for content in output(tmp_path, ROOT, "examples/minimal").values():
        text = content.decode()
        assert str(ROOT) not in text
        assert str(tmp_path) not in text
        assert "0.1.0" not in text
