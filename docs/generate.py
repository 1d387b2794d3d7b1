"""`python -m docs.generate [--check]`: generate the reference from its sources, or fail if it is stale.

The language comes from the models, the commands from click, the diagnostics from the rules and their table, the limits
from their table, and the catalog from its files. The prose of each page is in `docs/templates`; this module only
provides the data.
"""

from __future__ import annotations

import sys
from decimal import Context, Decimal
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mlspec.cli import cli
from mlspec.compiler import exported
from mlspec.compiler.answer.score import EVIDENCE
from mlspec.compiler.check.rules.explanation import Explanation, explained
from mlspec.compiler.check.rules.language import IDS
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.limits import LIMITS
from mlspec.compiler.plan.alerting.failures import SIGNALS
from mlspec.schema.units import Duration
from mlspec.terminal import render

from .language import language

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "reference"
CATALOG = ROOT / "compiler" / "catalog"

SIX_DIGITS = Context(prec=6)
"""The precision of printed bucket bounds."""

SUBJECTS = {
    "MLS00": "The language",
    "MLS01": "The language",
    "MLS02": "Committed output",
    "MLS03": "Objects and their names",
    "MLS04": "The size of objects",
    "MLS1": "Data and features",
    "MLS2": "Evaluation",
    "MLS3": "Reproducibility",
    "MLS4": "Resources",
    "MLS5": "Objectives and alerts",
    "MLS6": "Rollout",
    "MLS70": "Drift and retraining",
    "MLS71": "Drift and retraining",
    "MLS72": "Receivers of alerts",
    "MLS73": "Monitoring of models",
    "MLS75": "Captured predictions",
    "MLS77": "Quality in production",
    "MLS79": "Measurements in production",
    "MLS8": "Language models",
    "MLS9": "Security",
}
"""The subject of an ID, by prefix."""


def generated() -> dict[Path, str]:
    """Every page and its content."""
    return {
        PAGES / "language.md": page("language", **language()),
        PAGES / "commands.md": page("commands", formats=formats(), **commands()),
        PAGES / "diagnostics.md": page("diagnostics", subjects=diagnostics()),
        PAGES / "catalog.md": page("catalog", **catalog()),
        PAGES / "limits.md": page("limits", limits=LIMITS),
        PAGES / "metrics.md": page("metrics", **metrics()),
        PAGES / "diagnoses.md": page("diagnoses", **diagnoses()),
    }


CONNECTIONS = {
    "mlspec cluster apply": "the API server of the kubeconfig, or of the pod",
    "mlspec cluster diff": "the same",
    "mlspec cluster status": "the same",
    "mlspec promote": "the MLflow server of `--mlflow`, if the artifact is `models:/...`",
    "mlspec report status": "the Prometheus server of `--prometheus`",
    "mlspec runtime promote": "the Git host and its API: pushes a commit, and opens a pull request",
    "mlspec runtime capture": "the model server in its pod, and the store of captured predictions, to which it uploads",
    "mlspec runtime exporter": "the stores of predictions and labels, and the API server, to start training runs",
    "mlspec runtime learn": "the stores of predictions, labels, and checkpoints, and the process that measures",
    "mlspec runtime checkpoint": "the store of checkpoints",
    "mlspec runtime quality": "the stores of predictions and labels",
    "mlspec runtime diagnose": "the process that measures, with `--from`",
    "mlspec runtime validate": "the stores of the sources",
    "mlspec runtime data-version": "the store of the source",
    "mlspec runtime launch": "the API server",
    "mlspec runtime tune": "the API server, and whatever your training code uses",
    "mlspec runtime fetch": "the Hugging Face Hub: downloads a model",
    "mlspec runtime profile": "the store of the data",
    "mlspec runtime drift": "the stores of predictions and of the reference",
    "mlspec runtime data": "the store of predictions",
}
"""What each command connects to; all others connect to nothing. A store is S3 or Google Cloud Storage, if not files."""


def page(name: str, **data: Any) -> str:
    """One page. An undefined name in its template is an error, not an empty string."""
    return _templates().get_template(f"{name}.md.j2").render(**data)


@cache
def _templates() -> Environment:
    made = Environment(  # Markdown for the repository, never HTML from user input
        loader=FileSystemLoader(ROOT / "docs" / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["cell"] = lambda text: str(text).replace("|", "\\|")
    made.filters["code"] = lambda items: ", ".join(f"`{item}`" for item in items)
    return made


# Commands


class Command(NamedTuple):
    """One command, as click describes it."""

    name: str
    usage: str
    help: str
    options: tuple[tuple[str, str], ...]
    """Its own options, each with its help text."""
    shared: tuple[str, ...]
    """The names of the options that it shares with most commands."""


SHARED = 4
"""An option that this many commands share is described once."""


def commands() -> dict[str, Any]:
    """Every command, and the options that many of them share."""
    found = [(name, command, click.Context(command, info_name=name)) for name, command in _walk(cli, "mlspec")]
    records = {name: dict(_options(command, context)) for name, command, context in found}
    everywhere = [record for options in records.values() for record in options.items()]
    shared = {record: None for record in everywhere if everywhere.count(record) >= SHARED}
    told = [
        Command(
            name=name,
            usage=" ".join((name, *command.collect_usage_pieces(context))),
            help=_paragraphs(command.help or ""),
            options=tuple(record for record in records[name].items() if record not in shared),
            shared=tuple(_long(record[0]) for record in records[name].items() if record in shared),
        )
        for name, command, context in found
    ]
    return {"commands": told, "shared": shared, "connections": CONNECTIONS}


def _walk(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
    """The commands of a group, in source order; the group itself does nothing."""
    if not isinstance(command, click.Group):
        return [(name, command)]
    return [found for word, one in command.commands.items() for found in _walk(one, f"{name} {word}")]


def _options(command: click.Command, context: click.Context) -> list[tuple[str, str]]:
    records = (option.get_help_record(context) for option in command.params if isinstance(option, click.Option))
    return [(record[0], " ".join(record[1].split())) for record in records if record is not None]


def _long(spelling: str) -> str:
    """`--out` from `-o, --out DIR`."""
    return next(word for word in spelling.replace(",", " ").split() if word.startswith("--"))


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def formats() -> list[tuple[str, str, str]]:
    """Every format of findings: its name, what it is for, and where it goes."""
    streams = {True: "standard output, as one document", False: "standard error, as it finds them"}
    modules = [(form, import_module(f"{render.__name__}.{form.name}")) for form in render.FORMATS]
    return [(form.name, (module.__doc__ or "").split("\n\n")[0], streams[form.document]) for form, module in modules]


# Diagnostics


def diagnostics() -> dict[str, list[tuple[str, Explanation]]]:
    """Every ID with its explanation, by subject."""
    told = sorted({**IDS, **{rule.id: explained(rule.doc, rule.severity) for rule in RULES}}.items())
    return {subject: list(group) for subject, group in groupby(told, lambda item: _subject(item[0]))}


def _subject(id_: str) -> str:
    (subject,) = (subject for beginning, subject in SUBJECTS.items() if id_.startswith(beginning))
    return subject


# The catalog


def catalog() -> dict[str, Any]:
    """Everything that is built in. All scalars are strings, verbatim from the source."""
    runtimes = {path.stem: _load(path) for path in sorted((CATALOG / "runtimes").glob("*.yaml"))}
    return {
        "runtimes": {name: {**entry, "histograms": _histograms(entry)} for name, entry in runtimes.items()},
        "accelerators": {**_load(CATALOG / "accelerators.yaml"), **_load(CATALOG / "slices.yaml")},
        "algorithms": _load(CATALOG / "algorithms.yaml"),
        "approaches": _load(CATALOG / "approaches.yaml"),
        "clouds": _load(CATALOG / "clouds.yaml"),
        "families": _load(CATALOG / "families.yaml"),
        "metrics": _load(CATALOG / "metrics.yaml"),
        "providers": {
            folder.name: {path.stem: _load(path) for path in sorted(folder.glob("*.yaml"))}
            for folder in sorted((CATALOG / "providers").iterdir())
            if folder.is_dir() and folder.name != "__pycache__"
        },
        "rubric": _load(CATALOG / "rubric.yaml"),
        "proven": frozenset(EVIDENCE),
        "zones": len((CATALOG / "time-zones.txt").read_text().splitlines()),
    }


def metrics() -> dict[str, Any]:
    """The metrics that jobs export, by the job."""
    groups = groupby(exported.CONTRACT, lambda each: each.monitor)
    return {
        "version": exported.VERSION,
        "every": exported.EVERY,
        "groups": [(monitor, list(each)) for monitor, each in groups],
        "conditions": [each for each in exported.CONTRACT if each.metric],
    }


def diagnoses() -> dict[str, Any]:
    """The causes of worse predictions, and the alerts that list them."""
    causes = _load(CATALOG / "diagnoses.yaml")
    signals = {signal: [name for name, cause in causes.items() if signal in cause["signals"]] for signal in SIGNALS}
    return {"causes": causes, "signals": signals, "kinds": SIGNALS}


def _load(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # only creates strings, lists, and mappings


def _histograms(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The histograms that a runtime exports: what they measure, and their bounds as spec durations."""
    names = {"latency": "response time", "firstToken": "time to first token", "interToken": "inter-token latency"}
    found = []
    for key, what in names.items():
        series = entry["metrics"].get(key, {})
        second = Duration.UNITS[series.get("unit", "s")]
        exact = (Decimal(bound) * second for bound in series.get("buckets", ()))
        bounds = [str(Duration(bound.normalize(SIX_DIGITS))) for bound in exact]
        found += [{**series, "what": what, "bounds": bounds}] if series else []
    return found


def main(arguments: list[str]) -> int:
    """Write the pages; with `--check`, list the stale ones and write nothing."""
    pages = generated()
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale: run `make generate`\n")
        else:
            path.write_text(pages[path])
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
