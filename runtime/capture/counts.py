"""What the recorder counts, as Prometheus reads it (text format 0.0.4)."""

from __future__ import annotations

import json
from collections.abc import Iterator

__all__ = ["Counts"]

METRICS = {
    "mlspec_recorder_requests_total": ("counter", "Requests for predictions that passed."),
    "mlspec_recorder_records_total": ("counter", "Predictions that were written to a file."),
    "mlspec_recorder_dropped_total": ("counter", "Requests and predictions that are not recorded, by reason."),
    "mlspec_recorder_unread_connections_total": ("counter", "Connections that are forwarded without being read."),
    "mlspec_recorder_queue_bytes": ("gauge", "Bytes that wait to be decoded."),
    "mlspec_recorder_spool_bytes": ("gauge", "Bytes of files that wait to be uploaded."),
    "mlspec_recorder_uploaded_files_total": ("counter", "Files that were uploaded."),
    "mlspec_recorder_upload_failures_total": ("counter", "Tries of an upload that failed."),
    "mlspec_recorder_deleted_folders_total": ("counter", "Folders of days that were older than the retention."),
    "mlspec_recorder_restarts_total": ("counter", "Restarts of the process that writes records."),
}

REASONS = (
    "not-sampled", "failed", "no-id", "binary", "encoded", "too-large", "not-json", "other-shape", "mistyped",
    "no-output", "broken-off", "unclear", "memory", "queue", "disk",
)  # fmt: skip
"""Why a prediction is not recorded. All but the first two are losses. Each series is 0 from the start."""


class Counts:
    """Counters and gauges, by name and, for drops, by reason."""

    def __init__(self) -> None:
        self._values: dict[str, float] = dict.fromkeys(METRICS, 0.0)
        self._dropped: dict[str, float] = dict.fromkeys(REASONS, 0.0)

    def add(self, name: str, much: float = 1) -> None:
        """Increase a counter."""
        self._values[name] += much

    def set(self, name: str, value: float) -> None:
        """Set a gauge."""
        self._values[name] = value

    def drop(self, reason: str, much: float = 1) -> None:
        """Count what is not recorded."""
        self._dropped[reason] += much

    def value(self, name: str, reason: str = "") -> float:
        """One of the numbers."""
        return self._dropped[reason] if reason else self._values[name]

    def taken(self) -> str:
        """What was counted since the last call, as one line of JSON: counters start again at 0, gauges stay."""
        values = {name: value for name, value in self._values.items() if value or METRICS[name][0] == "gauge"}
        line = json.dumps({"values": values, "dropped": {why: n for why, n in self._dropped.items() if n}})
        for name, (kind, _) in METRICS.items():
            if kind == "counter":
                self._values[name] = 0.0
        self._dropped = dict.fromkeys(REASONS, 0.0)
        return line

    def merge(self, line: bytes, gauges: tuple[str, ...]) -> None:
        """Add what another process counted; of its gauges, only those named."""
        given = json.loads(line)
        for name, value in given["values"].items():
            if METRICS[name][0] == "counter":
                self.add(name, value)
            elif name in gauges:
                self.set(name, value)
        for reason, value in given["dropped"].items():
            self.drop(reason, value)

    def page(self) -> str:
        """The metrics page."""
        return "".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for name, (kind, about) in METRICS.items():
            yield f"# HELP {name} {about}\n# TYPE {name} {kind}\n"
            if name == "mlspec_recorder_dropped_total":
                for reason, value in self._dropped.items():
                    yield f'{name}{{reason="{reason}"}} {value:.0f}\n'
            else:
                yield f"{name} {self._values[name]:.0f}\n"
