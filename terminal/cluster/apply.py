"""Apply a system's objects: a dry run of all, then each in order, then wait until the workloads are ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from ...compiler.record import Record
from ...targets.live import READERS, State
from .access import Cluster, ClusterError, Object, RefusedError, key, told
from .fields import fields
from .hold import Holds, Prepared, sent
from .order import ordered
from .status import state_of

__all__ = ["Applied", "Refusal", "apply", "ready"]

TRIES = 5
"""How often an object that changes at the same time is read and applied again."""

PAUSE = 1.0
"""Seconds between two looks at a workload."""


class Applied(Record):
    """What became of one object."""

    name: str
    change: str
    """`created`, `changed`, or `unchanged`."""


class Refusal(Exception):  # noqa: N818 - says what it is
    """Some objects cannot be applied. The lines say why, for each of them."""

    def __init__(self, lines: Iterable[str], *, conflicts: bool = False) -> None:
        super().__init__("some objects cannot be applied")
        self.lines = tuple(lines)
        self.conflicts = conflicts
        """Whether `--force-conflicts` would help."""


def apply(
    cluster: Cluster, bodies: Iterable[Object], *, force: bool = False, say: Callable[[str], None] = lambda _: None
) -> Iterator[Applied]:
    """Apply objects in order. Raises Refusal before the first one is applied if any would be refused."""
    in_order = ordered(bodies)
    holds = Holds(cluster, in_order)
    _say_kept(_tried(cluster, in_order, holds, force=force), say)
    for body in in_order:
        try:
            yield _applied(cluster, body, holds, force=force)
        except RefusedError as error:
            raise Refusal(told(body, error), conflicts=bool(error.conflicts)) from None


def _tried(cluster: Cluster, bodies: Sequence[Object], holds: Holds, *, force: bool) -> list[Prepared]:
    """Try all objects on the server without changing anything."""
    prepared, lines, conflicts = [], list[str](), False
    for body in bodies:
        try:
            one, _ = _sent(cluster, body, holds, force=force, dry_run=True)
        except RefusedError as error:
            if error.namespace is not None:  # the same for all objects
                raise Refusal(told(body, error)) from None
            conflicts = conflicts or bool(error.conflicts)
            lines += told(body, error)
        else:
            prepared.append(one)
            lines += [one.refused] if one.refused else []
    if lines:
        raise Refusal(lines, conflicts=conflicts)
    return prepared


def _say_kept(prepared: Iterable[Prepared], say: Callable[[str], None]) -> None:
    """Say which fields a rollout in progress keeps, one line for each Rollout."""
    kept: dict[str, list[str]] = {}
    for one in prepared:
        if one.kept and not one.refused:
            kept.setdefault(one.rollout, []).append(f"spec.{one.kept} of {key(one.body)}")
    for rollout, names in kept.items():
        say(f"{rollout} is in the middle of a rollout, so these stay as they are: {', '.join(names)}")


def _applied(cluster: Cluster, body: Object, holds: Holds, *, force: bool) -> Applied:
    one, after = _sent(cluster, body, holds, force=force)
    if one.refused:
        raise Refusal([one.refused])
    return Applied(name=key(body), change=_change(one.live, after))


def _sent(
    cluster: Cluster, body: Object, holds: Holds, *, force: bool, dry_run: bool = False
) -> tuple[Prepared, Object]:
    """Read an object and apply it; again if it changed in between. An object that must not be applied is not sent."""
    for left in reversed(range(TRIES)):
        one = holds.prepare(body)
        if one.refused:
            break
        try:
            return one, sent(cluster, one, force=force, dry_run=dry_run)
        except RefusedError as error:
            if not error.outdated or not left:
                raise
    return one, {}


def _change(before: Object | None, after: Object) -> str:
    if before is None:
        return "created"
    same = before["metadata"].get("resourceVersion") == after["metadata"].get("resourceVersion")
    return "unchanged" if same or fields(before) == fields(after) else "changed"


def ready(
    cluster: Cluster, bodies: Iterable[Object], seconds: float, say: Callable[[str], None] = lambda _: None
) -> list[State]:
    """Wait until every workload is rolled out, needs a person, or the time is over. Returns the last states."""
    waiting = {key(body): body for body in ordered(bodies) if body["kind"] in READERS}
    states: dict[str, State] = {}
    end, failures = time.monotonic() + seconds, 0
    failure: ClusterError | RefusedError = ClusterError("no state was read")
    while True:
        for name, body in list(waiting.items()):
            try:
                state = state_of(cluster, body)
            except (ClusterError, RefusedError) as error:
                failures, failure = failures + 1, error
                if failures == TRIES:
                    raise
                continue
            failures = 0
            if name not in states or (states[name].said, states[name].step) != (state.said, state.step):
                say(f"{name}: {state.said}{_step(state)}")
            states[name] = state
            if state.settled:
                del waiting[name]
        if not waiting or time.monotonic() >= end:
            if waiting.keys() - states.keys():
                raise failure  # a workload that was never seen is not ready
            return list(states.values())
        time.sleep(min(PAUSE, max(0.0, end - time.monotonic())))


def _step(state: State) -> str:
    return f" (step {state.step} of {state.steps}: {state.doing})" if state.step is not None else ""
