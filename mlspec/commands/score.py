"""`mlspec score`."""

from __future__ import annotations

from typing import Any

import click

from ..options import formatted, working_on_one_spec

__all__ = ["command"]


@click.command("score")
@formatted("text", "markdown", "json", of="score")
@working_on_one_spec
def command(request: Any, form: str) -> int:
    """Show the ML Test Score, as a lower bound.

    Lists the 28 tests of the rubric: the compiled object that proves each, or what would raise its points. What a spec
    only declares earns nothing. The score is the points of the weakest of the four sections, from 0 to 7.
    """
    from ..terminal.commands import score as work

    return work.score(request, form)
