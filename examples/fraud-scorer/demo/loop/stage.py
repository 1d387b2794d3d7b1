"""Everything that runs: it is set up here, and the stories change it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from .cluster import Cluster
from .compressed import Compressed
from .observed import Observed
from .payments import World
from .processes import Processes, free_ports, wait_for
from .serving import Served, serve
from .system import System
from .traffic import Bank, history
from .watch import Inbox, Watch

__all__ = ["ROWS", "Stage"]

ROWS = 4000
"""Payments in a day."""

BEFORE = 6
"""Days of labeled payments from before the demo, from which the first version learns."""


class Stage:
    """The programs, the bank, and the record of what happens. Leaving the context ends all of it."""

    def __init__(
        self, folder: Path, day: float, seed: int, programs: dict[str, str], say: Callable[[str], None]
    ) -> None:
        self.folder, self.day, self.programs, self.say = folder, day, programs, say
        self.processes = Processes(folder / "logs")
        api, inbox, self.metrics, self.requests = free_ports(4)
        self.api = f"http://127.0.0.1:{api}"
        self.time = Compressed(
            day,
            folder / "stores",
            {
                "http://fraud-scorer-monitor.fraud:9465": f"http://127.0.0.1:{self.requests}",
                "http://fraud-scorer-monitor:9465": f"http://127.0.0.1:{self.requests}",
                "http://inbox.payments": f"http://127.0.0.1:{inbox}",
            },
        )
        self.lake = folder / "stores" / "lake"
        self.world = World(seed)
        self.system = System(folder / "git", self.time)
        self.inbox = Inbox(inbox)
        self.cluster = Cluster(
            api,
            folder / "runs",
            lambda: self.system.bundle("retraining/cronjob-retrain.yaml"),
            self._training,
            self.time.text,
        )
        self.watch = Watch(folder / "watch", programs, self.metrics, self.processes)
        self.live: Served | None = None
        self.bank: Bank | None = None
        self.observed: Observed | None = None
        self._exporters = 0
        self._exporter = None

    def _training(self, folder: Path) -> Path:
        path = folder / "training.json"
        path.write_text(json.dumps(self.system.training(), indent=1))
        return path

    # Setting up

    def prepare(self) -> float:
        """The first version, released and served. Returns the time at which the first day begins."""
        now = time.time()
        self.say("training the first version on labeled payments from before")
        history(self.world, self.lake, BEFORE * ROWS, now - (BEFORE + 1) * self.day, now - self.day)
        release = self.system.first(self.folder / "first")
        self.say(f"version 1 has a roc_auc of {release['metrics']['roc_auc']}; compiling and committing its bundle")
        self.system.create(release)
        self.say("starting MLServer and mlspec's recorder")
        self.live = self.serve("1")
        start = (time.time() // self.day + 1) * self.day
        self.observed = Observed(start, self.day, self.say)
        self.bank = Bank(self.world, self.lake, ROWS, self.day, self.live.requests)
        time.sleep(max(0.0, start - time.time()))
        self.bank.start()
        return start

    def serve(self, version: str) -> Served:
        """Start a version with the settings of the bundle in the clone."""
        return serve(self.system.maps(), version, self.folder / "pods" / version, self.time, self.processes)

    def measure(self) -> None:
        """Start the exporter with the configuration of the bundle in the clone, after the one before has ended."""
        assert self.observed is not None
        self.observed.exporter = None
        if self._exporter is not None:
            self.processes.end(self._exporter)
        self._exporters += 1
        state = self.folder / "monitor" / str(self._exporters)
        state.mkdir(parents=True)
        config = state / "monitor.json"
        config.write_text(json.dumps(self.system.monitor(), indent=1))
        ports = ["--metrics-port", str(self.metrics), "--requests-port", str(self.requests)]
        command = [
            sys.executable,
            "-m",
            "mlspec",
            "runtime",
            "exporter",
            "--config",
            str(config),
            "--state",
            str(state),
        ]
        command += ["--host", "127.0.0.1", "--api", self.api, *ports]
        self._exporter = self.processes.start(f"exporter-{self._exporters}", command, state)
        wait_for(f"http://127.0.0.1:{self.metrics}/healthz", self.processes)
        self.observed.read(state / "measured", self.folder / "logs" / f"exporter-{self._exporters}.log")
        self.observed.exporter = self.metrics

    def watch_it(self) -> None:
        """Start Prometheus and Alertmanager with the rules and routes of the bundle."""
        assert self.observed is not None
        self.watch.start(self.system.groups(), self.system.routes())
        self.observed.watch = self.watch
        self.observed.start()

    def until(self, condition: Callable[[], bool], what: str, day: float) -> bool:
        """Wait for something until a day at the latest. Returns whether it happened."""
        assert self.observed is not None
        assert self.bank is not None
        while not condition():
            self.processes.check()
            if self.bank.wrong is not None:
                raise RuntimeError("the bank cannot ask any more") from self.bank.wrong
            if self.observed.days() > day:
                self.say(f"day {self.observed.days():5.2f}  {what}: not until day {day}")
                return False
            time.sleep(0.1)
        return True

    def wait(self, day: float) -> None:
        """Wait until a day."""
        observed = self.observed
        assert observed is not None
        self.until(lambda: observed.days() >= day, "", day + 1)

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        for thread in (self.bank, self.observed):
            if thread is not None and thread.is_alive():
                thread.stop()
        self.cluster.close()
        self.processes.__exit__(kind, wrong, trace)
        self.inbox.close()
