"""Work on many systems with all cores, in processes that are forked from this one.

Results come in the order of the paths. Only a few are pending at a time, and the memory of a system is free before the
next one, so that a thousand systems take no more memory than a few. Outside Linux, forking is not safe, and one core
does all the work.

A process that dies, for example because the kernel ends it for lack of memory, raises `WorkerDiedError`. When this
process dies, its workers end, too.
"""

from __future__ import annotations

import gc
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

__all__ = ["WorkerDiedError", "spread"]

T = TypeVar("T")

FEWEST = 8
"""With fewer systems, the processes take longer to start than they save."""

WAITING = 4
"""The maximum number of pending systems for each core."""

PARENT_DIED = 1
"""`PR_SET_PDEATHSIG` of prctl(2): the signal that a process gets when its parent dies."""

YOUNG = 1
"""The generations to collect after each system. Its parts refer to each other, so no other way frees them. They are
younger than the last collection; what is older is for all systems, and need not be searched each time.
"""


class WorkerDiedError(Exception):
    """A process ended before it returned its result."""

    def __init__(self) -> None:
        super().__init__(
            "a worker process was killed, probably because memory ran out: run mlspec on fewer systems at a time, or "
            "give it more memory"
        )


def spread(work: Callable[[str], T], paths: Sequence[str]) -> Iterator[T]:
    """The result of `work` for each path, in order. Raises `WorkerDiedError`."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores < 2 or len(paths) < FEWEST:
        for path in paths:
            yield work(path)
            gc.collect(YOUNG)
        return
    # takes 20 ms, which a single system should not pay
    import multiprocessing
    import signal
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    _Worker.work = work
    waiting: deque[Future[T]] = deque()
    forked = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(cores, mp_context=forked, initializer=_begin, initargs=(os.getpid(),))
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))  # inherited: this process ends its workers
        try:
            waiting.append(pool.submit(_done, paths[0]))  # starts all processes
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
        for path in paths[1:]:
            waiting.append(pool.submit(_done, path))
            if len(waiting) >= WAITING * cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise WorkerDiedError from None
    finally:
        pool.shutdown(cancel_futures=True)


class _Worker:
    """The work of each process, which inherits it from this one, so that it need not be sent."""

    work: Callable[[str], Any]


def _begin(parent: int) -> None:
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(PARENT_DIED, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def _done(path: str) -> Any:
    gc.collect(YOUNG)
    return _Worker.work(path)
