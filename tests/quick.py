"""`make quick`: the fastest tests, as many as fit in a minute, by the time that each took when it last ran.

Every run remembers these times in pytest's cache, so no list has to name the slow tests. A test that has not run yet is
among the quick ones; in a new clone, that is every test that is not marked `slow`, until `make check` has run once.
"""

from __future__ import annotations

import os
from collections import defaultdict

import pytest

__all__ = ["Stopwatch"]

KEPT = "mlspec/seconds"
"""The name of the times in pytest's cache."""

SECONDS = 22
"""The work of each worker; the rest of the minute is for collecting the tests, and for what pytest adds to each."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes longest. Only `make quick` loads this module as a plugin; each worker selects the same."""
    took = _known(config)
    rest = float(SECONDS) * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    chosen = set()
    for item in sorted(items, key=lambda item: took.get(item.nodeid, 0.0)):
        rest -= took.get(item.nodeid, 0.0)
        if rest < 0:
            break
        chosen.add(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


class Stopwatch:
    """Measures every test of a run; the tests register it, except in workers, whose reports it gets."""

    def __init__(self) -> None:
        self.took: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the time of one phase."""
        self.took[report.nodeid] += report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Remember the times, with those of tests that did not run now."""
        now = {name: round(seconds, 3) for name, seconds in self.took.items()}
        session.config.cache.set(KEPT, {**_known(session.config), **now})


def _known(config: pytest.Config) -> dict[str, float]:
    """The seconds that each test took, by its ID."""
    found: dict[str, float] = config.cache.get(KEPT, {})
    return found
