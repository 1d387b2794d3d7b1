"""`mlspec runtime learn -- COMMAND`: learn from the newest labels into checkpoints, which never go live by themselves.

In every interval, it writes the predictions whose labels became complete as a batch, and runs the author's command
once, with the newest checkpoint and the batch. What the command leaves in its output folder is the next checkpoint.
Before the command, and again before its result is kept, the process that measures must say that no signal is raised.

Killed at any time, it loses at most one batch, which it learns again from the checkpoint before. It exits with 0 after
SIGTERM, 1 if its configuration cannot be read or its port is taken, and 2 for wrong usage.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable
from ..exporter.server import HEALTHY, Page, Route, healthy, serve
from ..lines import say
from ..measure.measured import read_json
from . import exported
from .frozen import why_frozen
from .settings import Settings, settings_of

__all__ = ["Learner", "Request", "learn"]

DONE, UNREADABLE = 0, 1
PAUSE = 5.0
"""Seconds between two looks at the clock."""
GRACE = 20.0
"""Seconds that the command gets to end."""


class Request(Record):
    """What the command line asks for."""

    config: str
    state: str
    command: tuple[str, ...]
    host: str = ""
    port: int = exported.PORT


class Learner:
    """The process: its settings, and how far it is."""

    def __init__(self, request: Request, config: dict[str, Any], clock: Callable[[], float] = time.time) -> None:
        from .checkpoints import Store

        self.request, self.config, self.clock = request, config, clock
        self.settings: Settings = settings_of(config)
        self.store = Store(self.settings.to, self.settings.version)
        self.state = exported.State(caught_up=clock())
        self.ended = Event()
        self._position: int | None = None
        self._frozen: str | None = None

    def routes(self) -> dict[tuple[str, str], Route]:
        """What it answers, by method and path."""
        return {
            ("GET", "/metrics"): lambda _: Page(body=exported.text(self.state, self.config), kind=exported.KIND),
            HEALTHY: healthy,
        }

    def step(self) -> bool:
        """Learn from one batch, if there is one. Returns whether to look for another one at once."""
        if self._freezes():
            return False
        newest = self.store.newest()
        self.state = self.state.but(checkpoint=newest.end if newest is not None else None)
        start = max(newest.end if newest is not None else self.settings.start(self.clock()), self._position or 0)
        end = min(self._settled(), start + self.settings.longest)
        if end <= start:
            self.state = self.state.but(caught_up=self.clock())
            return False
        return self._learned(newest, start, end)

    def _learned(self, newest: Any, start: int, end: int) -> bool:
        from .batches import written

        folder = Path(self.request.state) / "batch"
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("input/checkpoint", "output"):
            (folder / name).mkdir(parents=True)
        rows = written(self.config, (start, end), folder / "input" / "batch.parquet")
        if rows:
            if newest is not None:
                self.store.fetch(newest, folder / "input" / "checkpoint")
            if not self._ran(folder) or self._freezes():
                return False
            made = self.store.publish(folder / "output", end)
            self.state = self.state.but(checkpoint=made.end, rows=self.state.rows + rows)
            say(sys.stdout, f"checkpoint {made.end}: {rows:,} predictions with labels")
        self._position = end
        return True

    def _freezes(self) -> bool:
        why = why_frozen(self.settings.diagnosis)
        if why is None:
            self.state = self.state.but(frozen=None)
        else:
            since = self.state.frozen
            self.state = self.state.but(frozen=self.clock() if since is None else since)
        if why != self._frozen:
            say(sys.stdout, f"frozen: {why}" if why is not None else "no longer frozen")
        self._frozen = why
        return why is not None

    def _settled(self) -> int:
        """The end of the newest interval whose labels are complete."""
        period = self.settings.checkpoint
        ends = self.clock() - self.settings.delay - self.settings.settles
        return int(math.floor(ends / period) * period)

    def _ran(self, folder: Path) -> bool:
        own = {
            "MLSPEC_STEP": "learn",
            "MLSPEC_CONFIG": self.request.config,
            "MLSPEC_INPUT": str(folder / "input"),
            "MLSPEC_OUTPUT": str(folder / "output"),
        }
        child = subprocess.Popen(self.request.command, env={**os.environ, **own}, start_new_session=True)
        try:
            while child.poll() is None and not self.ended.wait(0.1):
                pass
        finally:
            _end(child)
        if child.returncode and not self.ended.is_set():
            say(sys.stderr, f"mlspec runtime learn: the command ended with {child.returncode}; nothing was kept")
        return child.returncode == 0 and not self.ended.is_set()


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the command with everything that it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sign)
        except ProcessLookupError:
            break
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            continue
    child.wait()


def learn(request: Request) -> int:
    """Learn until SIGTERM, and return the exit status."""
    try:
        config = read_json(Path(request.config))
        if not isinstance(config, dict):
            raise Unreadable(f"{request.config} is not a mapping")
        learner = Learner(request, config)
        server = serve(request.host, request.port, learner.routes())
    except (Unreadable, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime learn: {wrong}")
        return UNREADABLE
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: learner.ended.set())
    while not learner.ended.is_set():
        if not _tried(learner):
            learner.ended.wait(min(PAUSE, learner.settings.checkpoint / 4))
    server.shutdown()
    return DONE


def _tried(learner: Learner) -> bool:
    try:
        return learner.step()
    except (Unreadable, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime learn: {wrong}")
        learner.ended.wait(learner.settings.settles)
        return False
