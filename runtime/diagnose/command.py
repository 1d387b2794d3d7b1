"""`mlspec runtime diagnose`: say why a model got worse, and whether training is the answer.

By hand, it exits with 0 if a training run may start, and with 42 if it may not. As the first step of a scheduled run,
it exits with 42 only if the data, a feature, the labels, or serving is broken: the schedule already asked for a run,
and an engineer looks at a run that fails.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from ...compiler.record import Record
from ..clock import at_of
from ..conditions import Unreadable
from ..lines import say
from ..measure.measured import Measured, read, read_json, write_json
from .diagnosis import BROKEN, Diagnosis, diagnose
from .settings import settings_of
from .view import view_of

__all__ = ["Request", "run"]

DONE, UNREADABLE, NO = 0, 1, 42


class Request(Record):
    """What the command line asks for."""

    config: str
    measured: str
    out: str
    at: str | None = None
    in_job: bool = False

    def run(self) -> int:
        """Diagnose, and return the exit status."""
        return run(self)


def run(request: Request) -> int:
    """Diagnose, print the verdict and what led to it, and return the exit status."""
    try:
        found = _diagnosis(request)
        write_json(Path(request.out), found.document())
    except (Unreadable, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime diagnose: {wrong}")
        return NO if request.in_job and isinstance(wrong, Unreadable) else UNREADABLE
    for line in lines(found):
        say(sys.stdout, line)
    if request.in_job:
        return NO if found.verdict in BROKEN else DONE
    return DONE if found.retrain else NO


def _diagnosis(request: Request) -> Diagnosis:
    settings = settings_of(read_json(Path(request.config)))
    at = at_of(request.at)
    return diagnose(view_of([*_history(Path(request.measured))], at), settings)


def _history(folder: Path) -> Iterator[Measured]:
    """All measurements in a folder. Names that start with a dot are files that are still being written."""
    if not folder.is_dir():
        raise Unreadable(f"{folder} is not a folder of measured files")
    for path in sorted(folder.glob("*.json")):
        if not path.name.startswith("."):
            yield read(path)


def lines(found: Diagnosis) -> Iterator[str]:
    """The diagnosis in words, one line for each thing."""
    yield f"{found.verdict}: {found.cause}" if found.cause else found.verdict
    for one in found.evidence:
        limit = f", limit {one.limit:.4g}" if one.limit is not None else ""
        yield f"- {one.says}" + (f" ({one.series.value:.4g}{limit})" if one.series is not None else "")
    for cause, why in found.ruled_out:
        yield f"not {cause}: {why}"
    yield f"action: {found.action}"
