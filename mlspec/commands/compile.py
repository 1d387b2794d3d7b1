"""`mlspec compile`."""

from __future__ import annotations

from typing import Any

import click

from ..options import DRY_RUN, OUT, working_on_specs

__all__ = ["command"]


@click.command("compile")
@OUT
@DRY_RUN
@click.option(
    "--stdout", is_flag=True, help="Print all objects as one YAML stream, for one cluster, without writing files."
)
@working_on_specs
def command(request: Any, dry_run: bool, stdout: bool) -> int:
    """Compile specs to Kubernetes manifests.

    Writes one folder for each system and environment, with a kustomization.yaml.
    """
    from ..terminal.commands import compile as work

    return work.compile_(request, dry_run=dry_run, stdout=stdout)
