"""Work on many systems with all cores, in processes that are forked from this one.

Results come in the order of the paths. Only a few are pending at a time, so that a thousand systems take no more memory
than a few. Outside Linux, forking is not safe, and one core does all the work.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

__all__ = ["spread"]

T = TypeVar("T")

FEWEST = 8
"""With fewer systems, the processes take longer to start than they save."""

WAITING = 4
"""The maximum number of pending systems for each core."""


def spread(work: Callable[[str], T], paths: Sequence[str]) -> Iterator[T]:
    """The result of `work` for each path, in order."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores < 2 or len(paths) < FEWEST:
        yield from map(work, paths)
        return
    import multiprocessing  # takes 10 ms, which a single system should not pay

    _Worker.work = work
    waiting: deque[multiprocessing.pool.AsyncResult[T]] = deque()
    with multiprocessing.get_context("fork").Pool(cores, _begin) as pool:
        for path in paths:
            waiting.append(pool.apply_async(_done, (path,)))
            if len(waiting) >= WAITING * cores:
                yield waiting.popleft().get()
        while waiting:
            yield waiting.popleft().get()


class _Worker:
    """The work of each process, which inherits it from this one, so that it need not be sent."""

    work: Callable[[str], Any]


def _begin() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process ends its workers


def _done(path: str) -> Any:
    return _Worker.work(path)
