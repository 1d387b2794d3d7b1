"""What happened, and when: alerts, diagnoses, measurements, and what the story did. The page is drawn from it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .watch import Watch, get

__all__ = ["Observed"]


class Observed(threading.Thread):
    """Looks at Prometheus, at the exporter, and at its files, twice a second, until `stop`."""

    def __init__(self, start: float, day: float, say: Callable[[str], None]) -> None:
        super().__init__(name="observed")
        self.start_time, self.day, self._say = start, day, say
        self.events: list[dict[str, Any]] = []
        self.diagnoses: list[tuple[float, dict[str, Any]]] = []
        self.alerts: dict[str, list[list[float]]] = {}
        """When each alert fired: pairs of days, from and until."""
        self.watch: Watch | None = None
        self.exporter: int | None = None
        """The port at which the exporter shows its diagnosis."""
        self.log: Path | None = None
        self._files: dict[str, dict[str, Any]] = {}
        self._folders: list[Path] = []
        self._end = threading.Event()
        self._lines = 0
        self.story = 1
        """The story that runs now."""

    def days(self, at: float | None = None) -> float:
        """A time in days since the start."""
        return ((time.time() if at is None else at) - self.start_time) / self.day

    def event(self, kind: str, text: str, at: float | None = None, **more: Any) -> None:
        """Note something, and say it."""
        day = self.days(at)
        self.events.append({"day": round(day, 2), "kind": kind, "story": self.story, "text": text, **more})
        self._say(f"day {day:5.2f}  {kind:<10} {text}")

    def read(self, folder: Path, log: Path) -> None:
        """Watch the results and the log of an exporter, after those of the one before."""
        self._folders.append(folder)
        self.log, self._lines = log, 0

    @property
    def measured(self) -> list[dict[str, Any]]:
        """All results of all exporters, by time. What was measured again by the next exporter is there once."""
        return sorted(dict(self._files).values(), key=lambda one: (one["time"], one["monitor"]))

    def newest(self, monitor: str) -> dict[str, Any] | None:
        """The newest result of a monitor."""
        return next((one for one in reversed(self.measured) if one["monitor"] == monitor), None)

    def verdict(self) -> str:
        """The newest verdict."""
        return str(self.diagnoses[-1][1]["verdict"]) if self.diagnoses else ""

    def fired(self, since: float = -1e9, until: float = 1e9) -> set[str]:
        """The alerts that fired between two days."""
        return {name for name, spans in list(self.alerts.items()) if any(a < until and b > since for a, b in spans)}

    def stop(self) -> None:
        """Stop looking."""
        self._end.set()
        self.join()

    def run(self) -> None:
        while not self._end.wait(0.4):
            for look in (self._look_at_files, self._look_at_diagnosis, self._look_at_requests, self._look_at_alerts):
                try:
                    look()
                except (OSError, ValueError):
                    continue  # the next look finds it: a program starts, ends, or writes just now

    def _look_at_files(self) -> None:
        for folder in self._folders:
            for path in folder.glob("[a-z]*.json"):
                if path.name not in self._files:
                    self._files[path.name] = json.loads(path.read_text())

    def _look_at_diagnosis(self) -> None:
        if self.exporter is None:
            return
        found = get(f"http://127.0.0.1:{self.exporter}/diagnosis")
        before = self.diagnoses[-1][1] if self.diagnoses else {}
        if (found["verdict"], found["cause"]) != (before.get("verdict"), before.get("cause")):
            self.diagnoses.append((self.days(), found))
            cause = f": {found['cause']}" if found["cause"] else ""
            self.event("diagnosis", f"{found['verdict']}{cause}", evidence=[one["says"] for one in found["evidence"]])

    def _look_at_requests(self) -> None:
        """What the exporter said to each request, in its log."""
        if self.log is None or not self.log.exists():
            return
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("request to train: ")]
        for line in lines[self._lines :]:
            outcome, _, why = line.removeprefix("request to train: ").partition(": ")
            self.event("request", f"POST /retrain: {outcome}", why=why)
        self._lines = len(lines)

    def _look_at_alerts(self) -> None:
        if self.watch is None:
            return
        now = self.days()
        firing = {one["labels"]["alertname"] for one in self.watch.alerts() if one["state"] == "firing"}
        for name in firing:
            spans = self.alerts.setdefault(name, [])
            if spans and now - spans[-1][1] < 0.3:
                spans[-1][1] = now
            else:
                spans.append([now, now])
                self.event("alert", name)
