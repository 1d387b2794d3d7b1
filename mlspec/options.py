"""The options for output formats and their destinations, which several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .terminal.render import FORMATS

if TYPE_CHECKING:
    from .terminal.console import Console

__all__ = ["ANSWER", "Ordered", "console_of", "reporting"]

ANSWER = click.option(
    "--format",
    "formats",
    type=click.Choice([form.name for form in FORMATS if form.explains]),
    default="text",
    callback=lambda _, __, value: (value,),
    help="Output format of the answer.",
)
_OUTPUTS = (
    click.option(
        "--format",
        "formats",
        multiple=True,
        type=click.Choice([form.name for form in FORMATS]),
        help="Output format of the findings, text by default. Repeat it for several formats.",
    ),
    click.option(
        "--output",
        "outputs",
        multiple=True,
        metavar="FILE",
        help="Write the preceding --format to a file; - is standard output.",
    ),
)


class Ordered(click.Command):
    """A command that knows the order of its options: an --output applies to the --format before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Record the order, which click does not pass to callbacks, and parse as usual."""
        _, _, order = self.make_parser(ctx).parse_args(args=[*args])
        ctx.meta[__name__] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


def reporting(command: Callable[..., None]) -> Callable[..., None]:
    """Add the output options to a command that reports findings."""
    for option in reversed(_OUTPUTS):
        option(command)
    return command


def console_of(given: dict[str, Any]) -> Console:
    """The console that the options describe. Removes those options from `given`."""
    from .terminal.console import Console
    from .terminal.outputs import Misplaced, paired

    formats, files = given.pop("formats", ()), given.pop("outputs", ())
    order = click.get_current_context().meta.get(__name__, ["formats"] * len(formats))
    try:
        outputs = paired(order, formats, files)
    except Misplaced as error:
        raise click.UsageError(str(error)) from None
    return Console(outputs=outputs, color=given.pop("color"), quiet=given.pop("quiet"), version=__version__)
