"""`mlspec` and `python -m mlspec`: whatever happens, no traceback."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run a command, and leave."""
    gc.set_threshold(50_000)  # a short life with few cycles: looking for them costs a tenth of it
    status = _run()
    if os.environ.get("MLSPEC_DEBUG"):
        sys.exit(status)
    _leave(status)


def _run() -> int:
    """The exit status of a command. A fault of mlspec itself is one line with a code, and exit status 2."""
    from .cli import cli

    try:
        cli(prog_name="mlspec")
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        return end.code
    except Exception as error:
        if os.environ.get("MLSPEC_DEBUG"):
            raise
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f"{os.path.basename(where.tb_frame.f_code.co_filename)}:{where.tb_lineno}" if where is not None else "?"
        sys.stderr.write(
            f"error: mlspec failed with {type(error).__name__} at {place}. This is a bug: please report it, with the "
            "spec, at https://github.com/mlspec/mlspec/issues (MLSPEC_DEBUG=1 prints the traceback)\n"
        )
        return 2
    return 0


def _leave(status: int) -> NoReturn:
    """End the process without taking the interpreter apart, which only frees what the system frees anyway.

    What others registered for the end is still run, and all that was said goes out. Destructors are not run, so nothing
    may rest on one: each file is closed where it is written, and each process waited for where it is started. What must
    outlive `main`, such as a profiler that runs it, asks for Python's own end by MLSPEC_DEBUG.
    """
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE and status == 0:  # who closes the pipe has read enough
            sys.stderr.write(f"error: standard output cannot be written: {error.strerror}\n")
            status = 2
        status = status or 1
    try:
        sys.stderr.flush()
    finally:  # there is nobody left to tell
        os._exit(status)


if __name__ == "__main__":
    main()
