"""`mlspec rollback`."""

from __future__ import annotations

from typing import Any

import click

from ..options import DRY_RUN, MODEL, OUT, working_on_a_release

__all__ = ["command"]


@click.command("rollback")
@OUT
@DRY_RUN
@MODEL
@click.option("--env", "environment", required=True, metavar="NAME", help="The environment to roll back.")
@click.option("--to", required=True, metavar="VERSION", help="The previous version, or the live one.")
@working_on_a_release
def command(request: Any, environment: str, to: str, model: str | None, dry_run: bool) -> int:
    """Roll back to a previous version.

    Writes the release file of the environment, and compiles the environment. To the live version, it takes another
    one out of the shadow stage.
    """
    from ..terminal.commands import promote as work

    return work.rollback(request, environment, model, to, dry_run=dry_run)
