"""`mlspec schema`."""

from __future__ import annotations

from typing import Any

import click

from ..options import Ordered, reporting, saying

__all__ = ["command"]


@click.command("schema", cls=Ordered)
@click.option("--validate", "files", multiple=True, metavar="FILE", help="Validate a file against the schema instead.")
@reporting
@saying
def command(console: Any, files: tuple[str, ...]) -> int:
    """Print the JSON Schema for editors and other tools."""
    from ..terminal.commands import schema as work

    return work.validate(files, console) if files else work.schema(console)
