"""Workers that die, and signals that end a run: it always ends, with a message, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlspec.terminal.commands.spread import FEWEST, WorkerDiedError, spread

from .support import ROOT, as_in_a_terminal, minimal

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="one core does all the work"
)

MANY = FEWEST * 50


def test_trap_a_worker_that_the_kernel_kills_ends_the_run_with_an_error() -> None:
    """The kernel kills a process for lack of memory. `multiprocessing.Pool` starts another, and waits forever."""

    def work(path: str) -> str:
        if path == "3":
            os.kill(os.getpid(), signal.SIGKILL)
        return path

    with pytest.raises(WorkerDiedError, match="fewer systems"):
        list(spread(work, [str(number) for number in range(FEWEST)]))


@pytest.fixture
def linting(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of the command that has started its workers and has many systems left."""
    (tmp_path / ".git").mkdir()
    text = minimal(metadata__name="system-N", serving__endpoint={"hosts": ["N.example.com"]})
    for number in range(MANY):
        (tmp_path / f"s{number:03}").mkdir()
        own = text.replace("system-N", f"system-{number}").replace("N.example.com", f"{number}.example.com")
        (tmp_path / f"s{number:03}" / "mlspec.yaml").write_text(own)
    command = [sys.executable, "-m", "mlspec", "lint", f"{tmp_path}/*/mlspec.yaml"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, preexec_fn=as_in_a_terminal, **pipes) as run:  # noqa: PLW1509
        while len(workers(run)) < 2:
            assert run.poll() is None
            time.sleep(0.005)
        time.sleep(0.1)
        assert run.poll() is None
        yield run
        run.kill()


def workers(run: subprocess.Popen[str]) -> list[int]:
    return [int(child) for child in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()]


def gone(process: int) -> bool:
    """Whether a process has ended. The kernel ends orphans a moment after their parent."""
    for _ in range(500):
        stat = Path(f"/proc/{process}/stat")
        try:
            if stat.read_text().rpartition(") ")[2].startswith("Z"):
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_a_killed_worker_is_an_error_of_the_command(linting: subprocess.Popen[str]) -> None:
    os.kill(workers(linting)[0], signal.SIGKILL)
    _, said = linting.communicate(timeout=60)
    assert linting.returncode == 2
    assert "error: a worker process was killed, probably because memory ran out" in said
    assert "Traceback" not in said
    assert "no findings" not in said


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_the_run_and_its_workers_silently(linting: subprocess.Popen[str], sent: signal.Signals) -> None:
    children = workers(linting)
    linting.send_signal(sent)
    _, said = linting.communicate(timeout=60)
    assert linting.returncode == (1 if sent is signal.SIGINT else -sent)
    assert said.strip() == ("Aborted!" if sent is signal.SIGINT else "")
    assert all(map(gone, children))
