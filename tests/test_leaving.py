"""The end of a command: no output is lost, and the parent process gets the exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .support import ROOT

SPEC = ROOT / "examples" / "minimal"


def ran(program: str, *, debug: bool = False) -> subprocess.CompletedProcess[str]:
    """Some Python around `main`, in a process of its own."""
    environment = {**os.environ, "MLSPEC_DEBUG": "1"} if debug else dict(os.environ)
    command = [sys.executable, "-c", f"import sys, mlspec.__main__ as m\n{program}"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_all_output_arrives() -> None:
    done = ran("sys.argv = ['mlspec', 'schema']; m.main()")
    assert done.stdout == (ROOT / "schema" / "mlspec.v1.schema.json").read_text()


@pytest.mark.parametrize("debug", [False, True])
def test_what_was_registered_for_the_end_is_run(debug: bool) -> None:
    program = "import atexit; atexit.register(print, 'the end'); sys.argv = ['mlspec', '--version']; m.main()"
    done = ran(program, debug=debug)
    assert done.stdout.endswith("the end\n")
    assert done.returncode == 0


def test_a_profiler_outlives_a_command_that_is_debugged() -> None:
    program = "sys.argv = ['mlspec', '--version']\ntry: m.main()\nfinally: print('after')"
    assert "after" not in ran(program).stdout
    assert ran(program, debug=True).stdout.endswith("after\n")


@pytest.mark.parametrize("arguments", [["lint", "nowhere"], ["lint"], ["frobnicate"]])
def test_the_status_is_what_python_would_leave_with(arguments: list[str]) -> None:
    program = f"sys.argv = {['mlspec', *arguments]!r}; m.main()"
    assert ran(program).returncode == ran(program, debug=True).returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_output_that_cannot_be_written_is_an_error() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "mlspec", "lint", "--explain", "MLS901"]
        done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: standard output cannot be written: No space left on device\n"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m mlspec compile --stdout {SPEC} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1)  # 0 if the pipe was still open
    assert "error" not in done.stderr
