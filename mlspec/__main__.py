"""`mlspec` and `python -m mlspec`: whatever happens, no traceback."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run a command. A fault of mlspec itself is one line with a code, and exit status 2."""
    gc.set_threshold(50_000)  # a short life with few cycles: looking for them costs a tenth of it
    from .cli import cli

    try:
        cli(prog_name="mlspec")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("MLSPEC_DEBUG"):
            raise
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f"{os.path.basename(where.tb_frame.f_code.co_filename)}:{where.tb_lineno}" if where is not None else "?"
        sys.stderr.write(
            f"error: mlspec failed with {type(error).__name__} at {place}; please report it with the spec: "
            "https://github.com/mlspec/mlspec/issues (MLSPEC_DEBUG=1 shows more)\n"
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
