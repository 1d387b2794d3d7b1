"""The commands that measure: `mlspec runtime profile`, `drift`, and `data`.

They print one line per column, write one file atomically, and exit with 0 if nothing is above its limit, 42 if
something is, and 1 for input that cannot be read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..conditions import Unreadable
from ..lines import say
from .data import data_of
from .drift import drift_of
from .measured import read_json, write, write_json
from .profile import Category, Numeric, Profile
from .profiling import Asked, profiled
from .settings import moment, settings_of
from .tables import batches

__all__ = ["data", "drift", "profile", "profile_of_the_job"]

DONE, UNREADABLE, NO = 0, 1, 42


def profile(
    uris: Sequence[str],
    out: str,
    config: str | None = None,
    columns: Sequence[str] = (),
    segments: Sequence[str] = (),
    bins: int | None = None,
    *,
    in_job: bool = False,
) -> int:
    """Write the profile of data, and return the exit status. In a job, data that breaks the contract ends the run."""

    def work() -> int:
        asked = _asked(config, tuple(columns), tuple(segments), bins)
        needed = (*asked.columns, *asked.segments) if asked.columns else None
        made = profiled(lambda: batches(uris, needed, unwrapped=asked.unwrapped), asked)
        write_json(Path(out), made.document())
        for line in _described(made):
            say(sys.stdout, line)
        return DONE

    return _status("profile", work, NO if in_job else UNREADABLE)


def profile_of_the_job() -> int | None:
    """The profile of the predictions of `evaluate`, at the paths of the training contract; None outside a job."""
    config, given, own = (os.environ.get(f"MLSPEC_{name}") for name in ("CONFIG", "INPUT", "OUTPUT"))
    if not config or not given or not own:
        return None
    predictions = str(Path(given) / "evaluate" / "predictions.parquet")
    return profile([predictions], str(Path(own) / "profile.json"), config, in_job=True)


def drift(config: str, out: str, reference: str | None, capture: str | None, at: str | None) -> int:
    """Measure the drift of a window, and return the exit status."""

    def work() -> int:
        found = drift_of(read_json(Path(config)), _at(at), reference, capture)
        write(Path(out), found.measured)
        for line in found.lines:
            say(sys.stdout, line)
        if found.drifted:
            return NO
        return UNREADABLE if found.incomparable else DONE

    return _status("drift", work)


def data(config: str, out: str, capture: str | None, at: str | None) -> int:
    """Check the expectations on a window, and return the exit status."""

    def work() -> int:
        found = data_of(read_json(Path(config)), _at(at), capture)
        write(Path(out), found.measured)
        for line in found.lines:
            say(sys.stdout, line)
        return NO if found.violated else DONE

    return _status("data", work)


def _status(name: str, work: Callable[[], int], unreadable: int = UNREADABLE) -> int:
    try:
        return work()
    except (Unreadable, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime {name}: {wrong}")
        return unreadable if isinstance(wrong, Unreadable) else UNREADABLE


def _at(given: str | None) -> float | None:
    if given is None:
        return None
    try:
        return moment(given)
    except ValueError as wrong:
        raise Unreadable(f"--at is not a time in RFC 3339: {wrong}") from None


def _asked(config: str | None, columns: tuple[str, ...], segments: tuple[str, ...], bins: int | None) -> Asked:
    """What the command line asks for, and the configuration where it does not say."""
    document: Any = read_json(Path(config)) if config is not None else {}
    settings = settings_of(document)
    watched = tuple(dict.fromkeys(each.column for each in settings.watched))
    return Asked(
        columns=columns or watched,
        segments=segments or settings.segments,
        bins=bins if bins is not None else settings.bins,
        leave=settings.leave if config is not None else frozenset(),
        unwrapped=settings.unwrapped,
    )


def _described(made: Profile) -> list[str]:
    """One line for each column, and for each segment."""
    lines = []
    for name, column in made.columns.items():
        if isinstance(column, Numeric):
            mean = f", mean {column.mean:.6g}" if column.mean is not None else ""
            said = f"{column.type}, {len(column.counts):,} bins{mean}, {column.nulls + column.nans:,} missing"
        elif isinstance(column, Category):
            said = f"{column.type}, {len(column.counts):,} categories, {column.nulls:,} missing"
        else:
            said = f"not profiled: {column.why}"
        lines.append(f"{name}: {said}")
    lines += [f"by {name}: {len(values):,} values" for name, values in made.segments.items()]
    return [*lines, f"{made.rows:,} rows"]
