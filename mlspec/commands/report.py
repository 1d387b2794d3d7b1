"""`mlspec report`."""

from __future__ import annotations

from typing import Any

import click

from ..options import drawing, formatted, working_on_one_spec, working_on_specs

__all__ = ["command"]


@click.group("report")
def command() -> None:
    """Report on designs, evaluations, features, and running systems."""


@command.command("design")
@formatted("markdown", "json", of="report")
@drawing
@working_on_one_spec
def design(request: Any, form: str, page: str | None) -> int:
    """Write the system design document.

    Describes the environment with the most load in full, from the business metric to the bill, with the reason of each
    decision and what the spec leaves open. `mlspec compile` writes the same document as _system/design.md.
    """
    from ..terminal.commands import design as work

    return work.design(request, form, page)


@command.command("evaluation")
@click.option("--metrics", required=True, metavar="FILE", help="The metrics file: JSON, YAML, CSV, or an MLflow run.")
@formatted("markdown", "json", of="report")
@drawing
@working_on_one_spec
def evaluation(request: Any, metrics: str, form: str, page: str | None) -> int:
    """Say whether to ship a model, and why.

    Judges the metrics of a model by the gates of the spec: ship, iterate, or reject. A gate is cleared only if the
    confidence interval clears it. Exits with 0 for a model to ship, 1 for any other, and 2 if a file cannot be read.
    """
    from ..terminal.commands import evaluation as work

    return work.evaluation(request, metrics, form, page)


@command.command("features")
@formatted("markdown", "json", of="report")
@drawing
@working_on_specs
def features(request: Any, form: str, page: str | None) -> int:
    """List the features of systems, for reuse.

    Lists each feature with how it is computed, its owner, how old it may be, where training and lookups read it, and
    the models that read it. Says which features of several systems look alike. The page has a search.
    """
    from ..terminal.commands import features as work

    return work.features(request, form, page)


@command.command("status")
@click.option(
    "--prometheus",
    "address",
    metavar="URL",
    required=True,
    envvar="MLSPEC_PROMETHEUS",
    show_envvar=True,
    help="The server that has the metrics and the rules.",
)
@click.option("--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="Report the state at this time, in UTC.")
@formatted("text", "markdown", "json", of="report")
@drawing
@working_on_one_spec
def status(request: Any, form: str, page: str | None, address: str, now: Any) -> int:
    """Report the health of a running system, and what to do.

    Fails unless everything is green. What Prometheus has no data about is gray, never green. A token for Prometheus
    belongs in MLSPEC_PROMETHEUS_TOKEN.
    """
    from datetime import UTC

    from ..terminal.commands import status as work

    return work.status(request, form, page, address, now.replace(tzinfo=UTC).timestamp() if now is not None else None)
