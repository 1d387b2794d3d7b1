"""The command line. Each command says what it takes, and hands it on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from . import __version__

SPECS = click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
SPEC = click.argument("specs", nargs=1, callback=lambda _, __, value: (value,), metavar="SPEC")
OUT = click.option("-o", "--out", metavar="DIR", help="The folder of all systems, instead of out/ beside each spec.")
FORMAT = click.option(
    "--format", type=click.Choice(["text", "concise", "json"]), default="text", help="How findings are shown."
)
COMMON = (
    click.option(
        "--platform", metavar="FILE", help="The platform file, instead of the one beside the spec or above it."
    ),
    click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Change one value, above all files."),
    click.option("--env", "environments", multiple=True, metavar="NAME", help="Only this environment."),
    click.option("--today", metavar="DATE", help="The day that suppressions expire by, instead of the calendar's."),
    click.option("-q", "--quiet", is_flag=True, help="Say only what was asked for and what is wrong."),
    click.option("--color/--no-color", "colour", default=None, help="Use colour, whatever standard error is."),
)


def working_on_specs(command: Callable[..., int]) -> Callable[..., None]:
    """Add what all commands on specs take, and pass it on as one request."""
    return _working_on(SPECS, command)


def working_on_one_spec(command: Callable[..., int]) -> Callable[..., None]:
    """The same for commands that answer for one spec."""
    return _working_on(SPEC, command)


def _working_on(argument: Callable[..., Any], command: Callable[..., int]) -> Callable[..., None]:
    @wraps(command)
    def run(specs: tuple[str, ...], out: str | None = None, format: str = "text", **given: Any) -> None:  # noqa: A002
        from .compiler.commands import Request
        from .compiler.terminal import Terminal
        from .compiler.workspace import Options

        options = Options(platform=given.pop("platform"), settings=given.pop("settings"))
        terminal = Terminal(format=format, colour=given.pop("colour"), quiet=given.pop("quiet"))
        environments, day = given.pop("environments"), given.pop("today") or today()
        request = Request(
            specs=specs, options=options, environments=environments, out=out, today=day, terminal=terminal
        )
        sys.exit(command(request, **given))

    for option in reversed(COMMON):
        option(run)
    argument(run)
    return run


def today() -> str:
    """The calendar's day; nothing that is compiled depends on it."""
    import time

    return time.strftime("%Y-%m-%d")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="mlspec")
def cli() -> None:
    """One YAML file describes a machine-learning system: compiled for Kubernetes, linted before merge."""


@cli.command("compile")
@OUT
@click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
@click.option("--stdout", is_flag=True, help="Print all objects as one stream, and write nothing.")
@working_on_specs
def compile_(request: Any, dry_run: bool, stdout: bool) -> int:
    """Write what specs come to: one folder for each system and environment."""
    from .compiler import commands

    return commands.compile_(request, dry_run=dry_run, stdout=stdout)


@cli.command()
@OUT
@working_on_specs
def check(request: Any) -> int:
    """Fail when committed output is not what its spec compiles to."""
    from .compiler import commands

    return commands.check(request)


@cli.command()
@OUT
@FORMAT
@click.option("--line", type=int, metavar="N", help="What line N of the spec comes to.")
@working_on_one_spec
@click.argument("question", required=False, metavar="[PATH | KIND/NAME:PATH | FILE:LINE]")
def explain(request: Any, question: str | None, line: int | None) -> int:
    """Say where a value came from, and what it comes to.

    PATH is a value of the spec, such as constraints.throughput.peak; KIND/NAME:PATH one of an object, such as
    ScaledObject/fraud-scorer:spec.minReplicaCount; FILE:LINE a line of any output file.
    """
    from .compiler import commands

    return commands.explain(request, question, line)


@cli.command()
@FORMAT
@working_on_specs
def lint(request: Any) -> int:
    """Say what is wrong with specs, or will be in production."""
    from .compiler import commands

    return commands.lint(request)
