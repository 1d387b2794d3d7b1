"""The process that decodes, masks, writes, and uploads: whatever happens here, requests pass.

It reads pairs from its standard input until that ends, and reports what it counted on its standard output, one line of
JSON each time. It ignores SIGTERM: the end of its input is what ends it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..conditions import Unreadable
from ..lines import say
from .config import Config, read
from .counts import Counts
from .decode import Dropped, Pair, decoded
from .files import Files, Full
from .frames import Frames
from .masking import masked
from .sampling import sampled
from .upload import Uploader

__all__ = ["main", "name_of_files"]

CHUNK = 2**18


class Writer:
    """Makes records of pairs."""

    def __init__(self, config: Config, version: str, key: bytes, name: str) -> None:
        self._config, self._version, self._key = config, version, key
        self._counts = Counts()
        self._lock = threading.Lock()
        self._files = Files(config, name)
        self._spooled = 0
        self._uploads = Uploader(config, self._files.ready, self._counts, self._lock)

    def run(self, source: int, report: int) -> None:
        """Read until the input ends, then upload what is left."""
        self._attempt(self._files.recover)
        self._uploads.start()
        frames, last = Frames(), 0.0
        while True:
            readable, _, _ = select.select([source], [], [], self._files.due())
            data = os.read(source, CHUNK) if readable else None
            if data == b"":
                break
            for pair in frames.feed(data or b""):
                self._pair(pair)
            self._attempt(self._files.rotate)
            if time.monotonic() - last >= 1:
                last = time.monotonic()
                self._uploads.wake()
                self._report(report)
        self._attempt(lambda: self._files.rotate(all_=True))
        self._uploads.wake(ending=True)
        while self._uploads.is_alive():
            self._uploads.join(0.2)
            self._report(report)
        self._report(report)

    def _pair(self, pair: Pair) -> None:
        try:
            records = decoded(pair, self._config, self._version)
        except Dropped as why:
            self._drop(why.reason)
            return
        except Exception:  # noqa: BLE001 - a mistake of ours must not end the process, which has other records
            self._drop("unclear")
            return
        for record in records:
            if not sampled(record[self._config.id], self._config.sample):
                self._drop("not-sampled")
                continue
            self._record(record)

    def _record(self, record: dict[str, object]) -> None:
        try:
            hidden = masked(record, self._config.personal, self._key)
            self._spooled += self._files.add(hidden, self._config.spool - self._spooled)
        except (OSError, Full):
            self._drop("disk")
            return
        with self._lock:
            self._counts.add("mlspec_recorder_records_total")

    def _drop(self, reason: str) -> None:
        with self._lock:
            self._counts.drop(reason)

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, ValueError) as wrong:
            say(sys.stderr, f"mlspec runtime capture: {wrong}")

    def _report(self, report: int) -> None:
        try:
            self._spooled = self._files.spooled
        except OSError:  # a file that was uploaded meanwhile
            return
        with self._lock:
            self._counts.set("mlspec_recorder_spool_bytes", self._spooled)
            line = self._counts.taken()
        try:
            os.write(report, f"{line}\n".encode())
        except OSError:
            return  # the proxy is gone; the end of the input follows


def name_of_files() -> str:
    """A name that no other pod and no other start has."""
    return f"{os.environ.get('POD_NAME') or socket.gethostname()}-{time.time_ns() // 1_000_000}"


def main(config: Path) -> int:
    """Run until the input ends, and return the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    try:
        made = read(config)
    except (Unreadable, OSError) as wrong:
        say(sys.stderr, f"mlspec runtime capture: {wrong}")
        return 1
    key = os.environ.get("MLSPEC_CAPTURE_HASH_KEY", "").encode()
    Writer(made, os.environ.get("MLSPEC_MODEL_VERSION", ""), key, name_of_files()).run(0, 1)
    return 0
