"""`mlspec runtime quality`: measure the quality of a model in production, and write the measured files.

It writes one file for each of the monitors `quality`, `labels`, and `capture`, so that the exporter and the diagnosis
read them. It exits with 0 when it has measured, whatever the values are, and with 1 for input that it cannot read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ...compiler.record import Record
from ..clock import at_of
from ..conditions import Unreadable
from ..lines import say
from ..measure.measured import history_name, read_json, write

__all__ = ["Request", "quality"]

DONE, UNREADABLE = 0, 1


class Request(Record):
    """What the command line asks for."""

    config: str
    out: str
    capture: str | None = None
    labels: str | None = None
    at: str | None = None


def quality(request: Request) -> int:
    """Measure, print one line for each result, and return the exit status."""
    try:
        _measure(request)
    except (Unreadable, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime quality: {wrong}")
        return UNREADABLE
    return DONE


def _measure(request: Request) -> None:
    # numpy and pyarrow take long to load, and a usage error does not need them
    from .config import asked_of
    from .fresh import new_labels
    from .measure import measure

    config = read_json(Path(request.config))
    at = at_of(request.at)
    found = measure(asked_of(config, capture=request.capture, labels=request.labels), at)
    labels = found.labels.but(
        series=(*found.labels.series, *new_labels(config, at, capture=request.capture, labels=request.labels))
    )
    out = Path(request.out)
    out.mkdir(parents=True, exist_ok=True)
    for one in (found.quality, labels, found.capture):
        write(out / history_name(one), one)
    for line in found.lines:
        say(sys.stdout, line)
