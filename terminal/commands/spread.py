"""Work on many systems by all cores, each in a process of its own that began as a copy of this one.

Results come in the order of what was asked for, and only a few wait, so that a thousand systems take no more memory
than a few. Elsewhere than on Linux a copy of a process is not safe to work in, and one core does it all.
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
"""Below this many systems starting the processes takes longer than they save."""

WAITING = 4
"""Systems for each core that may be asked for before the first of them is taken."""


def spread(work: Callable[[str], T], paths: Sequence[str]) -> Iterator[T]:
    """`work` of each path, in their order."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores < 2 or len(paths) < FEWEST:
        yield from map(work, paths)
        return
    import multiprocessing  # ten milliseconds, which one system alone should not pay

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
    """What each process does, as it was when the process began: it need not be sent."""

    work: Callable[[str], Any]


def _begin() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that was started by hand ends the others


def _done(path: str) -> Any:
    return _Worker.work(path)
