"""`mlspec lint`."""

from __future__ import annotations

from typing import Any

import click

from ..options import Ordered, reporting, working_on_any_specs

__all__ = ["command"]


@click.command("lint", cls=Ordered)
@reporting
@click.option("--select", multiple=True, metavar="IDS", help="Report only IDs with these prefixes, as in MLS5,MLS701.")
@click.option("--ignore", multiple=True, metavar="IDS", help="Don't report IDs with these prefixes.")
@click.option("--explain", metavar="ID", help="Explain an ID; takes no SPEC.")
@click.option("--stdin-filename", "stdin_name", metavar="FILE", help="The file that the text of the SPEC - belongs to.")
@working_on_any_specs
def command(request: Any, select: tuple[str, ...], ignore: tuple[str, ...], explain: str | None) -> int:
    """Report errors, and problems that would show up in production.

    Compares all specs of a run, too: routes for the same requests, and objects that two systems write.
    """
    from ..terminal.commands import lint as work

    if explain is not None:
        return work.explain(explain, request.console)
    if not request.specs:
        raise click.UsageError("Missing argument 'SPEC...'.")
    return work.lint(request, select, ignore)
