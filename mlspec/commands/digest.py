"""`mlspec digest`."""

from __future__ import annotations

from typing import Any

import click

from ..options import saying

__all__ = ["command"]


@click.command("digest")
@click.argument("path", metavar="PATH")
@saying
def command(console: Any, path: str) -> int:
    """Print the digest of a model for a release.

    PATH is a file or a folder. The download in a pod computes the same digest, and fails if it differs.
    """
    from ..terminal.commands import digest as work

    return work.digest(path, console)
