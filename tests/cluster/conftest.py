"""One ground for all tests of a run. What it needs and does not find is a failure, not a skip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .ground import Ground


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Everything that runs. At the end, no program may have ended by itself."""
    made = Ground(tmp_path_factory.mktemp("ground"))
    try:
        made.start()
        yield made
        assert made.plane.ended() == []
        assert made.network.failures == []
        assert made.kubelet.failures == []
    finally:
        made.stop()
