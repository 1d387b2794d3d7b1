"""Comparing the counts of a window with the profile of the reference: distance, noise, and verdict. Pure."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ...compiler.record import Record
from ..conditions import shown
from .distances import jensen_shannon, ks, psi, wasserstein
from .floors import Spread, floor
from .profile import Category, Column, Numeric, Opaque
from .settings import Watched
from .tallies import CategoryTally, NumericTally

__all__ = ["Compared", "compared", "tally_for"]

RARE = 5
"""Categories with fewer expected rows in the window are compared as one (Cochran, 1954)."""

Verdict = Literal["drift", "steady", "few", "gone", "incomparable"]
"""`gone` is a column that the window no longer has as the reference does. `incomparable` is one that the reference
itself cannot be compared by."""


class Compared(Record):
    """One column of the window, against the reference."""

    watched: Watched
    segment: tuple[str, str] | None
    """The column and the value, if these are the rows of a segment."""
    rows: int
    """The rows of the window that have a value."""
    verdict: Verdict
    distance: float | None = None
    noise: float | None = None
    note: str = ""

    @property
    def line(self) -> str:
        """One line for the log."""
        column, where = self.watched.column, ""
        if self.segment is not None:
            where = f" ({self.segment[0]} {shown(self.segment[1])})"
        head = f"{shown(column)}{where}:"
        if self.distance is None:
            return f"{head} {self.note}"
        said = {
            "drift": "drift",
            "steady": "no drift",
            "few": f"no verdict below {self.watched.least:,} rows",
        }
        noise = f", noise {self.noise:.4g}" if self.noise is not None else ""
        found = f"{self.watched.method} {self.distance:.4g}, threshold {self.watched.threshold:g}{noise}"
        note = f"; {self.note}" if self.note else ""
        return f"{head} {found}, {self.rows:,} rows: {said[self.verdict]}{note}"


def tally_for(column: Column | None, method: str) -> NumericTally | CategoryTally | None:
    """What counts the window as the reference was counted; None if that has no distribution."""
    if isinstance(column, Numeric):
        return NumericTally(np.array(column.edges), column.type, moments=method == "wasserstein")
    if isinstance(column, Category):
        return CategoryTally(column.type, frozenset(column.counts), most=1_000)
    return None


def compared(
    watched: Watched,
    column: Column | None,
    tally: NumericTally | CategoryTally | None,
    alpha: float,
    segment: tuple[str, str] | None = None,
) -> Compared:
    """Compare one column. `alpha` is the chance of a false alarm of this comparison alone."""

    def unable(why: str, rows: int = 0, verdict: Verdict = "incomparable") -> Compared:
        return Compared(watched=watched, segment=segment, rows=rows, verdict=verdict, note=why)

    if column is None or tally is None or not _present(column):
        why = f"in the reference, {column.why}" if isinstance(column, Opaque) else "the reference has no values of it"
        return unable(why)
    if not tally.present:
        if not tally.nulls:
            return unable("no rows", verdict="few")
        return unable(f"no row of the window has a {tally.kind}, which the reference has", verdict="gone")
    if isinstance(column, Category) and isinstance(tally, CategoryTally):
        if watched.method in ("ks", "wasserstein"):
            return unable(f"{watched.method} compares numbers, and the reference has categories", tally.present)
        found = _categories(watched.method, column, tally, alpha)
    elif isinstance(column, Numeric) and isinstance(tally, NumericTally):
        found = _numbers(watched.method, column, tally, alpha)
    else:  # the tally is made for the column
        return unable("the types differ", tally.present)
    distance, noise, note = found
    if distance is None:
        return unable(note, tally.present, "gone")
    verdict: Verdict = "drift" if distance > max(watched.threshold, noise or 0) else "steady"
    if tally.present < watched.least:
        verdict = "few"
    return Compared(
        watched=watched,
        segment=segment,
        rows=tally.present,
        verdict=verdict,
        distance=distance,
        noise=noise,
        note=note,
    )


Found = tuple[float | None, float | None, str]


def _numbers(method: str, column: Numeric, tally: NumericTally, alpha: float) -> Found:
    counts, window = np.array(column.counts, np.int64), tally.counts
    note = f"{tally.nans:,} are NaN" if tally.nans else ""
    if method != "wasserstein":
        statistic = {"psi": psi, "jensen-shannon": jensen_shannon, "ks": ks}[method]
        return float(statistic(counts, window)), floor(method, counts, window, alpha), note
    if tally.infinite:
        return None, None, f"{tally.infinite:,} values are infinite, so the area has no size"
    edges = np.array(column.edges)
    means, stds = np.array(column.means), np.array(column.stds)
    scale = _scale(column)
    distance = float(wasserstein(edges, counts, means, window, tally.means)) / scale
    spread = Spread(edges, (counts, means, stds), (window, tally.means, tally.stds))
    noise = floor(method, counts, window, alpha, spread)
    if not math.isfinite(distance):
        return None, None, "its values are too large to measure the area"
    return distance, noise / scale if noise is not None else None, note


def _scale(column: Numeric) -> float:
    """The standard deviation of the reference. A constant is measured in units of itself."""
    return column.std or abs(column.mean or 0) or 1.0


def _categories(method: str, column: Category, tally: CategoryTally, alpha: float) -> Found:
    share = tally.present / _present(column)
    common = [name for name, count in column.counts.items() if count * share >= RARE]
    kept = set(common)
    rare = column.other + sum(count for name, count in column.counts.items() if name not in kept)
    seen = tally.present - sum(tally.counts.get(name, 0) for name in common)
    counts = np.array([*(column.counts[name] for name in common), rare], np.int64)
    window = np.array([*(tally.counts.get(name, 0) for name in common), seen], np.int64)
    statistic = psi if method == "psi" else jensen_shannon
    return float(statistic(counts, window)), floor(method, counts, window, alpha), _unseen(column, tally)


def _unseen(column: Category, tally: CategoryTally) -> str:
    """The categories that the reference does not list: the distance does not say that they are new."""
    if not tally.unknown:
        return ""
    kind = "rare or unseen" if column.other else "unseen"
    listed = sorted((tally.others or {}).items(), key=lambda item: (-item[1], item[0]))[:3]
    such = f", such as {', '.join(shown(name) for name, _ in listed)}" if listed else ""
    return f"{tally.unknown:,} rows have a category that is {kind} in the reference{such}"


def _present(column: Column) -> int:
    """How many rows of the reference have a value."""
    if isinstance(column, Category):
        return sum(column.counts.values()) + column.other
    return sum(column.counts) if isinstance(column, Numeric) else 0
