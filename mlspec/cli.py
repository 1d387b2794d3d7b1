"""The command line. Each command declares its parameters and passes them on."""

from __future__ import annotations

from typing import Any

import click

from . import __version__
from .cli_runtime import runtime
from .options import (
    ANSWER,
    Ordered,
    drawing,
    in_a_cluster,
    reporting,
    saying,
    simulating,
    working_on_a_release,
    working_on_any_specs,
    working_on_one_spec,
    working_on_specs,
)

OUT = click.option(
    "-o", "--out", metavar="DIR", help="Output folder for all systems, instead of out/ next to each spec."
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Print what would change, without writing anything.")
MODEL = click.option("--model", metavar="NAME", help="The model, if the spec has more than one.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="mlspec")
def cli() -> None:
    """Compile one YAML file that describes a machine-learning system to Kubernetes manifests, and lint it first."""


@cli.command("compile")
@OUT
@DRY_RUN
@click.option("--stdout", is_flag=True, help="Print all objects as one YAML stream, without writing files.")
@working_on_specs
def compile_(request: Any, dry_run: bool, stdout: bool) -> int:
    """Compile specs to Kubernetes manifests.

    Writes one folder for each system and environment, with a kustomization.yaml.
    """
    from .terminal.commands import compile as command

    return command.compile_(request, dry_run=dry_run, stdout=stdout)


@cli.command(cls=Ordered)
@OUT
@reporting
@working_on_specs
def check(request: Any) -> int:
    """Fail if committed output differs from what a spec compiles to."""
    from .terminal.commands import check as command

    return command.check(request)


@cli.command()
@OUT
@ANSWER
@click.option("--line", type=int, metavar="N", help="Explain line N of the spec: what it affects.")
@working_on_one_spec
@click.argument("question", required=False, metavar="[PATH | KIND/NAME:PATH | FILE:LINE]")
def explain(request: Any, question: str | None, line: int | None) -> int:
    """Explain where a value comes from, and what it affects.

    PATH is a value in the spec, for example constraints.throughput.peak, or a field that the planner derives, for
    example serving.load. KIND/NAME:PATH is a value in an object, for
    example ScaledObject/fraud-scorer:spec.minReplicaCount. FILE:LINE is a line of any output file.
    """
    from .terminal.commands import explain as command

    return command.explain(request, question, line)


@cli.command(cls=Ordered)
@reporting
@click.option("--select", multiple=True, metavar="IDS", help="Report only IDs with these prefixes, as in MLS5,MLS701.")
@click.option("--ignore", multiple=True, metavar="IDS", help="Don't report IDs with these prefixes.")
@click.option("--explain", metavar="ID", help="Explain an ID; takes no SPEC.")
@click.option("--stdin-filename", "stdin_name", metavar="FILE", help="The file that the text of the SPEC - belongs to.")
@working_on_any_specs
def lint(request: Any, select: tuple[str, ...], ignore: tuple[str, ...], explain: str | None) -> int:
    """Report errors, and problems that would show up in production.

    Compares all specs of a run, too: routes for the same requests, and objects that two systems write.
    """
    from .terminal.commands import lint as command

    if explain is not None:
        return command.explain(explain, request.console)
    if not request.specs:
        raise click.UsageError("Missing argument 'SPEC...'.")
    return command.lint(request, select, ignore)


@cli.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    help="Output format of the memo.",
)
@drawing
@working_on_specs
def plan(request: Any, form: str, page: str | None) -> int:
    """Show all decisions and their reasons.

    With --set, show only what would change, and why.
    """
    from .terminal.commands import plan as command

    return command.plan(request, form, page)


@cli.command()
@simulating
@working_on_one_spec
def simulate(request: Any, form: str, page: str | None, **given: Any) -> int:
    """Compare what the plan promises with a simulation.

    Simulates the requests of each online service, its replicas, its autoscaler, and its canary. Fails if a promise is
    broken beyond the confidence interval of the simulation.
    """
    from .terminal.commands import simulate as command

    return command.simulate(request, form, page, given)


@cli.group()
def report() -> None:
    """Report on designs, evaluations, features, and running systems."""


@report.command("design")
@click.option(
    "--format", "form", type=click.Choice(["markdown", "json"]), default="markdown", help="Output format of the report."
)
@drawing
@working_on_one_spec
def report_design(request: Any, form: str, page: str | None) -> int:
    """Write the system design document.

    Describes the environment with the most load in full, from the business metric to the bill, with the reason of each
    decision and what the spec leaves open. `mlspec compile` writes the same document as _system/design.md.
    """
    from .terminal.commands import design as command

    return command.design(request, form, page)


@report.command("evaluation")
@click.option("--metrics", required=True, metavar="FILE", help="The metrics file: JSON, YAML, CSV, or an MLflow run.")
@click.option(
    "--format", "form", type=click.Choice(["markdown", "json"]), default="markdown", help="Output format of the report."
)
@drawing
@working_on_one_spec
def report_evaluation(request: Any, metrics: str, form: str, page: str | None) -> int:
    """Say whether to ship a model, and why.

    Judges the metrics of a model by the gates of the spec: ship, iterate, or reject. A gate is cleared only if the
    confidence interval clears it. Exits with 0 for a model to ship, 1 for any other, and 2 if a file cannot be read.
    """
    from .terminal.commands import evaluation as command

    return command.evaluation(request, metrics, form, page)


@report.command("features")
@click.option(
    "--format", "form", type=click.Choice(["markdown", "json"]), default="markdown", help="Output format of the report."
)
@drawing
@working_on_specs
def report_features(request: Any, form: str, page: str | None) -> int:
    """List the features of systems, for reuse.

    Lists each feature with how it is computed, its owner, how old it may be, where training and lookups read it, and
    the models that read it. Says which features of several systems look alike. The page has a search.
    """
    from .terminal.commands import features as command

    return command.features(request, form, page)


@report.command("status")
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
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    help="Output format of the report.",
)
@drawing
@working_on_one_spec
def report_status(request: Any, form: str, page: str | None, address: str, now: Any) -> int:
    """Report the health of a running system, and what to do.

    Fails unless everything is green. What Prometheus has no data about is gray, never green. A token for Prometheus
    belongs in MLSPEC_PROMETHEUS_TOKEN.
    """
    from datetime import UTC

    from .terminal.commands import status as command

    return command.status(
        request, form, page, address, now.replace(tzinfo=UTC).timestamp() if now is not None else None
    )


@cli.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    help="Output format of the score.",
)
@working_on_one_spec
def score(request: Any, form: str) -> int:
    """Show the ML Test Score, as a lower bound.

    Lists the 28 tests of the rubric: the compiled object that proves each, or what would raise its points. What a spec
    only declares earns nothing. The score is the points of the weakest of the four sections, from 0 to 7.
    """
    from .terminal.commands import score as command

    return command.score(request, form)


@cli.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit"]),
    default="text",
    help="Output format of the result.",
)
@click.option("--mutants", is_flag=True, help="Also put faults into the rules, and count how many the tests find.")
@click.option(
    "--series", metavar="FILE", help="Play series of a YAML or CSV file instead: which alerts fire, and when."
)
@working_on_one_spec
def test(request: Any, form: str, mutants: bool, series: str | None) -> int:
    """Run the alerts and rollouts on series, without a cluster.

    Every alert must fire on the breach that it watches, and stay silent otherwise. Every rollout must promote, hold, or
    roll back a version, as it should. Needs promtool, which comes with Prometheus.
    """
    from .terminal.commands import test as command

    return command.test(request, form, mutants=mutants, series=series)


@cli.command()
@click.option("--service", metavar="NAME", help="The service that was measured, if several generate tokens.")
@click.option("--write", is_flag=True, help="Write the values into the platform file, instead of printing them.")
@working_on_one_spec
@click.argument("result", metavar="RESULT")
def calibrate(request: Any, result: str, service: str | None, write: bool) -> int:
    """Take an accelerator's speed from a benchmark.

    RESULT is the file that `vllm bench serve --save-result` or SGLang's `bench_serving --output-file` writes. Finds the
    shares of the accelerator's data sheet with which the planner's estimates equal what was measured, and prints them
    for the platform file.
    """
    from .terminal.commands import calibrate as command

    return command.calibrate(request, result, service, write=write)


@cli.command()
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
def promote(request: Any, to: str, model: str | None, dry_run: bool, now: Any, **entry: Any) -> int:
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
    from .terminal.commands import promote as command

    if entry["source"] is not None and entry["file"] is not None:
        raise click.UsageError("--from and --release exclude each other")
    if entry["mlflow"] is not None and entry["file"] is None:
        raise click.UsageError("--mlflow needs --release")
    moment = f"{now:%Y-%m-%dT%H:%M:%SZ}" if now is not None else None
    return command.promote(request, to, model, now=moment, dry_run=dry_run, **entry)


@cli.command()
@OUT
@DRY_RUN
@MODEL
@click.option("--env", "environment", required=True, metavar="NAME", help="The environment to roll back.")
@click.option("--to", required=True, metavar="VERSION", help="The previous version to roll back to.")
@working_on_a_release
def rollback(request: Any, environment: str, to: str, model: str | None, dry_run: bool) -> int:
    """Roll back to a previous version.

    Writes the release file of the environment, and compiles the environment.
    """
    from .terminal.commands import promote as command

    return command.rollback(request, environment, model, to, dry_run=dry_run)


@cli.command()
@click.argument("name", required=False)
@click.option(
    "--template",
    type=click.Choice(["online", "llm", "batch", "platform"]),
    default="online",
    show_default=True,
    help="What to start from: a spec for online, language-model, or batch serving, or a platform file.",
)
@saying
def init(console: Any, name: str | None, template: str) -> int:
    """Write a commented starter spec.

    Writes NAME/mlspec.yaml, or, without a name, mlspec.yaml in the current folder. Never overwrites a file.
    """
    from .terminal.commands import init as command

    return command.init(name, template, console)


@cli.command(cls=Ordered)
@click.option("--validate", "files", multiple=True, metavar="FILE", help="Validate a file against the schema instead.")
@reporting
@saying
def schema(console: Any, files: tuple[str, ...]) -> int:
    """Print the JSON Schema for editors and other tools."""
    from .terminal.commands import schema as command

    return command.validate(files, console) if files else command.schema(console)


@cli.command()
@click.argument("path", metavar="PATH")
@saying
def digest(console: Any, path: str) -> int:
    """Print the digest of a model for a release.

    PATH is a file or a folder. The download in a pod computes the same digest, and fails if it differs.
    """
    from .terminal.commands import digest as command

    return command.digest(path, console)


@cli.group()
def cluster() -> None:
    """Apply a system to a cluster, and show what runs there."""


@cluster.command("apply")
@click.option("--force-conflicts", "force", is_flag=True, help="Take over fields that other managers own.")
@click.option("--wait/--no-wait", default=True, help="Wait until the workloads are rolled out; on by default.")
@click.option("--timeout", metavar="DURATION", default="10m", show_default=True, help="How long to wait at most.")
@in_a_cluster
def cluster_apply(request: Any, target: Any, force: bool, wait: bool, timeout: str) -> int:
    """Apply one environment to a cluster.

    Tries all objects on the server first, and applies none if one would be refused. Never changes the traffic of a
    rollout in progress, and deletes nothing. Fails if a workload is not rolled out in time, or waits for a person.
    """
    from .terminal.commands import cluster as command

    return command.apply(request, target, force=force, wait=wait, timeout=timeout)


@cluster.command("diff")
@ANSWER
@in_a_cluster
def cluster_diff(request: Any, target: Any) -> int:
    """Fail if a cluster differs from what the spec compiles to.

    Prints the differences, as a dry run on the server finds them, and the objects that are not in the output any more.
    """
    from .terminal.commands import cluster as command

    return command.diff(request, target)


@cluster.command("status")
@ANSWER
@in_a_cluster
def cluster_status(request: Any, target: Any) -> int:
    """Show the live state of each workload.

    For a rollout: the versions and their traffic, the step, the last measurements and their limits, and what it waits
    for. Fails if a workload is missing, was rolled back, or waits for a person.
    """
    from .terminal.commands import cluster as command

    return command.status(request, target)


cli.add_command(runtime)
