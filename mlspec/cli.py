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
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
MODEL = click.option("--model", metavar="NAME", help="The model, where the spec has several.")
SELECTION = (
    click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Change one value, above all files."),
    click.option("--env", "environments", multiple=True, metavar="NAME", help="Only this environment."),
)
SAYING = (
    click.option("-q", "--quiet", is_flag=True, help="Say only what was asked for and what is wrong."),
    click.option("--color/--no-color", "colour", default=None, help="Use colour, whatever standard error is."),
)
COMMON = (
    click.option(
        "--platform", metavar="FILE", help="The platform file, instead of the one beside the spec or above it."
    ),
    click.option("--today", metavar="DATE", help="The day that suppressions expire by, instead of the calendar's."),
    *SAYING,
)


def working_on_specs(command: Callable[..., int]) -> Callable[..., None]:
    """Add what all commands on specs take, and pass it on as one request."""
    return _working_on(command, SPECS, *SELECTION, *COMMON)


def working_on_any_specs(command: Callable[..., int]) -> Callable[..., None]:
    """The same for commands that may do without a spec."""
    return _working_on(command, click.argument("specs", nargs=-1, metavar="SPEC..."), *SELECTION, *COMMON)


def working_on_one_spec(command: Callable[..., int]) -> Callable[..., None]:
    """The same for commands that answer for one spec."""
    return _working_on(command, SPEC, *SELECTION, *COMMON)


def working_on_a_release(command: Callable[..., int]) -> Callable[..., None]:
    """The same for commands that write a release file: what holds for one run only is not for them."""
    return _working_on(command, SPEC, *COMMON)


def _working_on(command: Callable[..., int], *parameters: Callable[..., Any]) -> Callable[..., None]:
    @wraps(command)
    def run(specs: tuple[str, ...], out: str | None = None, format: str = "text", **given: Any) -> None:  # noqa: A002
        from .terminal.commands.request import Request
        from .terminal.console import Console
        from .terminal.workspace import Options

        options = Options(platform=given.pop("platform"), settings=given.pop("settings", ()))
        console = Console(format=format, colour=given.pop("colour"), quiet=given.pop("quiet"))
        environments, day = given.pop("environments", ()), given.pop("today") or today()
        request = Request(specs=specs, options=options, environments=environments, out=out, today=day, console=console)
        sys.exit(command(request, **given))

    for parameter in reversed(parameters):
        parameter(run)
    return run


def saying(command: Callable[..., int]) -> Callable[..., None]:
    """Add what commands without a spec take."""

    @wraps(command)
    def run(quiet: bool, colour: bool | None, format: str = "text", **given: Any) -> None:  # noqa: A002
        from .terminal.console import Console

        sys.exit(command(Console(format=format, colour=colour, quiet=quiet), **given))

    for option in reversed(SAYING):
        option(run)
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
@DRY_RUN
@click.option("--stdout", is_flag=True, help="Print all objects as one stream, and write nothing.")
@working_on_specs
def compile_(request: Any, dry_run: bool, stdout: bool) -> int:
    """Write what specs come to on Kubernetes.

    One folder for each system and environment, with a kustomization.yaml.
    """
    from .terminal.commands import compile as command

    return command.compile_(request, dry_run=dry_run, stdout=stdout)


@cli.command()
@OUT
@working_on_specs
def check(request: Any) -> int:
    """Fail when committed output is not what its spec compiles to."""
    from .terminal.commands import check as command

    return command.check(request)


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
    from .terminal.commands import explain as command

    return command.explain(request, question, line)


@cli.command()
@FORMAT
@click.option("--select", multiple=True, metavar="IDS", help="Only rules whose ids begin so, such as MLS5,MLS701.")
@click.option("--ignore", multiple=True, metavar="IDS", help="No rules whose ids begin so.")
@click.option("--explain", metavar="ID", help="Say what an id means; no SPEC is needed.")
@working_on_any_specs
def lint(request: Any, select: tuple[str, ...], ignore: tuple[str, ...], explain: str | None) -> int:
    """Say what is wrong with specs, or will be in production."""
    from .terminal.commands import lint as command

    if explain is not None:
        return command.explain(explain, request.console)
    if not request.specs:
        raise click.UsageError("Missing argument 'SPEC...'.")
    return command.lint(request, select, ignore)


@cli.command()
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", help="How the memo is shown."
)
@working_on_specs
def plan(request: Any, form: str) -> int:
    """Say what was decided, and why; with --set, what would change."""
    from .terminal.commands import plan as command

    return command.plan(request, form)


@cli.command()
@OUT
@DRY_RUN
@MODEL
@click.option("--to", required=True, metavar="NAME", help="The environment that it enters.")
@click.option("--from", "source", metavar="NAME", help="The environment whose version in service is taken.")
@click.option("--release", "file", metavar="FILE", help="The file that describes a new version.")
@click.option("--skip-shadow", is_flag=True, help="Into service at once, without the shadow stage or the rest of it.")
@click.option("--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="The moment that counts as now, in UTC.")
@working_on_a_release
def promote(request: Any, to: str, model: str | None, dry_run: bool, now: Any, **entry: Any) -> int:
    """Let a version enter its next stage.

    Writes the release file of the environment, and compiles it.

    A version that enters with --from or --release goes into the shadow stage if the rollout has one, else into
    service. Without either, the version in the shadow goes into service once its time is over.
    """
    from .terminal.commands import promote as command

    if entry["source"] is not None and entry["file"] is not None:
        raise click.UsageError("--from and --release exclude each other")
    moment = f"{now:%Y-%m-%dT%H:%M:%SZ}" if now is not None else None
    return command.promote(request, to, model, now=moment, dry_run=dry_run, **entry)


@cli.command()
@OUT
@DRY_RUN
@MODEL
@click.option("--env", "environment", required=True, metavar="NAME", help="The environment that goes back.")
@click.option("--to", required=True, metavar="VERSION", help="The version that was in service before.")
@working_on_a_release
def rollback(request: Any, environment: str, to: str, model: str | None, dry_run: bool) -> int:
    """Put an earlier version into service again.

    Writes the release file of the environment, and compiles it.
    """
    from .terminal.commands import promote as command

    return command.rollback(request, environment, model, to, dry_run=dry_run)


@cli.command()
@click.argument("name", required=False)
@click.option(
    "--template", type=click.Choice(["online", "llm", "batch", "platform"]), default="online", show_default=True
)
@saying
def init(console: Any, name: str | None, template: str) -> int:
    """Write a commented starter spec.

    To NAME/mlspec.yaml, or without a name to mlspec.yaml here. Nothing is overwritten.
    """
    from .terminal.commands import init as command

    return command.init(name, template, console)


@cli.command()
@click.option("--validate", "files", multiple=True, metavar="FILE", help="Hold a file to it, and print only that.")
@FORMAT
@saying
def schema(console: Any, files: tuple[str, ...]) -> int:
    """Print the JSON Schema that editors and other tools use."""
    from .terminal.commands import schema as command

    return command.validate(files, console) if files else command.schema(console)


@cli.group()
def runtime() -> None:
    """Run what compiled jobs run in a cluster."""


@runtime.command()
@click.option("--config", metavar="FILE", help="The training configuration.")
@click.option("--metrics", metavar="FILE", help="What the evaluation left.")
@click.option("--model", metavar="FILE", help="What the training left beside the model.")
@click.option("--verdict", metavar="FILE", help="Where the verdict goes.")
@click.option("--in-job", is_flag=True, help="Take all files from where the training contract has them.")
def gate(in_job: bool, **given: str | None) -> None:
    """Judge a trained model by the gates of its system.

    Exits with 0 for a pass, 42 for a no, and 1 for input that cannot be read. In a job a no is no failure, and exits
    with 0: the verdict says it.
    """
    from .runtime import gate as command

    files = command.of_the_job() if in_job else command.by_hand(**given)
    if files is None:
        needed = "MLSPEC_CONFIG, MLSPEC_INPUT and MLSPEC_OUTPUT, as in a job" if in_job else "--config and --metrics"
        raise click.UsageError(f"nothing to judge without {needed}")
    sys.exit(command.gate(files, in_job=in_job))
