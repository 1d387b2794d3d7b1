"""The program of the `train` step that starts TRL: it describes the model, and passes on exit statuses and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .support import ROOT

PROGRAM = ROOT / "runtime" / "fine_tune.py"
TRAINS = "import pathlib, os; p = pathlib.Path(os.environ['MLSPEC_OUTPUT'], 'model'); p.mkdir(); "
WRITES = f"{TRAINS}(p / 'adapter_model.safetensors').touch(); (p.parent / 'hub').mkdir()"


def start(folder: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    """The program as the container starts it: as a file, without mlspec."""
    for name in ("in", "out"):
        (folder / name).mkdir(exist_ok=True)
    given = {"MLSPEC_INPUT": str(folder / "in"), "MLSPEC_OUTPUT": str(folder / "out"), **variables}
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(PROGRAM), *words],
        env={**given, "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *words: str, **variables: str) -> tuple[int, str]:
    with start(folder, *words, **variables) as process:
        _, said = process.communicate(timeout=30)
        return process.returncode, said


def test_the_model_is_described_and_the_downloads_are_deleted(tmp_path: Path) -> None:
    assert run(tmp_path, sys.executable, "-c", WRITES) == (0, "")
    made = json.loads((tmp_path / "out" / "model.json").read_text())
    assert made == {"version": 1, "path": "model", "format": "safetensors"}
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["model", "model.json"]


def test_the_versions_of_the_data_are_those_that_validate_found(tmp_path: Path) -> None:
    (tmp_path / "in" / "validate").mkdir(parents=True)
    (tmp_path / "in" / "validate" / "data.json").write_text('{"version": 1, "data": {"chats": "sha256:1"}}')
    assert run(tmp_path, sys.executable, "-c", WRITES) == (0, "")
    assert json.loads((tmp_path / "out" / "model.json").read_text())["data"] == {"chats": "sha256:1"}


@pytest.mark.parametrize(
    ("words", "variables", "status", "said"),
    [
        ((sys.executable, "-c", "raise SystemExit(7)"), {}, 7, ""),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), {}, 1, ""),
        ((sys.executable, "-c", TRAINS + "pass"), {}, 1, "TRL ended without a model"),
        (("no-such-program",), {}, 1, "No such file or directory: 'no-such-program'"),
        ((), {}, 2, "wrong usage"),
        ((sys.executable, "-c", WRITES), {"MLSPEC_OUTPUT": ""}, 2, "wrong usage"),
    ],
)
def test_the_status_is_that_of_trl(
    tmp_path: Path, words: tuple[str, ...], variables: dict[str, str], status: int, said: str
) -> None:
    found, error = run(tmp_path, *words, **variables)
    assert (found, said in error, "Traceback" in error) == (status, True, False), error
    assert not (tmp_path / "out" / "model.json").exists()


def test_data_that_is_not_readable_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "in" / "validate").mkdir(parents=True)
    (tmp_path / "in" / "validate" / "data.json").write_text("[]")
    status, said = run(tmp_path, sys.executable, "-c", WRITES)
    assert (status, said.count("\n"), "has no `data`" in said) == (1, 1, True)


def test_only_the_first_node_describes_the_model(tmp_path: Path) -> None:
    assert run(tmp_path, sys.executable, "-c", "pass", PET_NODE_RANK="1") == (0, "")
    assert not (tmp_path / "out" / "model.json").exists()


def test_trap_the_first_process_of_a_container_gets_no_default_signals(tmp_path: Path) -> None:
    """Kubernetes ends a pod with SIGTERM, which TRL would not see."""
    waits = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(9)); print(1, flush=True); "
    with start(tmp_path, sys.executable, "-c", f"{waits}time.sleep(60)") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 9
    assert time.monotonic() - begin < 20
