"""The decisions for services that score by the clock: how wide a run is, how long it may take, when it is given up.

What follows from the schedule alone is shared with training runs, in `cron`. A trap that is handled here: a run that
may last until the next one is due is skipped by `Forbid` without a word.
"""

from __future__ import annotations

import math
from functools import cached_property

from ....schema.units import Cores, Count, Duration, Memory
from ...because import Because, because, decision
from ...finding import Refusal, refusal
from ...system import BatchService, Release
from .. import cron
from ..choose import count, number, or_else
from ..scope import Scope
from .facts import service_name
from .files import ModelFiles

__all__ = ["BatchPlan"]

BASE_MEMORY = 2**30
"""Bytes for an interpreter, its libraries and the rows in hand: a start to be replaced by a measurement."""


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
    def rounds(self) -> Because[int]:
        """How many parts each of the pods works on, one after the other."""
        return _rounds(self.part.partitions, self.parallel)

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
        return cron.cadence(self.part.schedule, self.part.time_zone)

    @cached_property
    def longest_gap(self) -> Because[Duration]:
        """The longest time between two runs."""
        return cron.gap(self.part.schedule, cron.longest_gap)

    @cached_property
    def deadline(self) -> Because[Duration]:
        """How long a run may take, with every try of every part."""
        given = self.scope.system.constraints.deadline
        if given is None:
            return cron.deadline(self.gap)
        if given.value >= self.gap.value:
            raise _overlapping(given, self)
        return given

    @cached_property
    def late(self) -> Because[int]:
        """Seconds that a start may be late."""
        return cron.late(self.gap, self.deadline)

    @cached_property
    def kept(self) -> Because[int]:
        """Seconds that a finished run is kept."""
        return cron.kept(self.longest_gap)

    @cached_property
    def stale(self) -> Because[Duration]:
        """The age of the last success at which somebody is told."""
        return cron.stale(self.longest_gap, self.deadline)

    @cached_property
    def overdue(self) -> Because[Duration]:
        """The time since the last start at which a run has been missed."""
        return cron.overdue(self.longest_gap, self.part.time_zone)


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
def _rounds(partitions: Because[int], parallel: Because[int]) -> tuple[int, str]:
    rounds = -(-partitions.value // parallel.value)
    return rounds, f"{count(partitions.value, 'part')}, {parallel.value} at once"


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
