"""`mlspec cluster`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from ..options import ANSWER, adding, working_on_one_spec

__all__ = ["command"]

_CLUSTER = (
    click.option("--context", metavar="NAME", help="The context of the kubeconfig, instead of the current one."),
    click.option("--kubeconfig", metavar="FILE", help="The kubeconfig, instead of $KUBECONFIG or ~/.kube/config."),
)


def _in_a_cluster(work: Callable[..., int]) -> Callable[..., None]:
    """Add the parameters of commands that compile one environment and work on it in a cluster."""

    @wraps(work)
    def run(request: Any, context: str | None, kubeconfig: str | None, **given: Any) -> int:
        from ..terminal.commands.cluster import Target

        return work(request, Target(context, kubeconfig), **given)

    return working_on_one_spec(adding(_CLUSTER, run))


@click.group("cluster")
def command() -> None:
    """Apply a system to a cluster, and show what runs there."""


@command.command("apply")
@click.option("--force-conflicts", "force", is_flag=True, help="Take over fields that other managers own.")
@click.option("--wait/--no-wait", default=True, help="Wait until the workloads are rolled out; on by default.")
@click.option("--timeout", metavar="DURATION", default="10m", show_default=True, help="How long to wait at most.")
@_in_a_cluster
def apply(request: Any, target: Any, force: bool, wait: bool, timeout: str) -> int:
    """Apply one environment to a cluster.

    Tries all objects on the server first, and applies none if one would be refused. Never changes the traffic of a
    rollout in progress, and deletes nothing. Fails if a workload is not rolled out in time, or waits for a person.
    """
    from ..terminal.commands import cluster as work

    return work.apply(request, target, force=force, wait=wait, timeout=timeout)


@command.command("diff")
@ANSWER
@_in_a_cluster
def diff(request: Any, target: Any) -> int:
    """Fail if a cluster differs from what the spec compiles to.

    Prints the differences, as a dry run on the server finds them, and the objects that are not in the output any more.
    """
    from ..terminal.commands import cluster as work

    return work.diff(request, target)


@command.command("status")
@ANSWER
@_in_a_cluster
def status(request: Any, target: Any) -> int:
    """Show the live state of each workload.

    For a rollout: the versions and their traffic, the step, the last measurements and their limits, and what it waits
    for. Fails if a workload is missing, was rolled back, or waits for a person.
    """
    from ..terminal.commands import cluster as work

    return work.status(request, target)
