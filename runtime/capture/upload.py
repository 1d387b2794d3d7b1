"""Upload finished files, and delete the folders of days that are older than the retention.

A file is in the store as a whole or not at all: object stores show an object once its upload is complete, and in a
mounted folder the file gets its name last. A try that is repeated writes the same object again.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from ..lines import say
from .config import Config
from .counts import Counts

__all__ = ["Store", "Uploader", "opened"]

WAITS = (1.0, 60.0)
"""Seconds before another try: the first, and the longest."""

DAY = 86400.0


class Store(Protocol):
    """Where files go."""

    def put(self, source: Path, name: str) -> None:
        """Store a file. Raises OSError."""

    def days(self) -> Iterator[str]:
        """The folders of days."""

    def drop(self, day: str) -> None:
        """Delete a folder with all of its files, which another replica may be deleting, too."""


class Folder:
    """A folder, such as a mounted volume."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path, name: str) -> None:
        """Copy the file to the same file system, and then rename it."""
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        with source.open("rb") as given, part.open("wb") as file:
            shutil.copyfileobj(given, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)

    def days(self) -> Iterator[str]:
        """The folders of days."""
        yield from (path.name for path in self._root.glob("date=*"))

    def drop(self, day: str) -> None:
        """Delete a folder with all of its files, which another replica may be deleting, too."""
        while (self._root / day).exists():
            with suppress(FileNotFoundError):  # the other one was faster
                shutil.rmtree(self._root / day)


class Objects:
    """An object store, through pyarrow."""

    def __init__(self, uri: str) -> None:
        from pyarrow import fs

        scheme, _, path = uri.partition("://")
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        if scheme == "s3" and endpoint:
            kind, _, host = endpoint.partition("://")
            self._files = fs.S3FileSystem(endpoint_override=host.rstrip("/"), scheme=kind, region=_region())
        elif scheme == "s3":
            self._files = fs.S3FileSystem(region=_region())
        else:
            self._files = fs.GcsFileSystem()
        self._root = path
        self._selected = fs.FileSelector(path, allow_not_found=True)

    def put(self, source: Path, name: str) -> None:
        """Upload the file. The object appears when the stream is closed."""
        with source.open("rb") as given, self._files.open_output_stream(f"{self._root}/{name}") as stream:
            while chunk := given.read(2**20):
                stream.write(chunk)

    def days(self) -> Iterator[str]:
        """The folders of days."""
        yield from (info.base_name for info in self._files.get_file_info(self._selected))

    def drop(self, day: str) -> None:
        """Delete a folder with all of its files, which another replica may be deleting, too."""
        with suppress(FileNotFoundError):
            self._files.delete_dir(f"{self._root}/{day}")


def _region() -> str | None:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def opened(config: Config) -> Store:
    """The store of the configuration."""
    return Objects(config.uri) if "://" in config.uri else Folder(Path(config.uri))


class Uploader(threading.Thread):
    """Uploads whatever is in the folder, oldest first, until it is empty and the recorder ends."""

    def __init__(self, config: Config, ready: Path, counts: Counts, lock: threading.Lock) -> None:
        super().__init__(name="uploads", daemon=True)
        self._config, self._ready, self._counts, self._lock = config, ready, counts, lock
        self._store: Store | None = None
        self._wake, self._ending = threading.Event(), threading.Event()
        self._pruned = -DAY

    def wake(self, *, ending: bool = False) -> None:
        """Look for files now."""
        if ending:
            self._ending.set()
        self._wake.set()

    def run(self) -> None:
        wait = 0.0
        while True:
            self._wake.clear()
            wait = 0.0 if self._works() else min(max(2 * wait, WAITS[0]), WAITS[1])
            if self._ending.is_set() and not any(self._ready.glob("*/*")):
                return
            self._rest(wait)

    def _works(self) -> bool:
        try:
            self._all()
            self._prune()
        except Exception as wrong:  # noqa: BLE001 - whatever the store's library raises, requests go on
            self._count("mlspec_recorder_upload_failures_total")
            say(sys.stderr, f"mlspec runtime capture: {self._config.uri}: {_first(wrong)}")
            self._store = None
            return False
        return True

    def _rest(self, wait: float) -> None:
        """Wait for the next try. After a failure, only the end of the recorder makes it come earlier, no new file."""
        if self._ending.is_set():
            time.sleep(WAITS[0])
        elif wait:
            self._ending.wait(wait)
        else:
            self._wake.wait(WAITS[0])

    def _all(self) -> None:
        for path in sorted(self._ready.glob("*/*")):
            if self._store is None:
                self._store = opened(self._config)
            self._store.put(path, f"{path.parent.name}/{path.name}")
            path.unlink()
            self._count("mlspec_recorder_uploaded_files_total")

    def _prune(self) -> None:
        """Once a day, delete what is older than the retention. Several replicas may do it at once."""
        now = time.monotonic()
        if not self._config.retention or self._ending.is_set() or now - self._pruned < DAY:
            return
        if self._store is None:
            self._store = opened(self._config)
        self._pruned = now
        for day in list(self._store.days()):
            if _age(day) > self._config.retention:
                self._store.drop(day)
                self._count("mlspec_recorder_deleted_folders_total")

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts.add(name)


def _age(folder: str) -> float:
    """Seconds since the end of a day; negative for anything that is not the folder of a day."""
    match = re.fullmatch(r"date=(\d{4})-(\d{2})-(\d{2})", folder)
    try:
        day = date(*map(int, match.groups())) if match else None
    except ValueError:
        day = None
    if day is None:
        return -1.0
    return datetime.now(UTC).timestamp() - (datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + DAY)


def _first(wrong: Exception) -> str:
    return (str(wrong).splitlines() or [type(wrong).__name__])[0]
