"""`mlspec explain`."""

from __future__ import annotations

from typing import Any

import click

from ..options import ANSWER, OUT, working_on_one_spec

__all__ = ["command"]


@click.command("explain")
@OUT
@ANSWER
@click.option("--line", type=int, metavar="N", help="Explain line N of the spec: what it affects.")
@working_on_one_spec
@click.argument("question", required=False, metavar="[PATH | KIND/NAME:PATH | FILE:LINE]")
def command(request: Any, question: str | None, line: int | None) -> int:
    """Explain where a value comes from, and what it affects.

    PATH is a value in the spec, for example constraints.throughput.peak, or a field that the planner derives, for
    example serving.load. KIND/NAME:PATH is a value in an object, for
    example ScaledObject/fraud-scorer:spec.minReplicaCount. FILE:LINE is a line of any output file, of the spec, or of
    another file that it is compiled from. For a word, the answer is where it occurs.
    """
    if question is not None and line is not None:
        raise click.UsageError("write a path or `--line`, not both")
    from ..terminal.commands import explain as work

    return work.explain(request, question, line)
