"""The part of the configuration that the measuring commands read: `monitoring`, and `data.columns`."""

from __future__ import annotations

import math
import time
from datetime import datetime
from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable, shown
from .tables import Window

__all__ = ["Settings", "Watched", "document_at", "moment", "settings_of"]

METHODS = ("psi", "jensen-shannon", "ks", "wasserstein")


class Watched(Record):
    """A column whose drift is measured."""

    column: str
    subject: str
    """`feature` or `prediction`."""
    method: str
    threshold: float
    least: int
    """The fewest rows of a window for a verdict."""


class Settings(Record):
    """What is measured, and where it is."""

    capture: str | None
    window: float
    """The length of a window in seconds."""
    bins: int
    false_alarms: float
    reference: str | None
    watched: tuple[Watched, ...]
    segments: tuple[str, ...]
    columns: tuple[dict[str, Any], ...]
    """The expectations of `data.columns`."""
    leave: frozenset[str]
    """Columns that are no inputs or outputs of the model, or personal data."""
    unwrapped: tuple[str, ...]
    """Columns with one value for each prediction, which some records have as a list."""

    def ending(self, at: float | None) -> Window:
        """The window that ends at a time; by default, the last one that is complete."""
        end = math.floor(time.time() / self.window) * self.window if at is None else at
        return end - self.window, end


def moment(text: str) -> float:
    """A time in RFC 3339, in Unix time. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC, such as Z")
    return found.timestamp()


def settings_of(config: Any) -> Settings:
    """The settings in a configuration. Raises Unreadable."""
    monitoring = _mapping(_mapping(config, "the configuration").get("monitoring", {}), "monitoring")
    drift = _mapping(monitoring.get("drift", {}), "monitoring.drift")
    capture = _mapping(monitoring.get("capture", {}), "monitoring.capture")
    data = _mapping(config.get("data", {}), "data")
    columns = [_mapping(each, "data.columns[]") for each in _list(data.get("columns", []), "data.columns")]
    for column in columns:
        _text(column.get("name"), "data.columns[].name")
    hidden = {str(column["name"]) for column in columns if column.get("personal") is True}
    hidden |= {_text(each, "personalData[]") for each in _list(capture.get("personalData", []), "personalData")}
    if "id" in capture:
        hidden.add(_text(capture["id"], "monitoring.capture.id"))
    window = _positive(drift.get("window", monitoring.get("interval", 86400)), "monitoring.drift.window")
    segments = _list(monitoring.get("segments", []), "monitoring.segments")
    return Settings(
        capture=_text(capture["uri"], "monitoring.capture.uri") if "uri" in capture else None,
        window=window,
        bins=_bins(drift.get("bins", 10)),
        false_alarms=_chance(drift.get("falseAlarms", 0.01)),
        reference=_text(drift["reference"], "monitoring.drift.reference") if "reference" in drift else None,
        watched=tuple(_watched(each) for each in _list(drift.get("columns", []), "monitoring.drift.columns")),
        segments=tuple(_text(each, "monitoring.segments[]") for each in segments),
        columns=tuple(columns),
        leave=frozenset({*hidden, "time", "model_version"}),
        unwrapped=tuple(_text(each, "unwrapped[]") for each in _list(capture.get("unwrapped", []), "unwrapped")),
    )


def _watched(given: Any) -> Watched:
    entry = _mapping(given, "monitoring.drift.columns[]")
    column = _text(entry.get("column"), "monitoring.drift.columns[].column")
    subject, method = entry.get("subject"), entry.get("method")
    if subject not in ("feature", "prediction"):
        raise Unreadable(f"the configuration has an invalid `subject` of the column {shown(column)}")
    if method not in METHODS:
        raise Unreadable(f"the configuration has an invalid `method` of the column {shown(column)}")
    least = entry.get("minSamples", 1)
    if isinstance(least, bool) or not isinstance(least, int) or least < 0:
        raise Unreadable(f"the configuration has an invalid `minSamples` of the column {shown(column)}")
    threshold = _positive(entry.get("threshold"), f"threshold of {shown(column)}")
    return Watched(column=column, subject=subject, method=method, threshold=threshold, least=max(1, least))


def _mapping(given: Any, name: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Unreadable(f"{name} is not a mapping")
    return given


def _list(given: Any, name: str) -> list[Any]:
    if not isinstance(given, list):
        raise Unreadable(f"`{name}` in the configuration is not a list")
    return given


def _text(given: Any, name: str) -> str:
    if not isinstance(given, str) or not given:
        raise Unreadable(f"`{name}` in the configuration is not a text")
    return given


def _positive(given: Any, name: str) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < math.inf:
        raise Unreadable(f"`{name}` in the configuration is not a positive number")
    return float(given)


def _bins(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 2 <= given <= 1000:
        raise Unreadable("`monitoring.drift.bins` in the configuration is not between 2 and 1000")
    return given


def _chance(given: Any) -> float:
    found = _positive(given, "monitoring.drift.falseAlarms")
    if found >= 1:
        raise Unreadable("`monitoring.drift.falseAlarms` in the configuration is not below 1")
    return found


def document_at(uri: str) -> Any:
    """The JSON document behind a path or a URI. Raises Unreadable and OSError."""
    from .measured import LARGEST, json_of
    from .places import place

    where = place(uri)
    with where.files.open_input_stream(where.path) as file:
        return json_of(file.read(LARGEST + 1), uri)
