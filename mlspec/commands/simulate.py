"""`mlspec simulate`."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from ..arguments import COUNTS, LOAD, LOSS, RANGES
from ..options import adding, drawing, working_on_one_spec
from ..terminal.render import FORMATS

__all__ = ["command"]


def _times(given: str | None) -> float | None:
    """A factor, such as `2x`."""
    if given is None:
        return None
    try:
        factor = float(given.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not given.endswith("x") or not 0 < factor < 1e6:
        raise click.BadParameter("write a factor, as in 2x")
    return factor


def _hours(given: float | None) -> float | None:
    """A number of hours; click lets `nan` pass any range."""
    if given is not None and not given >= 0:
        raise click.BadParameter("write a number of hours, as in 24")
    return given


def _burst(given: str | None) -> tuple[float, float] | None:
    """A factor and a duration in seconds, such as `3x for 5m`."""
    if given is None:
        return None
    from ..schema.units import Duration

    factor, _, long = given.partition(" for ")
    try:
        lasts = float(Duration.parse(long))
    except ValueError:
        raise click.BadParameter("write a factor and a duration, as in '3x for 5m'") from None
    return _times(factor) or 1.0, lasts


def _share(given: str | None) -> float | None:
    """A share of requests, such as `5%`."""
    if given is None:
        return None
    from ..schema.units import Percent

    try:
        share = float(Percent.parse(given))
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise click.BadParameter("write a share of the requests, as in 5%")
    return share


_SIMULATED = (
    click.option(
        "--at",
        type=click.Choice(LOAD),
        default="peak",
        show_default=True,
        help="The traffic: one rate of the spec, or a day that goes through all three.",
    ),
    click.option(
        "--hours",
        type=click.FloatRange(*RANGES["hours"]),
        callback=lambda _, __, value: _hours(value),
        help="How long; an hour, or a day, if omitted.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(*COUNTS["seed"]),
        default=1,
        show_default=True,
        help="The same seed, the same result.",
    ),
    click.option(
        "--runs", type=click.IntRange(*COUNTS["runs"]), default=1, show_default=True, help="How many runs to pool."
    ),
    click.option(
        "--requests",
        type=click.IntRange(*COUNTS["requests"]),
        metavar="N",
        help="Simulate less time if it has more than N requests; by default 200,000, for a day or an event 1,000,000.",
    ),
    click.option(
        "--rollouts",
        type=click.IntRange(*COUNTS["rollouts"]),
        metavar="N",
        help="How many rollouts of a new version to simulate; by default 400, and fewer if each takes weeks.",
    ),
    click.option("--fixed", is_flag=True, help="Keep the replicas that the plan has for the rate: no autoscaler."),
    click.option(
        "--burst",
        metavar="BURST",
        callback=lambda _, __, value: _burst(value),
        help="Event: multiply the traffic for a limited time, such as '3x for 5m'.",
    ),
    click.option("--lose", type=click.Choice(LOSS), help="Event: lose a replica, or a zone."),
    click.option(
        "--bad",
        metavar="SHARE",
        callback=lambda _, __, value: _share(value),
        help="Roll out a version that fails this share of its requests, such as 5%.",
    ),
    click.option(
        "--slow",
        metavar="FACTOR",
        callback=lambda _, __, value: _times(value),
        help="Roll out a version that is FACTOR times slower, such as 2x.",
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice([form.name for form in FORMATS if form.name == "text" or (form.document and form.explains)]),
        default="text",
        help="Output format of the result.",
    ),
    drawing,
)


@click.command("simulate")
@partial(adding, _SIMULATED)
@working_on_one_spec
def command(request: Any, form: str, page: str | None, **given: Any) -> int:
    """Compare what the plan promises with a simulation.

    Simulates the requests of each online service, its replicas, its autoscaler, and its canary. Fails if a promise is
    broken beyond the confidence interval of the simulation.
    """
    from ..terminal.commands import simulate as work

    return work.simulate(request, form, page, given)
