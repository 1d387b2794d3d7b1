"""`mlspec promote`."""

from __future__ import annotations

from typing import Any

import click

from ..options import DRY_RUN, MODEL, OUT, working_on_a_release

__all__ = ["command"]


@click.command("promote")
@OUT
@DRY_RUN
@MODEL
@click.option("--to", required=True, metavar="NAME", help="The environment to promote to.")
@click.option("--from", "source", metavar="NAME", help="The environment whose live version to promote.")
@click.option("--release", "file", metavar="FILE", help="The file that describes a new version.")
@click.option("--mlflow", metavar="URL", help="The MLflow server for `models:/` in FILE.  [env: MLFLOW_TRACKING_URI]")
@click.option("--skip-shadow", is_flag=True, help="Go live immediately: skip the shadow stage, or the rest of it.")
@click.option("--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="Treat this as the current time, in UTC.")
@working_on_a_release
def command(request: Any, to: str, model: str | None, dry_run: bool, now: Any, **entry: Any) -> int:
    """Promote a version to its next stage.

    Writes the release file of the environment, and compiles the environment.

    With --from or --release, the new version enters the shadow stage if the rollout has one; otherwise it goes live.
    Without either, the shadow version goes live, provided that its shadow stage is over. Without --model, --from
    promotes all models that have another version there.

    FILE has the keys of a release, at the top or below `release:`, or is a release file. A system with several models
    gets its first releases one by one, and is compiled as soon as each model has one.

    An artifact in FILE may be `models:/NAME/VERSION` or `models:/NAME@ALIAS`. MLflow then tells where the files are,
    and that address is released.
    """
    from ..terminal.commands import promote as work

    if entry["source"] is not None and entry["file"] is not None:
        raise click.UsageError("--from and --release exclude each other")
    if entry["mlflow"] is not None and entry["file"] is None:
        raise click.UsageError("--mlflow needs --release")
    moment = f"{now:%Y-%m-%dT%H:%M:%SZ}" if now is not None else None
    return work.promote(request, to, model, now=moment, dry_run=dry_run, **entry)
