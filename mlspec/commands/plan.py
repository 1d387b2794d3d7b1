"""`mlspec plan`."""

from __future__ import annotations

from typing import Any

import click

from ..options import drawing, formatted, working_on_specs

__all__ = ["command"]


@click.command("plan")
@formatted("text", "markdown", "json", of="memo")
@drawing
@working_on_specs
def command(request: Any, form: str, page: str | None) -> int:
    """Show all decisions and their reasons.

    With --set, show only what would change, and why.
    """
    from ..terminal.commands import plan as work

    return work.plan(request, form, page)
