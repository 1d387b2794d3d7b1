"""The decisions for services that score by the clock: how wide a run is, how long it may take, when it is given up.

Traps that are handled here: a run that may last until the next one is due is skipped by `Forbid` without a word; a
start that may be late for longer than the schedule's own gap lets missed starts pile up, and one that may be late for
less than 10 s is never made, because the controller looks every 10 s (kubernetes.io, cron jobs); a schedule such as
"weekdays at four" has gaps of one day and of three, so deadlines follow the shortest and alerts the longest.
"""

from __future__ import annotations

import math
from functools import cached_property

from ...schema.units import Cores, Count, Duration, Memory
from ..because import Because, because, decision
from ..finding import Refusal, refusal
from ..system import BatchService, Release
from . import cron
from .choose import count, number, or_else
from .facts import service_name
from .files import ModelFiles
from .scope import Scope

__all__ = ["BatchPlan"]

BASE_MEMORY = 2**30
"""Bytes for an interpreter, its libraries and the rows in hand: a start to be replaced by a measurement."""

LONGEST_RUN = Duration(86400)
"""A derived deadline is never longer: what has hung for a day does not come back."""

LEAST_LATE = 20
"""Seconds that a start may be late at least: two looks of the controller."""

LEAST_KEPT = 7 * 86400
"""Seconds that a finished run is kept at least, so that who comes back from a week away can read its logs."""

UNNOTICED = 900
"""Seconds after which a run that was due and has not started is a fault: the controller needs seconds."""


class BatchPlan:
    """One service that scores a data set by the clock."""

    def __init__(self, scope: Scope, part: BatchService) -> None:
        self.scope = scope
        self.part = part

    @cached_property
    def name(self) -> Because[str]:
        """The name of the CronJob, and the beginning of the names of its runs."""
        return service_name(self.scope, self.part.own_name)

    @cached_property
    def model(self) -> Because[str]:
        """The model's name."""
        return self.scope.model_of(self.part)

    @cached_property
    def release(self) -> Release:
        """What is in service."""
        return self.scope.release_of(self.model)

    @cached_property
    def files(self) -> ModelFiles:
        """The files of what is in service."""
        return ModelFiles(self.scope, self.release)

    # How wide a run is

    @cached_property
    def partitioned(self) -> Because[bool]:
        """Whether the input is divided, so that each pod must know its part."""
        return self.part.partitions.map(lambda partitions: partitions > 1)

    @cached_property
    def parallel(self) -> Because[int]:
        """How many parts are worked on at once."""
        asked, parts, most = self.part.parallel.given, self.part.partitions, self.scope.system.constraints.max_replicas
        if asked is None:
            return _parallel(parts, most)
        if asked.value > parts.value:
            raise _too_many(asked, parts, f"there {'is' if parts.value == 1 else 'are'} {count(parts.value, 'part')}")
        if most is not None and asked.value > most.value:
            raise _too_many(asked, most, f"`maxReplicas` allows {most.value}")
        return because(asked.value, "as asked, and within what is allowed", asked, most)

    @cached_property
    def items(self) -> Because[int] | None:
        """How many items one part has, where the spec says how many there are."""
        items = self.scope.system.constraints.items
        return _items(items, self.part.partitions) if items is not None else None

    @cached_property
    def retries(self) -> Because[int]:
        """How often one part is tried again."""
        return _retries(self.part.retries, self.part.partitions)

    @cached_property
    def failed_parts(self) -> Because[int]:
        """How many parts may fail before the others are not worth their cost."""
        return _failed_parts(self.part.partitions)

    @cached_property
    def cpu(self) -> Because[Cores]:
        """Cores that a pod asks for."""
        return or_else(self.part.resources.cpu, _cpu)

    @cached_property
    def memory(self) -> Because[Memory]:
        """Memory that a pod asks for and may not exceed."""
        return or_else(self.part.resources.memory, lambda: _memory(self.release.artifact.size))

    # Time

    @cached_property
    def gap(self) -> Because[Duration]:
        """The shortest time between two runs."""
        return cron.gap(self.part.schedule)

    @cached_property
    def longest_gap(self) -> Because[Duration]:
        """The longest time between two runs."""
        return cron.gap(self.part.schedule, cron.longest_gap)

    @cached_property
    def deadline(self) -> Because[Duration]:
        """How long a run may take, with every try of every part."""
        given = self.scope.system.constraints.deadline
        if given is None:
            return _deadline(self.gap)
        if given.value >= self.gap.value:
            raise _overlapping(given, self)
        return given

    @cached_property
    def late(self) -> Because[int]:
        """Seconds that a start may be late."""
        return _late(self.gap, self.deadline)

    @cached_property
    def kept(self) -> Because[int]:
        """Seconds that a finished run is kept."""
        return _kept(self.longest_gap)

    @cached_property
    def stale(self) -> Because[Duration]:
        """The age of the last success at which somebody is told."""
        return _stale(self.longest_gap, self.deadline)

    @cached_property
    def overdue(self) -> Because[Duration]:
        """The time since the last start at which a run has been missed."""
        return _overdue(self.longest_gap, self.part.time_zone)


def _too_many(asked: Because[int], bound: Because[int], why: str) -> Refusal:
    return refusal(
        "MLS012",
        f"{count(asked.value, 'part')} cannot run at once, as {why}",
        asked,
        others=((bound, "the bound"),),
        help=f"write `parallel: {bound.value}` or less, or leave it out",
    )


def _overlapping(deadline: Because[Duration], batch: BatchPlan) -> Refusal:
    return refusal(
        "MLS705",
        f"a run may take {deadline.value}, but the next one starts after {batch.gap.value}",
        deadline,
        others=((batch.part.schedule, "the schedule"),),
        note="two runs never work at the same time, so the later one would be skipped without a word",
        help=f"set `constraints.deadline` below {batch.gap.value}, or run less often",
    )


@decision
def _parallel(partitions: Because[int], most: Because[int] | None) -> tuple[int, str]:
    if most is not None and most.value < partitions.value:
        return most.value, f"all {count(partitions.value, 'part')}; but at most {most.value} replicas are allowed"
    return partitions.value, f"all {count(partitions.value, 'part')} at once"


@decision
def _items(items: Because[Count], partitions: Because[int]) -> tuple[int, str]:
    each = math.ceil(items.value.amount / partitions.value)
    return each, f"{number(float(items.value))} items in {count(partitions.value, 'part')}"


@decision
def _retries(retries: Because[int], partitions: Because[int]) -> tuple[int, str]:
    each = "" if partitions.value == 1 else ", for each part on its own"
    return retries.value, f"tried again {count(retries.value, 'time')}{each}; lost nodes are not counted"


@decision
def _failed_parts(partitions: Because[int]) -> tuple[int, str]:
    most = max(1, partitions.value // 10)
    return most, f"a tenth of {count(partitions.value, 'part')}: more have one cause, and the rest would share it"


@decision
def _cpu() -> tuple[Cores, str]:
    return Cores(1), "one core, as nothing is known of the image; `resources.cpu` replaces the guess"


@decision
def _memory(size: Because[Memory] | None) -> tuple[Memory, str]:
    step, base = 256 * 2**20, Memory(BASE_MEMORY)
    if size is None:
        return base, f"{base} for the image; the size of the model is not known, and `resources.memory` replaces both"
    needed = BASE_MEMORY + 2 * int(size.value.amount)
    why = f"{base} for the image and the model twice, as it is read and as it is used; `resources.memory` replaces it"
    return Memory(-(-needed // step) * step), why


@decision
def _deadline(gap: Because[Duration]) -> tuple[Duration, str]:
    half = Duration(math.floor(gap.value.amount / 2))
    why = f"half of the {gap.value} between two runs, so that a late one still ends before the next"
    if half > LONGEST_RUN:
        return LONGEST_RUN, f"{why}; but at most {LONGEST_RUN}"
    return half, why


@decision
def _late(gap: Because[Duration], deadline: Because[Duration]) -> tuple[int, str]:
    left = math.floor(gap.value.amount - deadline.value.amount)
    why = f"what {gap.value} between two runs leave after {deadline.value} for the run itself"
    if left < LEAST_LATE:
        return LEAST_LATE, f"{why}; but at least {LEAST_LATE} s, as the controller looks every 10 s"
    return left, why


@decision
def _kept(gap: Because[Duration]) -> tuple[int, str]:
    kept = max(LEAST_KEPT, 2 * math.ceil(gap.value.amount))
    return kept, f"two runs, {gap.value} apart, and at least 7 days: an alert on a failed run ends with the run itself"


@decision
def _stale(gap: Because[Duration], deadline: Because[Duration]) -> tuple[Duration, str]:
    return (
        Duration(2 * gap.value.amount + deadline.value.amount),
        f"two runs, {gap.value} apart, and {deadline.value} for the run itself",
    )


@decision
def _overdue(gap: Because[Duration], zone: Because[str]) -> tuple[Duration, str]:
    summer = 0 if zone.value == "UTC" else 3600
    extra = "" if summer == 0 else ", an hour for the day on which clocks change,"
    why = f"{gap.value} between two runs{extra} and {UNNOTICED // 60} minutes to start"
    return Duration(gap.value.amount + summer + UNNOTICED), why
