"""`mlspec runtime`: the commands of jobs and processes in a cluster. They run without the compiler."""

from __future__ import annotations

import sys
from typing import Any

import click

__all__ = ["command"]


@click.group("runtime")
def command() -> None:
    """Run the programs of compiled jobs in a cluster."""


@command.command()
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
    from ..runtime import gate as command

    files = command.of_the_job() if in_job else command.by_hand(**given)
    if files is None:
        needed = "MLSPEC_CONFIG, MLSPEC_INPUT and MLSPEC_OUTPUT, as in a job" if in_job else "--config and --metrics"
        raise click.UsageError(f"nothing to judge without {needed}")
    sys.exit(command.gate(files, in_job=in_job))


@command.command("promote")
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
    from ..runtime.promote import task
    from ..terminal.commands import publish as command

    files = task.of_the_job() if in_job else task.by_hand(**given)
    if files is None:
        needed = "MLSPEC_CONFIG and MLSPEC_INPUT, as in a job" if in_job else "all four files"
        raise click.UsageError(f"nothing to promote without {needed}")
    sys.exit(command.publish(files, in_job=in_job))


@command.command()
@click.option("--config", metavar="FILE", required=True, help="The recorder's configuration.")
@click.option("--host", metavar="ADDRESS", default="", help="The address to listen at. If omitted, all of them.")
def capture(config: str, host: str) -> None:
    """Record a sample of the predictions of a model server.

    Forwards requests to the server, byte by byte. Reads POD_NAME, MLSPEC_MODEL_VERSION, MLSPEC_CAPTURE_HASH_KEY, and
    the variables of the store's credentials. Exits with 0 after SIGTERM, once the last file is uploaded, and with 1 if
    its configuration cannot be read or a port is taken.
    """
    from ..runtime.capture import serve as command

    sys.exit(command.capture(config, host))


@command.command()
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
    from ..runtime.exporter import command

    ports = {"metrics": metrics_port, "requests": requests_port}
    sys.exit(command.exporter(command.Request(config=config, state=state, host=host, api=api, **ports)))


@command.command()
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
    from ..runtime.learn import command as learner

    sys.exit(learner.learn(learner.Request(command=command, **given)))


@command.command()
@click.option("--config", metavar="FILE", required=True, help="The configuration: training.json.")
@click.option("--out", metavar="FOLDER", required=True, help="The folder for its files.")
def checkpoint(config: str, out: str) -> None:
    """Copy the newest checkpoint of online learning into a folder.

    The `train` step of a run begins with it. Exits with 0 if it has copied one, 42 if there is none, and 1 if it cannot
    be read.
    """
    from ..runtime.learn import fetched

    sys.exit(fetched.fetch(config, out))


@command.command()
@click.option("--config", metavar="FILE", required=True, help="The configuration: monitor.json or training.json.")
@click.option("--capture", metavar="URI", help="The captured predictions, instead of those in the configuration.")
@click.option("--labels", metavar="URI", help="The labels, instead of those in the configuration.")
@click.option("--at", metavar="TIME", help="Measure as of this time instead of now.")
@click.option("--out", metavar="FOLDER", required=True, help="The folder to write the measured files to.")
def quality(config: str, out: str, capture: str | None, labels: str | None, at: str | None) -> None:
    """Measure quality in production, with labels that arrive late.

    Exits with 0 when it has measured, and with 1 for unreadable input.
    """
    from ..runtime.quality import command

    sys.exit(command.quality(command.Request(config=config, out=out, capture=capture, labels=labels, at=at)))


@command.command()
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
    from ..runtime.diagnose import asked

    request = asked.request(url, at, in_job=in_job, **given)
    if request is None:
        raise click.UsageError("pass --out, and either --from or both --config and --measured")
    sys.exit(request.run())


@command.command()
@click.option("--config", metavar="FILE", help="The training configuration.")
@click.option("--output", metavar="FOLDER", help="Where to write validation.json and data.json.")
@click.option("--at", type=float, metavar="SECONDS", help="The time of the run, in Unix time; now if omitted.")
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def validate(config: str | None, output: str | None, at: float | None, in_job: bool) -> None:
    """Check training data against its contract.

    Records the version of each source. Exits with 0 if the data is as the contract says, 42 if it is not, and 1 if
    something cannot be read.
    """
    from ..runtime.data import validate as command

    files = command.of_the_job() if in_job else command.by_hand(config, output, at) if config is not None else None
    if files is None:
        needed = "MLSPEC_CONFIG and MLSPEC_OUTPUT, as in a job" if in_job else "--config"
        raise click.UsageError(f"nothing to validate without {needed}")
    sys.exit(command.validate(files, in_job=in_job))


@command.command("data-version")
@click.argument("source")
@click.option("--config", metavar="FILE", help="The training configuration; MLSPEC_CONFIG if omitted.")
@click.option("--at", type=float, metavar="SECONDS", help="The time of the run, in Unix time; now if omitted.")
def data_version(source: str, config: str | None, at: float | None) -> None:
    """Print the version of a source at the time of the run.

    Exits with 0, or with 1 if the source cannot be read.
    """
    from ..runtime.data import validate as command

    files = command.by_hand(config, None, at) if config is not None else command.of_the_job()
    if files is None:
        raise click.UsageError("nothing to read without --config, or MLSPEC_CONFIG and MLSPEC_OUTPUT, as in a job")
    sys.exit(command.data_version(files, source))


@command.command("check-split")
@click.option("--config", metavar="FILE", help="The training configuration.")
@click.option("--split", metavar="FILE", help="The split.json of the train step.")
@click.option("--predictions", metavar="FILE", help="The predictions.parquet of the evaluate step.")
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def check_split(in_job: bool, **given: str | None) -> None:
    """Check that a run used the split of its spec.

    Exits with 0 if what can be checked agrees, 42 if it does not, and 1 for unreadable input.
    """
    from ..runtime.data import obeyed as command

    files = command.of_the_job() if in_job else command.by_hand(**given)
    if files is None:
        needed = "MLSPEC_CONFIG and MLSPEC_INPUT, as in a job" if in_job else "--config, --split, and --predictions"
        raise click.UsageError(f"nothing to check without {needed}")
    sys.exit(command.check_split(files, in_job=in_job))


@command.command()
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def launch(in_job: bool) -> None:
    """Create the TrainJob of a run, and wait for it.

    The nodes train together. Exits with 0 if all of them finished, with 42 if a retry would fail, too, and with 1
    otherwise.
    """
    from ..runtime import launch as command
    from ..runtime.cluster import in_pod

    what, server = command.of_the_job() if in_job else None, in_pod()
    if what is None or server is None:
        raise click.UsageError(
            "nothing to launch without --in-job and MLSPEC_CONFIG, MLSPEC_RUN, MLSPEC_POD, and "
            "MLSPEC_POD_UID, as in a pod"
        )
    sys.exit(command.launch(what, server))


@command.command()
@click.option("--in-job", is_flag=True, help="Find all files where the training contract puts them.")
def tune(in_job: bool) -> None:
    """Search hyperparameters, and keep the best ones.

    Runs `train` and `evaluate` for each trial. Exits with 0 if there is a result, with 42 if a retry would fail, too,
    and with 1 otherwise.
    """
    from ..runtime.cluster import in_pod
    from ..runtime.tune import search as command

    files = command.of_the_job() if in_job else None
    if files is None:
        raise click.UsageError("nothing to search without --in-job and MLSPEC_CONFIG, MLSPEC_OUTPUT, and MLSPEC_RUN")
    sys.exit(command.tune(files, in_pod()))


@command.command()
def fetch() -> None:
    """Download a model from the Hugging Face Hub.

    Reads MODEL_REPOSITORY, MODEL_PATH, MODEL_COMMIT, MODEL_FILE, MODEL_LIMIT, MODEL_VOLUME, MODEL_KEY, HF_ENDPOINT, and
    HF_TOKEN. Exits with 1 if any file is missing or is not the one of the commit.
    """
    from ..runtime import hub as command

    sys.exit(command.fetch())


@command.command()
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
    from ..runtime.measure import commands as command

    if in_job:
        status = command.profile_of_the_job()
    else:
        status = command.profile(uris, out, config, **asked) if uris and out is not None else None
    if status is None:
        needed = "MLSPEC_CONFIG, MLSPEC_INPUT and MLSPEC_OUTPUT, as in a job" if in_job else "--data and --out"
        raise click.UsageError(f"nothing to profile without {needed}")
    sys.exit(status)


@command.command()
@click.option("--config", metavar="FILE", required=True, help="The configuration, with `monitoring`.")
@click.option("--reference", metavar="URI", help="The profile, or data to compare with.")
@click.option("--capture", metavar="URI", help="The folder of captured predictions.")
@click.option("--at", metavar="TIME", help="The end of the window, in RFC 3339; by default, of the last complete one.")
@click.option("--out", metavar="FILE", required=True, help="The file to write the measurement to.")
def drift(config: str, out: str, **given: str | None) -> None:
    """Measure how far predictions are from the reference.

    Exits with 0 without drift, 42 with drift, and 1 for unreadable input, or a column that the reference lacks.
    """
    from ..runtime.measure import commands as command

    sys.exit(command.drift(config, out, given["reference"], given["capture"], given["at"]))


@command.command()
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
    from ..runtime.measure import commands as command

    sys.exit(command.data(config, out, given["capture"], given["at"]))
