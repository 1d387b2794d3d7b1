"""What to simulate: the part of the day, for how long, and what goes wrong."""

from __future__ import annotations

from ..record import Record
from .arrivals import Burst

__all__ = ["ROLLOUTS", "Options"]

ROLLOUTS = 400
"""How many rollouts to simulate, unless each takes long."""


class Options(Record):
    """What to simulate."""

    at: str = "peak"
    """`peak`, `mean`, `trough`, or `day`."""
    hours: float | None = None
    """How long; None for an hour, or a day."""
    requests: int | None = None
    """The most requests of a run; None for 200,000, or five times as many for a day, or if something goes wrong."""
    seed: int = 1
    runs: int = 1
    rollouts: int | None = None
    """How many rollouts to simulate; None for 400, or for fewer if each takes weeks."""
    fixed: bool = False
    """Whether the replicas stay what the plan has for the rate, without the autoscaler."""
    burst: Burst | None = None
    lose: str | None = None
    """`replica` or `zone`."""
    bad: float | None = None
    """The share of the requests of a new version that fail."""
    slow: float | None = None
    """How many times the service time of a new version is."""

    @property
    def eventful(self) -> bool:
        """Whether something goes wrong while it serves."""
        return self.burst is not None or self.lose is not None

    @property
    def most(self) -> int:
        """The most requests of a run."""
        if self.requests is not None:
            return self.requests
        return 1_000_000 if self.eventful or self.at == "day" else 200_000
