"""`mlspec runtime drift`: how far the captured predictions of a window are from the reference.

Each column is a chance of a false alarm, so each gets its share of the rate: by the number of features or predictions,
and in segments, also by the number of values (Bonferroni).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable
from .compare import Compared, compared, tally_for
from .measured import Measured, Series
from .profile import Profile, profile_of
from .profiling import Asked, counted, profiled
from .settings import Settings, Watched, document_at, settings_of
from .tables import batches

__all__ = ["Drift", "drift_of", "measure", "reference_of"]


class Drift(Record):
    """The measured series, with what led to them."""

    measured: Measured
    found: tuple[Compared, ...]
    rows: int

    @property
    def lines(self) -> list[str]:
        """One line for each column, and for each segment with drift, and a summary of the others."""
        made = [each.line for each in self.found if each.segment is None or each.verdict == "drift"]
        by: dict[str, Counter[str]] = {}
        for each in self.found:
            if each.segment is not None:
                by.setdefault(each.segment[0], Counter())[each.verdict] += 1
        for segment, counts in by.items():
            said = {
                "drift": "with drift",
                "steady": "without",
                "few": "with too few rows",
                "gone": "without values",
                "incomparable": "not compared",
            }
            parts = ", ".join(f"{counts[verdict]:,} {words}" for verdict, words in said.items() if counts[verdict])
            made.append(f"by {segment}: {counts.total():,} comparisons, {parts}")
        return made

    @property
    def drifted(self) -> bool:
        """Whether a column is above its limit, or can no longer be compared although there are rows."""
        return any(e.verdict == "drift" or (e.verdict == "gone" and e.segment is None) for e in self.found)

    @property
    def incomparable(self) -> bool:
        """Whether the reference lacks a column that the configuration asks for."""
        return any(each.verdict == "incomparable" and each.segment is None for each in self.found)


def measure(config: Any, at: float | None, reference: str | None = None, capture: str | None = None) -> Measured:
    """The series of the window that ends at a time. Raises Unreadable and OSError."""
    return drift_of(config, at, reference, capture).measured


def drift_of(config: Any, at: float | None, reference: str | None = None, capture: str | None = None) -> Drift:
    """Measure the window that ends at a time; the last complete one if None. Raises Unreadable and OSError."""
    settings = settings_of(config)
    where = capture or settings.capture
    if not settings.watched:
        raise Unreadable("the configuration has no `monitoring.drift.columns`, so there is no drift to measure")
    if where is None:
        raise Unreadable("the configuration has no `monitoring.capture.uri`, so there are no predictions to compare")
    profile = reference_of(settings, reference)
    window = settings.ending(at)
    needed = (*dict.fromkeys([*(each.column for each in settings.watched), *settings.segments]),)

    # the same column may be watched twice, such as by two methods
    def fresh(segment: str = "", value: str = "") -> dict[str, Any]:
        part = profile.segments.get(segment, {}).get(value) if segment else profile
        columns = part.columns if part is not None else {}
        return {name: tally_for(columns.get(name), _method(settings.watched, name)) for name in _names(settings)}

    read = batches([where], needed, window, settings.unwrapped)
    (rows, whole), parts, _ = counted(read, fresh, settings.segments)
    found = [compared(each, profile.columns.get(each.column), whole[each.column], a) for each, a in _alphas(settings)]
    for segment in settings.segments:
        known = profile.segments.get(segment)
        if known is None:
            raise Unreadable(f"the reference has no segment `{segment}`: make the profile again with it")
        found += _of_segment(settings, segment, known, parts[segment])
    measured = Measured(monitor="drift", time=window[1], window=window, series=tuple(_series(found)))
    return Drift(measured=measured, found=tuple(found), rows=rows)


def reference_of(settings: Settings, given: str | None) -> Profile:
    """The reference: a profile, or the rows to make one of."""
    uri = given or settings.reference
    if uri is None:
        raise Unreadable("the configuration has no `monitoring.drift.reference`, so there is nothing to compare with")
    if uri.endswith(".json"):
        return profile_of(document_at(uri), uri)
    asked = Asked(columns=_names(settings), segments=settings.segments, bins=settings.bins)
    needed = (*asked.columns, *asked.segments)
    return profiled(lambda: batches([uri], needed, unwrapped=settings.unwrapped), asked)


def _names(settings: Settings) -> tuple[str, ...]:
    return (*dict.fromkeys(each.column for each in settings.watched),)


def _method(watched: tuple[Watched, ...], name: str) -> str:
    methods = {each.method for each in watched if each.column == name}
    return "wasserstein" if "wasserstein" in methods else methods.pop()


def _alphas(settings: Settings, values: int = 1) -> list[tuple[Watched, float]]:
    """Each column, with its share of the false alarms: predictions are watched apart from features."""
    sizes = Counter(each.subject for each in settings.watched)
    return [(each, settings.false_alarms / sizes[each.subject] / values) for each in settings.watched]


def _of_segment(settings: Settings, segment: str, known: dict[str, Profile], parts: dict[str, Any]) -> list[Compared]:
    shares = _alphas(settings, max(1, len(known)))
    made = []
    for value in sorted({*known, *parts}):
        columns = known[value].columns if value in known else {}
        tallies = parts[value][1] if value in parts else {}
        for each, alpha in shares:
            if value in parts:
                tally = tallies.get(each.column)
                made.append(compared(each, columns.get(each.column), tally, alpha, (segment, value)))
    return made


def _series(found: list[Compared]) -> list[Series]:
    made = []
    for each in found:
        labels = {"subject": each.watched.subject, "column": each.watched.column, "method": each.watched.method}
        if each.segment is not None:
            labels |= {"segment": each.segment[0], "segment_value": each.segment[1]}
        values = {"distance": each.distance, "noise_distance": each.noise, "samples": each.rows}
        if each.segment is not None and each.distance is None:
            continue  # a value that is new, or has no rows, has no reference to be compared with
        made += [
            Series(name=f"mlspec_drift_{name}", labels=labels, value=float(value))
            for name, value in values.items()
            if value is not None
        ]
    return made
