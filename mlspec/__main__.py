"""`mlspec` and `python -m mlspec`: whatever happens, no traceback."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run a command, and exit."""
    from .compiler.imports import elsewhere

    sys.path[:] = elsewhere(sys.path)  # `python -m mlspec` looks for modules in the working directory first
    gc.set_threshold(50_000)  # a short run has few cycles, and looking for them takes a tenth of its time
    status = _run()
    if os.environ.get("MLSPEC_DEBUG"):
        sys.exit(status)
    _leave(status)


def _run() -> int:
    """Run a command, and return its exit status. A bug in mlspec prints one line, and exits with 2."""
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
    """Exit without tearing down the interpreter, which would only free what the operating system frees anyway.

    Exit handlers still run, and all output is flushed. Destructors do not run, so nothing may rely on them: every file
    is closed where it is written, and every process is awaited where it is started. Code that must outlive `main`, such
    as a profiler that runs it, gets Python's normal exit with MLSPEC_DEBUG.
    """
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE and status == 0:  # a reader that closes the pipe has read enough
            sys.stderr.write(f"error: standard output cannot be written: {error.strerror}\n")
            status = 2
        status = status or 1
    try:
        sys.stderr.flush()
    finally:  # no stream is left to report an error
        os._exit(status)


if __name__ == "__main__":
    main()
