"""Read series from a file: YAML in promtool's notation, or CSV with a column for each series."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import yaml

from ..compiler.rehearse.own import Given
from ..schema.units import Duration

__all__ = ["given"]


def given(file: str) -> Given:
    """The series of a file. Raises ValueError with what is wrong with it, or OSError."""
    text = Path(file).read_text(encoding="utf-8")
    return _csv(text) if file.endswith(".csv") else _yaml(text)


def _yaml(text: str) -> Given:
    try:
        body = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {error}") from None
    series = body.get("series") if isinstance(body, dict) else None
    if not isinstance(series, dict) or not all(isinstance(value, str) for value in series.values()):
        raise ValueError("it needs `series`, a mapping of series to values such as `0+10x60`")
    step, start = (_seconds(body.get(key, default)) for key, default in (("interval", "1m"), ("rollout", "0s")))
    if step < 1:
        raise ValueError("`interval` is at least 1s")
    return Given(series={str(name): value for name, value in series.items()}, step=step, rollout=start)


def _csv(text: str) -> Given:
    """The first column is the time of a sample, in seconds from the first one; an empty cell means no sample."""
    rows = [row for row in csv.reader(text.splitlines()) if row]
    if len(rows) < 3 or rows[0][0] != "time" or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("it needs a column `time`, a column for each series, and at least two rows of samples")
    try:
        times = [int(row[0]) for row in rows[1:]]
    except ValueError:
        raise ValueError("`time` is in whole seconds") from None
    step = times[1] - times[0]
    if step < 1 or any(after - before != step for before, after in pairwise(times)):
        raise ValueError("all rows must be the same time apart, in order")
    columns = zip(*rows, strict=True)
    next(columns)
    return Given(
        series={name: " ".join(value.strip() or "_" for value in column) for name, *column in columns}, step=step
    )


def _seconds(text: object) -> int:
    try:
        return int(Duration.parse(str(text)).amount)
    except ValueError:
        raise ValueError(f"`{text}` is not a duration, such as `30s`") from None
