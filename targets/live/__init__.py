"""Live objects: what the state of an object in a cluster means, as pure functions from plain data to typed values.

Each kind with a state of its own has one reader in `READERS`. `Related` says which other objects a reader needs;
fetching them is up to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...compiler.record import Record
from . import rollouts, workloads
from .values import Object, Related, State, missing

__all__ = ["READERS", "Reader", "Related", "State", "missing", "state_of", "wanted_by"]


class Reader(Record):
    """How to read the live objects of one kind."""

    state: Callable[[Object, Related], State]
    wanted: Callable[[Object], Related] = staticmethod(lambda _: Related())
    """The other objects that `state` reads, each with only its kind and name."""


READERS: Mapping[str, Reader] = {
    "Rollout": Reader(state=rollouts.state, wanted=rollouts.wanted),
    "Deployment": Reader(state=workloads.deployment),
    "CronJob": Reader(state=workloads.cron_job),
    "CronWorkflow": Reader(state=workloads.cron_workflow),
}
"""By kind. Objects of other kinds have no state: they exist or not."""


def state_of(live: Object, related: Related | None = None) -> State | None:
    """The state of a live object; None if its kind has none."""
    reader = READERS.get(live["kind"])
    return reader.state(live, related or Related()) if reader is not None else None


def wanted_by(live: Object) -> Related:
    """The other objects that its state depends on."""
    reader = READERS.get(live["kind"])
    return reader.wanted(live) if reader is not None else Related()
