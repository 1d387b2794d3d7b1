"""`mlspec test`."""

from __future__ import annotations

from typing import Any

import click

from ..options import formatted, working_on_one_spec

__all__ = ["command"]


@click.command("test")
@formatted("text", "json", "junit", of="result")
@click.option("--mutants", is_flag=True, help="Also put faults into the rules, and count how many the tests find.")
@click.option(
    "--series", metavar="FILE", help="Play series of a YAML or CSV file instead: which alerts fire, and when."
)
@working_on_one_spec
def command(request: Any, form: str, mutants: bool, series: str | None) -> int:
    """Test alerts and rollouts against synthetic time series.

    Every alert must fire on the breach that it watches, and stay silent otherwise. Every rollout must promote, hold, or
    roll back a version, as it should. Needs promtool, which comes with Prometheus, and no cluster.
    """
    from ..terminal.commands import test as work

    return work.test(request, form, mutants=mutants, series=series)
