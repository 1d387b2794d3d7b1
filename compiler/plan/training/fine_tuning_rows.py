"""The rows that a language model is fine-tuned on: which files, which columns, and which of their tokens it learns.

Traps that this module handles: TRL reads all rows of its files, so it would learn the test rows of a split; it reads
files as they are now, so a pinned version would be ignored; and it looks for the columns of a format by their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...because import Because, because, decision, first
from ...finding import Refusal, refusal
from ...row import Row
from ...system import DataSource, PinnedVersion, TrainingFineTuning
from ..choose import or_else
from .contract import readable

if TYPE_CHECKING:
    from . import TrainingPlan

__all__ = ["LOADERS", "Rows", "rows_of"]

COLUMNS = {
    "messages": ("messages",),
    "prompt-completion": ("prompt", "completion"),
    "preferences": ("prompt", "chosen", "rejected"),
}
"""TRL 1.9, docs/source/dataset_formats.md."""

LOADERS = {"parquet": "parquet", "csv": "csv", "jsonl": "json", "json": "json"}
"""The builders of `datasets`, by the ending of a file."""


class Rows(Row):
    """The training rows."""

    loader: Because[str]
    files: Because[str]
    """A pattern: below the output of `validate` if `validated`, otherwise an address."""
    validated: bool
    format: Because[str]
    columns: tuple[Because[str], ...]
    loss: Because[str] | None
    """None if the objective leaves no choice."""


def rows_of(training: TrainingPlan, part: TrainingFineTuning, objective: Because[str]) -> Rows:
    """The rows. Refuses what TRL would not read as the spec says."""
    form: Because[str] = or_else(part.format, lambda: _format(objective))
    if (form.value == "preferences") != (objective.value == "dpo"):
        raise _mismatch(form, objective)
    text = part.text_column.given
    if text is not None and form.value != "text":
        raise _unread("textColumn", text, form)
    loader, files, validated = _files(training, part)
    return Rows(loader, files, validated, form, _columns(training, part, form), _loss(part, form))


@decision
def _format(objective: Because[str]) -> tuple[str, str]:
    if objective.value == "dpo":
        return "preferences", "`dpo` learns from pairs of answers"
    return "messages", "most models are fine-tuned on conversations"


def _loss(part: TrainingFineTuning, form: Because[str]) -> Because[str] | None:
    given: Because[str] | None = part.loss.given
    if form.value == "preferences":
        if given is not None:
            raise _unread("loss", given, form)
        return None
    if form.value == "text" and given is not None and given.value == "answers":
        raise _unread("loss: answers", given, form)
    return given if given is not None else _default_loss(form)


@decision
def _default_loss(form: Because[str]) -> tuple[str, str]:
    if form.value == "prompt-completion":
        return "answers", "the prompts are not what the model should write"
    return "everything", f"the rows have the format `{form.value}`"


def _columns(training: TrainingPlan, part: TrainingFineTuning, form: Because[str]) -> tuple[Because[str], ...]:
    given, names = part.text_column.given, COLUMNS.get(form.value, ("text",))
    of_the_format = tuple(because(name, f"a column of `{form.value}`", form) for name in names)
    own = of_the_format if given is None else (given,)
    declared = {column.name.value for column in training.scope.system.data.columns}
    if part.files is None and declared:
        missing = next((name for name in own if name.value not in declared), None)
        if missing is not None:
            raise refusal(
                "MLS012",
                f"the rows have no column `{missing.value}`, which the format `{form.value}` needs",
                first(part.text_column.given, part.format.given, form),
                part,
                others=((training.scope.system.data.columns[0].name, "the columns of the data"),),
                note="TRL finds columns by their names, and would fail after it has loaded the model",
                help="choose the `format` of the rows, or write such rows in `validate`, and name them with `files`",
            )
    tools = because("tools", "the tools that conversations may call", form)
    return (*own, tools) if "tools" in declared and form.value in ("messages", "prompt-completion") else own


# Files


def _files(training: TrainingPlan, part: TrainingFineTuning) -> tuple[Because[str], Because[str], bool]:
    given = part.files
    if given is None:
        source = _source(training, part)
        assert source.uri is not None, "a readable source has an address"
        assert source.format is not None, "a readable source has a format"
        ending = source.format.value
        loader = because(LOADERS[ending], "the loader for the format of the source", source.format)
        return (
            loader,
            because(_pattern(source.uri.value, ending), "all files of the source", source.uri, source.format),
            False,
        )
    if part.source is not None:
        raise _unread("source", part.source, given)
    if training.part.steps.validate_ is None:
        raise refusal(
            "MLS009",
            "no step writes the files that are trained on",
            given,
            others=((training.part.steps.train.command, "the model is trained here"),),
            note="`files` are in the output of your `validate` step, and the spec has none",
            help="add `validate: {command: [...]}` under `training.steps`, or remove `files`",
        )
    kind = given.value.rpartition(".")[2]
    elsewhere = given.value.startswith("/") or "://" in given.value or ".." in given.value.split("/")
    if kind not in LOADERS or elsewhere:
        raise refusal(
            "MLS012",
            f"`{given.value}` does not name files with rows",
            given,
            note="a path in the output of `validate` ends in `.parquet`, `.csv`, `.json`, or `.jsonl`, from which TRL "
            "reads how to load them",
            help="write a path such as `train/*.parquet`",
        )
    return because(LOADERS[kind], "the loader for this ending", given), given, True


def _pattern(uri: str, ending: str) -> str:
    """The files of an address, which is a file or a folder."""
    return uri if uri.rpartition(".")[2] in LOADERS else f"{uri.rstrip('/')}/**/*.{ending}"


def _source(training: TrainingPlan, part: TrainingFineTuning) -> DataSource:
    data = training.scope.system.data
    named = [one for one in data.sources if part.source is None or one.name.value == part.source.value]
    if len(named) != 1:
        raise refusal(
            "MLS009",
            "it is ambiguous which rows are trained on" if named else "there are no rows to train on",
            part,
            others=tuple((one.name, "one of the sources") for one in named),
            note="each source has other rows",
            help="add `source` under `fineTuning`" if named else "describe the source under `data.sources`",
        )
    (source,) = named
    if not readable(source):
        raise refusal(
            "MLS012",
            f"TRL cannot read the source `{source.name.value}`",
            first(source.format, source.uri, source.name),
            others=((part, "fine-tuned here"),),
            note="it reads Parquet, CSV, and JSON Lines, in files or in an object store",
            help="write the rows as files in your `validate` step, and name them with `files`",
        )
    for found, what in _ignored(training, source):
        raise refusal(
            "MLS012",
            f"fine-tuning would ignore {what}",
            found,
            others=((part, "it reads all rows of the source as they are"),),
            note="it would learn other rows than the spec says, the test rows among them",
            help="write the training rows as files in your `validate` step, and name them with `files`",
        )
    return source


def _ignored(training: TrainingPlan, source: DataSource) -> list[tuple[object, str]]:
    data, version = training.scope.system.data, source.version
    found: list[tuple[object, str]] = []
    if data.split is not None:
        found.append((data.split, "the split of the data"))
    if data.preprocessing:
        found.append((data.preprocessing[0], "the preprocessing of the data"))
    if isinstance(version, PinnedVersion):
        found.append((version.id, f"the version of `{source.name.value}`"))
    elif version is not None and version.lag.value.amount > 0:
        found.append((version.lag, f"the lag of `{source.name.value}`"))
    return found


def _mismatch(form: Because[str], objective: Because[str]) -> Refusal:
    wanted = "preferences" if objective.value == "dpo" else "messages"
    return refusal(
        "MLS012",
        f"`{objective.value}` cannot learn from rows with the format `{form.value}`",
        form,
        objective,
        others=((objective, "the objective"),),
        note="preferences have two answers to each prompt, and other rows have one",
        help=f"write `format: {wanted}`, or change the `objective`",
    )


def _unread(name: str, at: Because[str], form: Because[str]) -> Refusal:
    return refusal(
        "MLS012",
        f"`{name}` has no effect with `{form.value}`",
        at,
        others=((form, "this decides it"),),
        note="TRL would ignore it, or fail at its start",
        help="remove it",
    )
