"""`mlspec` and `python -m mlspec`: whatever happens, no traceback."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from click import ClickException


def main() -> NoReturn:
    """Run a command, and exit."""
    from .compiler.imports import elsewhere

    sys.path[:] = elsewhere(sys.path)  # `python -m mlspec` looks for modules in the working directory first
    _open_streams()
    gc.set_threshold(1_000_000)  # one system has fewer objects, and many are tidied up one by one: see `spread`
    status = _run()
    if os.environ.get("MLSPEC_DEBUG"):
        sys.exit(status)
    _leave(status)


def _run() -> int:
    """Run a command, and return its exit status. A bug in mlspec prints one line, and exits with 2."""
    from click import Abort, ClickException

    from .cli import cli

    try:
        return int(cli(prog_name="mlspec", standalone_mode=False) or 0)
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        return end.code
    except ClickException as error:
        return _misused(error)
    except (Abort, KeyboardInterrupt):
        _complain("Aborted!")
        return 1
    except OSError as error:
        if os.environ.get("MLSPEC_DEBUG"):
            raise
        if error.errno == errno.EPIPE:  # a reader that closes the pipe has read enough
            return 1
        _complain(f"error: {_place(error)}: {error.strerror}")
        return 2
    except Exception as error:
        if os.environ.get("MLSPEC_DEBUG"):
            raise
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f"{os.path.basename(where.tb_frame.f_code.co_filename)}:{where.tb_lineno}" if where is not None else "?"
        _complain(
            f"error: mlspec failed with {type(error).__name__} at {place}. This is a bug: please report it, with the "
            "spec, at https://github.com/mlspec/mlspec/issues (MLSPEC_DEBUG=1 prints the traceback)"
        )
        return 2


def _misused(error: ClickException) -> int:
    """Print what click says about the command line, without the control characters of an argument."""
    from io import StringIO

    said = StringIO()
    error.show(said)
    _complain(said.getvalue().rstrip("\n"))
    return error.exit_code


def _complain(text: str) -> None:
    """Print an error, if standard error can be written."""
    from .compiler.words import escaped

    with suppress(OSError):  # the exit status still says it
        sys.stderr.write(escaped(f"{text}\n"))


def _place(error: OSError) -> str:
    """What the operating system refused to read or write."""
    if error.filename is not None:
        return f"{os.fspath(error.filename)!r} cannot be used"
    try:
        os.getcwd()
    except OSError:
        return "the working directory cannot be used"
    return "standard output or standard input cannot be used"


def _open_streams() -> None:
    """Open the standard streams that the caller closed, so that no other file takes their place.

    Each is opened the wrong way around, except for standard error, so that using it is an error and not silence.
    """
    for number, (name, flags) in enumerate((("stdin", os.O_WRONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", errors="backslashreplace"))  # noqa: SIM115


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
            _complain(f"error: standard output cannot be written: {error.strerror}")
            status = 2
        status = status or 1
    try:
        sys.stderr.flush()
    finally:  # no stream is left to report an error
        os._exit(status)


if __name__ == "__main__":
    main()
