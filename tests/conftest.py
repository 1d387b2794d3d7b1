"""Fixtures of all tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from syrupy.assertion import SnapshotAssertion
from syrupy.data import SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from mlspec.compiler.record import Record
from mlspec.terminal.cache import key

from .cached import Place
from .quick import Stopwatch
from .shared import Shared
from .support import ROOT


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Records show little of what they hold: of two that should be equal, what pytest prints is where they differ."""
    if op != "==" or not isinstance(left, Record) or type(left) is not type(right):
        return None
    pairs = [(name, getattr(left, name), getattr(right, name)) for name in left._fields]
    return [f"{left} == {right}", *(f"{name}: {one!r} != {other!r}" for name, one, other in pairs if one != other)]


settings.register_profile("untimed", deadline=None)  # speed is measured by benchmarks; a busy machine fails no test
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Measure the tests, for `make quick`."""
    if not hasattr(config, "workerinput") and config.pluginmanager.has_plugin("cacheprovider"):
        config.pluginmanager.register(Stopwatch())


def pytest_collection_finish() -> None:
    """Look for cycles rarely: a compilation creates many objects and few cycles, and looking takes a third of it."""
    gc.set_threshold(200_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each worker start with its share of the slow tests, so that only fast ones are left for idle workers."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if _is_slow(item)]
    fast = [item for item in items if not _is_slow(item)]
    items[:] = [item for worker in range(workers) for group in (slow, fast) for item in _share(group, worker, workers)]


def _is_slow(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) is not None for name in ("slow", "exhaustive"))


def _share(items: list[pytest.Item], worker: int, workers: int) -> list[pytest.Item]:
    return items[len(items) * worker // workers : len(items) * (worker + 1) // workers]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """The values that all workers of this run share."""
    folder = tmp_path_factory.getbasetemp()
    return Shared(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A repository with one system, and a cache of its own."""
    yield Place(tmp_path, monkeypatch)
    key._code.cache_clear()


class CommittedFile(SingleFileSnapshotExtension):
    """A golden file where its readers look for it, named by its path below `folder`.

    syrupy does not search for files that no test uses: its rules for that change between versions, and do not cover
    files that are not next to their test. `test_nothing_stale_is_committed`, `test_every_case_has_a_spec`, and
    `test_every_file_is_of_a_format` find them, and `make golden` deletes them.
    """

    _write_mode = WriteMode.TEXT
    folder: ClassVar[Path]

    @classmethod
    def dirname(cls, *, test_location: Any) -> str:  # noqa: ARG003
        return str(cls.folder)

    @classmethod
    def get_snapshot_name(cls, *, test_location: Any, index: Any = 0) -> str:  # noqa: ARG003
        return str(index)

    @classmethod
    def get_location(cls, *, test_location: Any, index: Any = 0) -> str:  # noqa: ARG003
        return str(cls.folder / str(index))

    def discover_snapshots(self, *, test_location: Any, ignore_extensions: Any = None) -> SnapshotCollections:  # noqa: ARG002
        return SnapshotCollections()

    def serialize(self, data: Any, **_: Any) -> str:
        return str(data)


class CommittedOutput(CommittedFile):
    """The output of an example, next to its spec."""

    folder = ROOT / "examples"


class CommittedMessages(CommittedFile):
    """The messages about a spec with a mistake, next to the spec."""

    folder = ROOT / "tests" / "errors"


class CommittedFormats(CommittedFile):
    """The same findings in each format."""

    folder = ROOT / "tests" / "formats"


@pytest.fixture
def output(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """`text == output(name=path)`: byte for byte what is committed below examples/."""
    return snapshot.use_extension(CommittedOutput)


@pytest.fixture
def messages(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """`text == messages(name=path)`: byte for byte what is committed below tests/errors/."""
    return snapshot.use_extension(CommittedMessages)


@pytest.fixture
def formats(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """`text == formats(name=path)`: byte for byte what is committed below tests/formats/."""
    return snapshot.use_extension(CommittedFormats)
