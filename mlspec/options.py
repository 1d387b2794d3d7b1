"""The parameters that several commands share, and how they become one request and one console."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import __version__
from .terminal.render import FORMATS

if TYPE_CHECKING:
    from .terminal.console import Console

__all__ = [
    "ANSWER",
    "DRY_RUN",
    "MODEL",
    "OUT",
    "Ordered",
    "adding",
    "drawing",
    "formatted",
    "reporting",
    "saying",
    "working_on_a_release",
    "working_on_any_specs",
    "working_on_one_spec",
    "working_on_specs",
]

OUT = click.option(
    "-o", "--out", metavar="DIR", help="Output folder for all systems, instead of out/ next to each spec."
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Print what would change, without writing anything.")
MODEL = click.option("--model", metavar="NAME", help="The model, if the spec has more than one.")

F = TypeVar("F", bound=Callable[..., Any])

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


def adding(parameters: Sequence[Callable[..., Any]], command: F) -> F:
    """Add parameters to a command, in the order in which its help lists them."""
    for parameter in reversed(parameters):
        parameter(command)
    return command


def formatted(*forms: str, of: str) -> Callable[..., Any]:
    """The option that chooses the format of a command's only output; the first one is the default."""
    return click.option(
        "--format", "form", type=click.Choice(forms), default=forms[0], help=f"Output format of the {of}."
    )


def reporting(command: Callable[..., None]) -> Callable[..., None]:
    """Add the output options to a command that reports findings."""
    return adding(_OUTPUTS, command)


def _console(given: dict[str, Any]) -> Console:
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


_SPECS = click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
_SPEC = click.argument("specs", nargs=1, callback=lambda _, __, value: (value,), metavar="SPEC")
_SELECTION = (
    click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Override one value, above all files."),
    click.option("--env", "environments", multiple=True, metavar="NAME", help="Use only this environment."),
)
_SAYING = (
    click.option("-q", "--quiet", is_flag=True, help="Print only results and problems."),
    click.option("--color/--no-color", "color", default=None, help="Force color output on or off."),
)
_COMMON = (
    click.option(
        "--platform",
        metavar="FILE",
        envvar="MLSPEC_PLATFORM",
        show_envvar=True,
        callback=lambda _, __, value: _existing(value),
        help="The only platform file, instead of those next to the spec and above it.",
    ),
    click.option(
        "--today",
        metavar="DATE",
        callback=lambda _, __, value: _date(value),
        help="Treat this as the current date when suppressions expire, as in 2026-11-23.",
    ),
    *_SAYING,
)


def _existing(path: str | None) -> str | None:
    """A platform file that exists: without it, all that follows would be about the defaults."""
    from .compiler.words import escaped

    if path is not None and not os.path.exists(path):
        raise click.BadParameter(f"{escaped(path)} does not exist")
    return path


def _date(given: str | None) -> str | None:
    """A date as suppressions state it, because dates are compared as text."""
    from datetime import date

    try:
        if given is None or date.fromisoformat(given).isoformat() == given:
            return given
    except ValueError:
        pass
    raise click.BadParameter("write a date, as in 2026-11-23")


def working_on_specs(command: Callable[..., int]) -> Callable[..., None]:
    """Add the parameters of all commands that take specs, and pass them on as one request."""
    return _working_on(command, _SPECS, *_SELECTION, *_COMMON)


def working_on_any_specs(command: Callable[..., int]) -> Callable[..., None]:
    """The same for commands where a spec is optional."""
    return _working_on(command, click.argument("specs", nargs=-1, metavar="SPEC..."), *_SELECTION, *_COMMON)


def working_on_one_spec(command: Callable[..., int]) -> Callable[..., None]:
    """The same for commands that take exactly one spec."""
    return _working_on(command, _SPEC, *_SELECTION, *_COMMON)


def working_on_a_release(command: Callable[..., int]) -> Callable[..., None]:
    """The same for commands that write a release file, without the options that apply to a single run."""
    return _working_on(command, _SPEC, *_COMMON)


def _working_on(command: Callable[..., int], *parameters: Callable[..., Any]) -> Callable[..., None]:
    @wraps(command)
    def run(specs: tuple[str, ...], out: str | None = None, **given: Any) -> None:
        from .terminal.commands.request import Request
        from .terminal.workspace import Options

        options = Options(
            platform=given.pop("platform"), settings=given.pop("settings", ()), stdin_name=given.pop("stdin_name", None)
        )
        console = _console(given)
        environments, day = given.pop("environments", ()), given.pop("today") or _today()
        request = Request(specs=specs, options=options, environments=environments, out=out, today=day, console=console)
        sys.exit(command(request, **given))

    return adding(parameters, run)


def saying(command: Callable[..., int]) -> Callable[..., None]:
    """Add the parameters of commands that take no spec."""

    @wraps(command)
    def run(**given: Any) -> None:
        sys.exit(command(_console(given), **given))

    return adding(_SAYING, run)


def _today() -> str:
    """The current date. Compiled output does not depend on it."""
    import time

    return time.strftime("%Y-%m-%d")


drawing = click.option("--page", metavar="FILE", help="Also draw the result as one HTML page.")
"""The option of a page."""
