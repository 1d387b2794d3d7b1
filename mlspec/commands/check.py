"""`mlspec check`."""

from __future__ import annotations

from typing import Any

import click

from ..options import OUT, Ordered, reporting, working_on_specs

__all__ = ["command"]


@click.command("check", cls=Ordered)
@OUT
@reporting
@working_on_specs
def command(request: Any) -> int:
    """Fail if committed output differs from what a spec compiles to."""
    from ..terminal.commands import check as work

    return work.check(request)
