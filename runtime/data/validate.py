"""`mlspec runtime validate`: check the data of a run against its contract, and record which data that is.

It reads each source once, in bounded memory, and prints one line for each violated expectation. It writes two files:
`validation.json`, with what it found, and `data.json`, with the version of each source that is read as of the run,
which `train` copies to `data` in `model.json`.

It exits with 0 if all that can be checked is as the contract says, and with 42 if not: the data is broken, and a retry
would read the same data. It exits with 1 if the configuration or a store cannot be read, which Kubernetes retries; in a
job, a configuration that cannot be read is final, too.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable
from ..lines import say
from ..measure.measured import read_json, write_json
from .contract import Source, homeless, shown, sources_of, unreadable
from .source import Checked, check
from .version import version_of, versioned

__all__ = ["Files", "by_hand", "data_version", "of_the_job", "run_time", "validate"]

DONE, UNREADABLE, NO = 0, 1, 42
VERSION = 1


class Files(Record):
    """What the command reads and writes."""

    config: Path
    output: Path | None = None
    """The folder for `validation.json` and `data.json`; None writes neither."""
    at: float
    """The time of the run in Unix time."""


def by_hand(config: str, output: str | None, at: float | None) -> Files:
    """The files on the command line."""
    return Files(
        config=Path(config), output=Path(output) if output is not None else None, at=time.time() if at is None else at
    )


def of_the_job() -> Files | None:
    """The files at the paths of the training contract (docs/training-contract.md); None outside a job."""
    config, own = os.environ.get("MLSPEC_CONFIG"), os.environ.get("MLSPEC_OUTPUT")
    if not config or not own:
        return None
    return Files(config=Path(config), output=Path(own), at=run_time(os.environ.get("MLSPEC_RUN", ""), time.time()))


def run_time(name: str, now: float) -> float:
    """The scheduled time of a run, with which its name ends; `now` for a run started by hand. It is in minutes since
    1970, or in seconds if Argo Workflows starts the runs: those have 10 digits until 2286, and minutes 8 until 2160.

    It is the same for every attempt. A number that is not a time of this century, such as the 1 of a run that was
    started by hand, is not one.
    """
    found = re.search(r"-(\d{8,10})$", name)
    at = int(found[1]) * (60.0 if len(found[1]) < 10 else 1.0) if found is not None else 0.0
    return at if 946_684_800 <= at <= now + 86_400 else now


def validate(files: Files, *, in_job: bool = False) -> int:
    """Check the data, print one line for each violation, and return the exit status."""
    try:
        config = read_json(files.config)
        sources = sources_of(config)
        found = [_checked(source, files.at) for source in sources]
        versions, unknown = _versions(sources, files.at)
        notes = [*_unowned(config), *unknown]
        if files.output is not None:
            write_json(files.output / "data.json", {"version": VERSION, "data": versions})
            write_json(files.output / "validation.json", _document(files, found, notes))
    except Unreadable as wrong:
        say(sys.stderr, f"mlspec runtime validate: {_line(wrong)}")
        return NO if in_job else UNREADABLE
    except (OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime validate: {_line(wrong)}")
        return UNREADABLE
    return _told(found, notes)


def data_version(files: Files, name: str) -> int:
    """Print the version of one source at the time of the run, and return the exit status."""
    try:
        sources = {source.name: source for source in sources_of(read_json(files.config))}
        if name not in sources:
            raise Unreadable(f"the configuration has no source {shown(name)}")
        found = version_of(sources[name], files.at)
    except (Unreadable, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime data-version: {_line(wrong)}")
        return UNREADABLE
    say(sys.stdout, found)
    return DONE


def _line(wrong: Exception) -> str:
    """What went wrong on one line; a path in it is shown in full."""
    text = str(wrong).partition("\n")[0]
    return text if text.isprintable() else text.encode("unicode_escape").decode()


class _Unchecked(Record):
    source: str
    why: str

    def document(self) -> dict[str, Any]:
        return {"unchecked": self.why}


def _checked(source: Source, run: float) -> Checked | _Unchecked:
    why = unreadable(source)
    if why is None and not source.columns and source.freshness is None and source.daily is None:
        why = "nothing is expected of it"
    return check(source, run) if why is None else _Unchecked(source=source.name, why=why)


def _versions(sources: list[Source], run: float) -> tuple[dict[str, str], list[str]]:
    """The version of each source that is read as of the run, and a note on those that cannot be read from here."""
    asked = [source for source in sources if source.as_of_run]
    known = {source.name: version_of(source, run) for source in asked if versioned(source)}
    unknown = [source.name for source in asked if source.name not in known]
    return known, [f"{shown(name)}: `train` must record the version that it reads, under `data`" for name in unknown]


def _unowned(config: Any) -> list[str]:
    names = homeless(config)
    listed = ", ".join(shown(name) for name in names)
    return [f"not checked, because `from` does not name their source: {listed}"] if names else []


def _document(files: Files, found: list[Checked | _Unchecked], notes: list[str]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "pass": not _broken(found),
        "run": files.at,
        "sources": {each.source: each.document() for each in found},
        "notes": notes,
    }


def _broken(found: list[Checked | _Unchecked]) -> int:
    return sum(len(each.violations) for each in found if isinstance(each, Checked))


def _told(found: list[Checked | _Unchecked], notes: list[str]) -> int:
    for each in found:
        if isinstance(each, _Unchecked):
            say(sys.stdout, f"{shown(each.source)}: not checked: {each.why}")
            continue
        for violation in each.violations:
            say(sys.stdout, f"{shown(each.source)}: {violation.line}")
        for note in each.notes:
            say(sys.stdout, f"{shown(each.source)}: note: {note}")
        say(sys.stdout, f"{shown(each.source)}: {each.rows:,} rows, {len(each.violations):,} violations")
    for note in notes:
        say(sys.stdout, f"note: {note}")
    broken = _broken(found)
    checked = any(isinstance(each, Checked) for each in found)
    say(sys.stdout, "fail" if broken else "pass" if checked else "pass: no source can be checked from here")
    return NO if broken else DONE
