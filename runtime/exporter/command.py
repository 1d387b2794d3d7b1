"""`mlspec runtime exporter`: measure in every interval, serve the metrics, and start training runs when asked.

It exits with 0 after SIGTERM, and with 1 if its configuration cannot be read, a port is taken, or the thread that reads
ages has ended. A measurement that fails is written to the log and tried again; the alert on its age opens a ticket.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable
from ..diagnose.diagnosis import Diagnosis, diagnose
from ..diagnose.settings import settings_of
from ..diagnose.view import view_of
from ..lines import say
from ..measure.measured import read_json, write_json
from .ages import Ages, ages_of
from .cluster import CRON_JOB, CRON_WORKFLOW, Api, ApiError, Schedule, inside_a_pod, local
from .exposition import CONTENT_TYPE, text_of
from .history import History
from .jobs import DAY, jobs_of
from .requests import Answer, asks, requested
from .rounds import Rounds
from .server import HEALTHY, Page, Route, healthy, serve

__all__ = ["Request", "exporter", "measure_once"]

DONE, UNREADABLE, BROKEN = 0, 1, 1

METRICS, REQUESTS = 9464, 9465
PAUSE = 5.0
"""The most seconds between two looks at the clock. They are a twentieth of the shortest period, so that a window that
is not a day or an hour, but a minute, is not measured when the next one ends.
"""

DIAGNOSIS = "diagnosis"
"""The file of the newest diagnosis, without its ending, which no measurement has as its name."""


class Request(Record):
    """What the command line asks for."""

    config: str
    state: str
    host: str = ""
    metrics: int = METRICS
    requests: int = REQUESTS
    api: str | None = None
    """The URL of an API server on this machine; None for that of the pod's cluster."""


class Exporter:
    """The process: its configuration, its results, and its answers."""

    def __init__(
        self, config: dict[str, Any], state: Path, clock: Callable[[], float] = time.time, api: str | None = None
    ) -> None:
        self.config = config
        self.monitoring: dict[str, Any] = config.get("monitoring", {})
        self.clock = clock
        jobs, self.settings = jobs_of(config), settings_of(config)
        shortest = min((job.period for job in jobs), default=DAY)
        self.pause = min(PAUSE, shortest / 20)
        self.history = History(state / "measured", math.ceil((self.settings.delay or 0) / shortest))
        self.rounds = Rounds(jobs, self.history, lambda line: say(sys.stdout, line))
        self.ages = Ages(ages_of(self.monitoring, self.settings.interval), lambda line: say(sys.stdout, line))
        namespace = str(self.monitoring.get("namespace", ""))
        self._api: Api | None = local(api, namespace) if api is not None else inside_a_pod(namespace)
        self._state = state
        self._one_request = Lock()

    def diagnosis(self) -> Diagnosis:
        """What the results say now."""
        return diagnose(view_of((*self.history.all(), *self.ages.of("features")), self.clock()), self.settings)

    def conclude(self) -> None:
        """Write the newest diagnosis, and say it in the log."""
        found = self.diagnosis()
        write_json(self._state / f"{DIAGNOSIS}.json", found.document())
        say(sys.stdout, f"{DIAGNOSIS}: {found.verdict}{f': {found.cause}' if found.cause is not None else ''}")

    # Answers

    def metrics(self, _: Any) -> Page:
        """All series, for Prometheus."""
        common = {name: str(self.monitoring.get(name, "")) for name in ("namespace", "service")}
        text = text_of(self.ages.over(self.history.newest()), self.rounds.succeeded, common)
        return Page(body=text, kind=CONTENT_TYPE)

    def explained(self, _: Any) -> Page:
        """The diagnosis, for people."""
        return Page(body=json.dumps(self.diagnosis().document(), indent=1) + "\n")

    def retrain(self, body: Any) -> Page:
        """A notification of Alertmanager, which repeats it after an answer of 500 or more."""
        with self._one_request:
            try:
                answer = self._requested(body)
            except ApiError as wrong:
                say(sys.stdout, f"request to train: {wrong}")
                return Page(body=json.dumps({"outcome": "failed", "why": str(wrong)}) + "\n", status=502)
        say(sys.stdout, f"request to train: {answer.outcome}: {answer.why}")
        return Page(body=json.dumps(answer.document()) + "\n")

    def _requested(self, body: Any) -> Answer:
        namespace, system = str(self.monitoring.get("namespace", "")), str(self.config.get("system", ""))
        other = asks(body, namespace, system)
        if other is not None:
            return Answer(outcome="ignored", why=other)
        api = self._api
        schedule = _schedule(self.config.get("run"), api) if api is not None else None
        if schedule is None:
            why = "no CronJob or CronWorkflow of this cluster is known to start runs from"
            return Answer(outcome="refused", why=why)
        retraining = self.monitoring.get("retraining", {})
        return requested(schedule, float(retraining.get("cooldown", 0)), self.clock(), self.diagnosis)


def exporter(request: Request) -> int:
    """Measure and serve until SIGTERM, and return the exit status. A bug in the thread of the ages ends it, too."""
    ended, told = Event(), Event()
    try:
        made = Exporter(_config(request.config), Path(request.state), api=request.api)
        servers = [serve(request.host, port, routes) for port, routes in _routes(made, request)]
    except (Unreadable, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime exporter: {wrong}")
        return UNREADABLE

    def end(*_: object) -> None:
        told.set()
        ended.set()

    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, end)
    Thread(target=made.ages.watch, args=(ended, made.clock), name="ages", daemon=True).start()
    while not ended.is_set():
        if made.rounds.run(made.clock(), made.clock):
            made.conclude()
        else:
            ended.wait(made.pause)
    for server in servers:
        server.shutdown()
    return DONE if told.is_set() else BROKEN


def _schedule(run: Any, api: Api) -> Schedule | None:
    """What the configuration says that runs are started from."""
    for key, kind in (("cronJob", CRON_JOB), ("cronWorkflow", CRON_WORKFLOW)):
        if isinstance(run, dict) and isinstance(run.get(key), str):
            return Schedule(api=api, name=run[key], of=kind)
    return None


def _routes(made: Exporter, request: Request) -> list[tuple[int, dict[tuple[str, str], Route]]]:
    read: dict[tuple[str, str], Route] = {
        ("GET", "/metrics"): made.metrics,
        ("GET", "/diagnosis"): made.explained,
        HEALTHY: healthy,
    }
    asked: dict[tuple[str, str], Route] = {("GET", "/diagnosis"): made.explained, ("POST", "/retrain"): made.retrain}
    return [(request.metrics, read), (request.requests, asked)]


def measure_once(config: Any, state: Path, now: float) -> tuple[History, list[str]]:
    """Measure every window that is due, for a training run, which has no process next to it. Returns the results, and
    a line for each. Raises Unreadable.
    """
    lines: list[str] = []
    history = History(state)
    rounds = Rounds(jobs_of(config), history, lines.append)
    while rounds.run(now, lambda: now):
        pass
    return history, lines


def _config(path: str) -> dict[str, Any]:
    found = read_json(Path(path))
    if not isinstance(found, dict):
        raise Unreadable(f"{path} is not a mapping")
    return found
