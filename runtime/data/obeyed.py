"""`mlspec runtime check-split`: whether the split that a run used is the one in the spec.

It reads `split.json`, which `split.write` wrote in the `train` step, and `predictions.parquet` of the `evaluate` step,
which holds the test rows. It checks what these files can show:

- the strategy, the shares, the gap, and the seed are those of the configuration
- by time: the ranges of the parts are in order, with the gap between them, and each test row is in the range of the
  test part, if the predictions have the split's column
- grouped, and random with a key: each test row is one that the split assigns to the test part, if the predictions have
  the columns
- there are no more test rows than the split has

It cannot show that `train` used the masks. The rows of a stratified split depend on their order, so only its
configuration and its number of rows are checked. A check that is impossible is printed as a note.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...compiler.record import Record
from ..conditions import Unreadable
from ..lines import duration, say
from ..measure.measured import read_json
from .contract import shown
from .split import split, times_of

__all__ = ["Files", "by_hand", "check_split", "faults", "of_the_job"]

DONE, UNREADABLE, NO = 0, 1, 42
_SLACK = 1e-6
"""Times are doubles, whose last digits are below a microsecond."""


class Files(Record):
    """What the command reads."""

    config: Path
    split: Path
    predictions: Path


def of_the_job() -> Files | None:
    """The files at the paths of the training contract (docs/training-contract.md); None outside a job."""
    config, given = os.environ.get("MLSPEC_CONFIG"), os.environ.get("MLSPEC_INPUT")
    if not config or not given:
        return None
    return Files(
        config=Path(config),
        split=Path(given, "train", "split.json"),
        predictions=Path(given, "evaluate", "predictions.parquet"),
    )


def by_hand(**given: str | None) -> Files | None:
    """The files on the command line; None if one is missing."""
    paths = {name: Path(path) for name, path in given.items() if path is not None}
    return Files(**paths) if len(paths) == len(given) else None


def check_split(files: Files, *, in_job: bool = False) -> int:
    """Check the split, print one line for each fault and note, and return the exit status."""
    try:
        config, recorded = read_json(files.config), read_json(files.split)
        given = _given(config)
        wanted = {str(given.get("column")), *_key(recorded)}
        with pq.ParquetFile(files.predictions) as opened:
            names = [name for name in opened.schema_arrow.names if name in wanted]
            rows, tests = opened.metadata.num_rows, opened.read(columns=names)
        found = list(faults(config, recorded, tests, rows))
    except (Unreadable, pa.ArrowInvalid, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime check-split: {str(wrong).partition(chr(10))[0]}")
        return NO if in_job and isinstance(wrong, (Unreadable, pa.ArrowInvalid)) else UNREADABLE
    for line in (*found, *(f"note: {note}" for note in _notes(given, recorded, tests))):
        say(sys.stdout, line)
    say(sys.stdout, "fail" if found else "pass")
    return NO if found else DONE


def faults(config: Any, recorded: Any, tests: pa.Table, rows: int) -> Iterator[str]:
    """What shows that the run did not use the split of its configuration."""
    given = _given(config)
    if not isinstance(recorded, dict) or recorded.get("version") != 1:
        raise Unreadable("split.json needs `version: 1`")
    used = recorded.get("split")
    for key in sorted({*given, *(used if isinstance(used, dict) else {})}):
        found = used.get(key) if isinstance(used, dict) else None
        if found != given.get(key):
            yield f"{key}: the run used {shown(found)}, and the configuration has {shown(given.get(key))}"
    if recorded.get("seed") != config.get("seed"):
        yield f"seed: the run used {shown(recorded.get('seed'))}, and the configuration has {shown(config.get('seed'))}"
    counts = recorded.get("rows")
    most = counts.get("test") if isinstance(counts, dict) else None
    if isinstance(most, int) and rows > most:
        yield f"test: the predictions have {rows:,} rows, and the split has {most:,} test rows"
    if given["strategy"] == "temporal":
        yield from _ordered(given, recorded.get("ranges"), tests)
    elif _assigned(given, recorded, tests):
        parts = split({**config, "data": {**config["data"], "columns": []}}, tests, list(_key(recorded)) or None)
        others = int((~parts.test).sum())
        if others:
            yield f"test: {others:,} of {rows:,} test rows are in another part of the split"


def _given(config: Any) -> dict[str, Any]:
    data = config.get("data") if isinstance(config, dict) else None
    given = data.get("split") if isinstance(data, dict) else None
    if not isinstance(given, dict) or not isinstance(given.get("strategy"), str):
        raise Unreadable("the configuration has no `data.split`")
    return given


def _key(recorded: Any) -> tuple[str, ...]:
    key = recorded.get("key") if isinstance(recorded, dict) else None
    return tuple(name for name in key if isinstance(name, str)) if isinstance(key, list) else ()


def _assigned(given: dict[str, Any], recorded: Any, tests: pa.Table) -> bool:
    """Whether the part of each test row follows from the columns of the predictions."""
    if given["strategy"] == "grouped":
        return given.get("column") in tests.column_names
    key = _key(recorded)
    return given["strategy"] == "random" and bool(key) and set(key) <= set(tests.column_names)


def _ordered(given: dict[str, Any], ranges: Any, tests: pa.Table) -> Iterator[str]:
    """The parts of a split by time: in order, with the gap between them, and around the test rows."""
    if not isinstance(ranges, dict) or not all(_is_range(ends) for ends in ranges.values()):
        raise Unreadable("split.json needs `ranges`, the first and the last time of each part")
    gap = float(given.get("gap") or 0)
    known = [(name, ranges[name]) for name in ("train", "validation", "test") if name in ranges]
    for (earlier, before), (later, after) in pairwise(known):
        between = after[0] - before[1]
        if between <= 0:
            yield f"{later}: it begins before {earlier} ends"
        elif between < gap - _SLACK:
            yield f"gap: {later} begins {duration(between)} after {earlier} ends, and the gap is {duration(gap)}"
    if "test" not in ranges or given.get("column") not in tests.column_names or not len(tests):
        return
    times = times_of(tests.column(given["column"]).combine_chunks())
    outside = int(((times < ranges["test"][0] - _SLACK) | (times > ranges["test"][1] + _SLACK)).sum())
    if outside:
        yield f"test: {outside:,} of {len(times):,} test rows are outside of the time of the test part"


def _is_range(ends: Any) -> bool:
    return isinstance(ends, list) and len(ends) == 2 and all(type(end) in (int, float) for end in ends)


def _notes(given: dict[str, Any], recorded: Any, tests: pa.Table) -> Iterator[str]:
    strategy = given["strategy"]
    if strategy == "stratified":
        yield "the test rows of a stratified split depend on the order of all rows, and are not checked"
    elif strategy in ("temporal", "grouped") and given.get("column") not in tests.column_names:
        yield f"the predictions have no column {shown(given.get('column'))}, so the test rows are not checked"
    elif strategy == "random" and not _assigned(given, recorded, tests):
        yield "the predictions do not have the columns that identify a row, so the test rows are not checked"
