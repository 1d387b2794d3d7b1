"""Processes that make the attempts, so that a hang or a crash of one is a result and not the end.

A worker that takes too long for one input prints where it is, and exits. So the watchdog needs no cooperation: it also
ends a regular expression, or a wait for a pipe.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from .outcome import Outcome, Row, tried

__all__ = ["Task", "attempts"]

Task = tuple[Row, int]
"""A row, and the number of an attempt."""

SECONDS = 120
"""How long one attempt may take; the slowest ones wait for ten processes."""
MEMORY = 3 * 2**30
"""How much memory a worker may have, in bytes."""

_SPAWN = multiprocessing.get_context("spawn")


def attempts(tasks: Sequence[Task], seed: int, folder: Path, jobs: int, seconds: int = SECONDS) -> Iterator[Outcome]:
    """The outcome of each task, in the order in which they end."""
    among = [list(tasks[number::jobs]) for number in range(jobs)]
    shares = {_start(share, seed, folder, seconds): share for share in among if share}
    while shares:
        for connection in wait(list(shares)):
            assert isinstance(connection, Connection)
            share = shares[connection]
            try:
                outcome = connection.recv()
            except EOFError:
                outcome = _died(share[0], folder)
                del shares[connection]
                if share[1:]:
                    shares[_start(share[1:], seed, folder, seconds)] = share[1:]
            else:
                share.pop(0)
                if not share:
                    del shares[connection]
            yield outcome


def _start(tasks: Sequence[Task], seed: int, folder: Path, seconds: int) -> Connection:
    """Start a worker, and return the pipe that it sends outcomes through."""
    ours, theirs = _SPAWN.Pipe(duplex=False)
    _SPAWN.Process(target=_work, args=(tasks, seed, folder, seconds, theirs)).start()
    theirs.close()
    return ours


def _work(tasks: Sequence[Task], seed: int, folder: Path, seconds: int, connection: Connection) -> None:
    """Make attempts, and report each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.environ["KUBECONFIG"] = os.devnull  # no attempt reaches a cluster
    for row, number in tasks:
        own = folder / name_of(row, number)
        with _stack(folder, row, number).open("w") as stack:
            faulthandler.dump_traceback_later(seconds, exit=True, file=stack)
            began = time.perf_counter()
            kind, why = tried(row, number, seed, own)
            faulthandler.cancel_dump_traceback_later()
        _stack(folder, row, number).unlink()
        connection.send(Outcome(row.name, number, kind, time.perf_counter() - began, why))


def _died(task: Task, folder: Path) -> Outcome:
    """What is known of the attempt whose worker is gone."""
    row, number = task
    stack = ""
    with suppress(FileNotFoundError):
        stack = _stack(folder, row, number).read_text()
        _stack(folder, row, number).unlink()
    (folder / name_of(row, number)).mkdir(parents=True, exist_ok=True)
    why = stack or "the worker died"
    (folder / name_of(row, number) / "why.txt").write_text(why)
    return Outcome(row.name, number, "hang" if "Timeout" in stack else "crash", 0.0, why)


def name_of(row: Row, number: int) -> str:
    """The folder of an attempt."""
    return f"{row.name.replace(' ', '-')}-{number}"


def _stack(folder: Path, row: Row, number: int) -> Path:
    """Where a worker writes what it is doing when it takes too long."""
    return folder / f"{name_of(row, number)}.stack"
