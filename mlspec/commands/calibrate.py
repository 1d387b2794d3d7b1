"""`mlspec calibrate`."""

from __future__ import annotations

from typing import Any

import click

from ..options import working_on_one_spec

__all__ = ["command"]


@click.command("calibrate")
@click.option("--service", metavar="NAME", help="The service that was measured, if several generate tokens.")
@click.option("--write", is_flag=True, help="Write the values into the platform file, instead of printing them.")
@working_on_one_spec
@click.argument("result", metavar="RESULT")
def command(request: Any, result: str, service: str | None, write: bool) -> int:
    """Take an accelerator's speed from a benchmark.

    RESULT is the file that `vllm bench serve --save-result` or SGLang's `bench_serving --output-file` writes. Finds the
    efficiency factors (fractions of the data-sheet peak) at which the planner's estimates match the measurement, and
    prints them for the platform file.
    """
    from ..terminal.commands import calibrate as work

    return work.calibrate(request, result, service, write=write)
