"""The command line. Each command declares its parameters and passes them on."""

from __future__ import annotations

import sys
from typing import Any

import click

from . import __version__
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


@cli.group()
def runtime() -> None:
    """Run the programs of compiled jobs in a cluster."""


@runtime.command()
@click.option("--config", metavar="FILE", help="The training configuration.")
@click.option("--metrics", metavar="FILE", help="The metrics.json of the evaluate step.")
@click.option("--model", metavar="FILE", help="The model.json of the train step.")
@click.option("--verdict", metavar="FILE", help="The file to write the verdict to.")
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def gate(in_job: bool, **given: str | None) -> None:
    """Evaluate a trained model against the gates of its system.

    Exits with 0 for a pass, 42 for a fail, and 1 for unreadable input. In a job, a fail also exits with 0, because the
    job itself succeeded; the verdict records the result.
    """
    from .runtime import gate as command

    files = command.of_the_job() if in_job else command.by_hand(**given)
    if files is None:
        needed = "MLSPEC_CONFIG, MLSPEC_INPUT and MLSPEC_OUTPUT, as in a job" if in_job else "--config and --metrics"
        raise click.UsageError(f"nothing to judge without {needed}")
    sys.exit(command.gate(files, in_job=in_job))


@runtime.command("promote")
@click.option("--config", metavar="FILE", help="The training configuration.")
@click.option("--verdict", metavar="FILE", help="The verdict.json of the gate.")
@click.option("--release", metavar="FILE", help="The release.json of the register step.")
@click.option("--metrics", metavar="FILE", help="The metrics.json of the evaluate step.")
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def runtime_promote(in_job: bool, **given: str | None) -> None:
    """Put a model that passed its gates into Git.

    Reads the token for the Git host from GIT_TOKEN. Exits with 0 if the version is promoted, now or before, 42 if it
    may not be, and 1 if a file or a server cannot be read. In a job, a model that did not pass also exits with 0.
    """
    from .runtime.promote import task
    from .terminal.commands import publish as command

    files = task.of_the_job() if in_job else task.by_hand(**given)
    if files is None:
        needed = "MLSPEC_CONFIG and MLSPEC_INPUT, as in a job" if in_job else "all four files"
        raise click.UsageError(f"nothing to promote without {needed}")
    sys.exit(command.publish(files, in_job=in_job))


@runtime.command()
@click.option("--config", metavar="FILE", required=True, help="The recorder's configuration.")
@click.option("--host", metavar="ADDRESS", default="", help="The address to listen at. If omitted, all of them.")
def capture(config: str, host: str) -> None:
    """Record a sample of the predictions of a model server.

    Forwards requests to the server, byte by byte. Reads POD_NAME, MLSPEC_MODEL_VERSION, MLSPEC_CAPTURE_HASH_KEY, and
    the variables of the store's credentials. Exits with 0 after SIGTERM, once the last file is uploaded, and with 1 if
    its configuration cannot be read or a port is taken.
    """
    from .runtime.capture import serve as command

    sys.exit(command.capture(config, host))


@runtime.command()
@click.option("--config", metavar="FILE", required=True, help="The configuration: monitor.json.")
@click.option("--state", metavar="FOLDER", required=True, help="The folder for the results.")
@click.option("--host", metavar="ADDRESS", default="", help="The address to listen at. If omitted, all of them.")
@click.option("--metrics-port", metavar="PORT", type=click.IntRange(0, 65535), default=9464, show_default=True)
@click.option("--requests-port", metavar="PORT", type=click.IntRange(0, 65535), default=9465, show_default=True)
@click.option("--api", metavar="URL", help="An API server on this machine, such as `kubectl proxy`, outside a cluster.")
def exporter(config: str, state: str, host: str, metrics_port: int, requests_port: int, api: str | None) -> None:
    """Measure in every interval, and start training when it helps.

    Measures drift, data, and quality. Serves /metrics and /diagnosis, and, with a schedule to start runs from, POST
    /retrain for Alertmanager. Exits with 0 after SIGTERM, and with 1 if its configuration cannot be read or a port is
    taken.
    """
    from .runtime.exporter import command

    ports = {"metrics": metrics_port, "requests": requests_port}
    sys.exit(command.exporter(command.Request(config=config, state=state, host=host, api=api, **ports)))


@runtime.command()
@click.option("--config", metavar="FILE", required=True, help="The configuration: online.json.")
@click.option("--state", metavar="FOLDER", required=True, help="The folder for one batch.")
@click.option("--host", metavar="ADDRESS", default="", help="The address to listen at. If omitted, all of them.")
@click.option("--port", metavar="PORT", type=click.IntRange(0, 65535), default=9466, show_default=True)
@click.argument("command", nargs=-1, required=True)
def learn(command: tuple[str, ...], **given: Any) -> None:
    """Learn online: run COMMAND on each batch of new labels.

    The output of COMMAND is a checkpoint. While the diagnosis raises a signal or does not answer, nothing is learned.
    Serves /metrics. Exits with 0 after SIGTERM, and with 1 if its configuration cannot be read or the port is taken.
    """
    from .runtime.learn import command as learner

    sys.exit(learner.learn(learner.Request(command=command, **given)))


@runtime.command()
@click.option("--config", metavar="FILE", required=True, help="The configuration: training.json.")
@click.option("--out", metavar="FOLDER", required=True, help="The folder for its files.")
def checkpoint(config: str, out: str) -> None:
    """Copy the newest checkpoint of online learning into a folder.

    The `train` step of a run begins with it. Exits with 0 if it has copied one, 42 if there is none, and 1 if it cannot
    be read.
    """
    from .runtime.learn import fetched

    sys.exit(fetched.fetch(config, out))


@runtime.command()
@click.option("--config", metavar="FILE", required=True, help="The configuration: monitor.json or training.json.")
@click.option("--capture", metavar="URI", help="The captured predictions, instead of those in the configuration.")
@click.option("--labels", metavar="URI", help="The labels, instead of those in the configuration.")
@click.option("--at", metavar="TIME", help="Measure as of this time instead of now.")
@click.option("--out", metavar="FOLDER", required=True, help="The folder to write the measured files to.")
def quality(config: str, out: str, capture: str | None, labels: str | None, at: str | None) -> None:
    """Measure quality in production, with labels that arrive late.

    Exits with 0 when it has measured, and with 1 for unreadable input.
    """
    from .runtime.quality import command

    sys.exit(command.quality(command.Request(config=config, out=out, capture=capture, labels=labels, at=at)))


@runtime.command()
@click.option("--config", metavar="FILE", help="The configuration: monitor.json or training.json.")
@click.option("--measured", metavar="FOLDER", help="The folder with the history of measured files.")
@click.option("--at", metavar="TIME", help="Diagnose as of this time instead of now.")
@click.option("--from", "url", metavar="URL", help="Ask the process that measures, instead of reading its files.")
@click.option("--out", metavar="FILE", help="The file to write the diagnosis to.")
@click.option("--in-job", is_flag=True, help="Stop a run only if the data, a feature, labels, or serving is broken.")
def diagnose(url: str | None, at: str | None, in_job: bool, **given: str | None) -> None:
    """Say why a model got worse, and whether to train.

    Exits with 0 if a training run may start, 42 if it may not, and 1 for unreadable input. With --in-job and --from,
    writes to MLSPEC_OUTPUT.
    """
    from .runtime.diagnose import asked

    request = asked.request(url, at, in_job=in_job, **given)
    if request is None:
        raise click.UsageError("pass --out, and either --from or both --config and --measured")
    sys.exit(request.run())


@runtime.command()
@click.option("--config", metavar="FILE", help="The training configuration.")
@click.option("--output", metavar="FOLDER", help="Where to write validation.json and data.json.")
@click.option("--at", type=float, metavar="SECONDS", help="The time of the run, in Unix time; now if omitted.")
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def validate(config: str | None, output: str | None, at: float | None, in_job: bool) -> None:
    """Check training data against its contract.

    Records the version of each source. Exits with 0 if the data is as the contract says, 42 if it is not, and 1 if
    something cannot be read.
    """
    from .runtime.data import validate as command

    files = command.of_the_job() if in_job else command.by_hand(config, output, at) if config is not None else None
    if files is None:
        needed = "MLSPEC_CONFIG and MLSPEC_OUTPUT, as in a job" if in_job else "--config"
        raise click.UsageError(f"nothing to validate without {needed}")
    sys.exit(command.validate(files, in_job=in_job))


@runtime.command("data-version")
@click.argument("source")
@click.option("--config", metavar="FILE", help="The training configuration; MLSPEC_CONFIG if omitted.")
@click.option("--at", type=float, metavar="SECONDS", help="The time of the run, in Unix time; now if omitted.")
def data_version(source: str, config: str | None, at: float | None) -> None:
    """Print the version of a source at the time of the run.

    Exits with 0, or with 1 if the source cannot be read.
    """
    from .runtime.data import validate as command

    files = command.by_hand(config, None, at) if config is not None else command.of_the_job()
    if files is None:
        raise click.UsageError("nothing to read without --config, or MLSPEC_CONFIG and MLSPEC_OUTPUT, as in a job")
    sys.exit(command.data_version(files, source))


@runtime.command("check-split")
@click.option("--config", metavar="FILE", help="The training configuration.")
@click.option("--split", metavar="FILE", help="The split.json of the train step.")
@click.option("--predictions", metavar="FILE", help="The predictions.parquet of the evaluate step.")
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def check_split(in_job: bool, **given: str | None) -> None:
    """Check that a run used the split of its spec.

    Exits with 0 if what can be checked agrees, 42 if it does not, and 1 for unreadable input.
    """
    from .runtime.data import obeyed as command

    files = command.of_the_job() if in_job else command.by_hand(**given)
    if files is None:
        needed = "MLSPEC_CONFIG and MLSPEC_INPUT, as in a job" if in_job else "--config, --split, and --predictions"
        raise click.UsageError(f"nothing to check without {needed}")
    sys.exit(command.check_split(files, in_job=in_job))


@runtime.command()
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def launch(in_job: bool) -> None:
    """Create the TrainJob of a run, and wait for it.

    The nodes train together. Exits with 0 if all of them finished, with 42 if a retry would fail, too, and with 1
    otherwise.
    """
    from .runtime import launch as command
    from .runtime.cluster import in_pod

    what, server = command.of_the_job() if in_job else None, in_pod()
    if what is None or server is None:
        raise click.UsageError(
            "nothing to launch without --in-job and MLSPEC_CONFIG, MLSPEC_RUN, MLSPEC_POD, and "
            "MLSPEC_POD_UID, as in a pod"
        )
    sys.exit(command.launch(what, server))


@runtime.command()
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def tune(in_job: bool) -> None:
    """Search hyperparameters, and keep the best ones.

    Runs `train` and `evaluate` for each trial. Exits with 0 if there is a result, with 42 if a retry would fail, too,
    and with 1 otherwise.
    """
    from .runtime.cluster import in_pod
    from .runtime.tune import search as command

    files = command.of_the_job() if in_job else None
    if files is None:
        raise click.UsageError("nothing to search without --in-job and MLSPEC_CONFIG, MLSPEC_OUTPUT, and MLSPEC_RUN")
    sys.exit(command.tune(files, in_pod()))


@runtime.command()
def fetch() -> None:
    """Download a model from the Hugging Face Hub.

    Reads MODEL_REPOSITORY, MODEL_PATH, MODEL_COMMIT, MODEL_FILE, MODEL_LIMIT, MODEL_VOLUME, MODEL_KEY, HF_ENDPOINT, and
    HF_TOKEN. Exits with 1 if any file is missing or is not the one of the commit.
    """
    from .runtime import hub as command

    sys.exit(command.fetch())


@runtime.command()
@click.option("--data", "uris", metavar="URI", multiple=True, help="Parquet, CSV, or JSON Lines. Can be repeated.")
@click.option("--config", metavar="FILE", help="The configuration, with `monitoring`.")
@click.option("--columns", metavar="NAME", multiple=True, help="A column to profile. Can be repeated.")
@click.option("--segments", metavar="NAME", multiple=True, help="A column to profile by. Can be repeated.")
@click.option("--bins", type=click.IntRange(2, 1000), help="The number of bins of numeric columns, 10 by default.")
@click.option("--out", metavar="FILE", help="The file to write the profile to.")
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def profile(in_job: bool, out: str | None, config: str | None, uris: tuple[str, ...], **asked: Any) -> None:
    """Make the reference that drift is measured against.

    Exits with 0 when it is written, and 1 for unreadable input. In a job, predictions that violate the training
    contract exit with 42, because a retry would read the same ones.
    """
    from .runtime.measure import commands as command

    if in_job:
        status = command.profile_of_the_job()
    else:
        status = command.profile(uris, out, config, **asked) if uris and out is not None else None
    if status is None:
        needed = "MLSPEC_CONFIG, MLSPEC_INPUT and MLSPEC_OUTPUT, as in a job" if in_job else "--data and --out"
        raise click.UsageError(f"nothing to profile without {needed}")
    sys.exit(status)


@runtime.command()
@click.option("--config", metavar="FILE", required=True, help="The configuration, with `monitoring`.")
@click.option("--reference", metavar="URI", help="The profile, or data to compare with.")
@click.option("--capture", metavar="URI", help="The folder of captured predictions.")
@click.option("--at", metavar="TIME", help="The end of the window, in RFC 3339; by default, of the last complete one.")
@click.option("--out", metavar="FILE", required=True, help="The file to write the measurement to.")
def drift(config: str, out: str, **given: str | None) -> None:
    """Measure how far predictions are from the reference.

    Exits with 0 without drift, 42 with drift, and 1 for unreadable input, or a column that the reference lacks.
    """
    from .runtime.measure import commands as command

    sys.exit(command.drift(config, out, given["reference"], given["capture"], given["at"]))


@runtime.command()
@click.option(
    "--config", metavar="FILE", required=True, help="The configuration, with `monitoring` and `data.columns`."
)
@click.option("--capture", metavar="URI", help="The folder of captured predictions.")
@click.option("--at", metavar="TIME", help="The end of the window, in RFC 3339; by default, of the last complete one.")
@click.option("--out", metavar="FILE", required=True, help="The file to write the measurement to.")
def data(config: str, out: str, **given: str | None) -> None:
    """Measure missing values and violated expectations.

    Exits with 0 without violations, 42 with some, or with more nulls than `nullShare`, and 1 for unreadable input.
    """
    from .runtime.measure import commands as command

    sys.exit(command.data(config, out, given["capture"], given["at"]))
