"""`mlspec init`."""

from __future__ import annotations

from typing import Any

import click

from ..options import saying

__all__ = ["command"]


@click.command("init")
@click.argument("name", required=False)
@click.option(
    "--template",
    type=click.Choice(["online", "llm", "batch", "platform"]),
    default="online",
    show_default=True,
    help="What to start from: a spec for online, language-model, or batch serving, or a platform file.",
)
@saying
def command(console: Any, name: str | None, template: str) -> int:
    """Write a commented starter spec.

    Writes NAME/mlspec.yaml, or, without a name, mlspec.yaml in the current folder. Never overwrites a file.
    """
    from ..terminal.commands import init as work

    return work.init(name, template, console)
