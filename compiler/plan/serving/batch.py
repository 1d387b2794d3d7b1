"""Decisions for scheduled batch inference: parallelism, deadlines, and retries.

Decisions that depend only on the schedule are shared with training runs and are in `cron`. A trap that this module
handles: `Forbid` silently skips a run if the previous one is still running when it is due.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Decimal
from functools import cached_property

from ....schema.hardware import Bandwidth
from ....schema.units import Cores, Count, Duration, Memory, Rate
from ...because import Because, because, decision, first
from ...finding import Refusal, refusal
from ...system import BatchService, Release
from .. import cron
from ..choose import count, number, or_else, readable
from ..scope import Scope
from ..sidecars import with_disk
from .disk import needed
from .files import ModelFiles, bytes_of, transfer
from .identity import service_name
from .replica import of_devices, pod_memory

__all__ = ["BatchPlan", "in_minutes"]

BASE_MEMORY = 2**30
"""Bytes for an interpreter, its libraries, and the rows in memory: an initial guess, until someone measures it."""

SEEN = 300
"""Seconds until Prometheus sees the end of a run that ended just at its deadline."""


class BatchPlan:
    """One service that scores a data set on a schedule."""

    def __init__(self, scope: Scope, part: BatchService) -> None:
        self.scope = scope
        self.part = part

    @cached_property
    def name(self) -> Because[str]:
        """The name of the CronJob, and the prefix of the names of its runs."""
        return service_name(self.scope, self.part.own_name)

    @cached_property
    def model(self) -> Because[str]:
        """The model's name."""
        return self.scope.model_of(self.part)

    @cached_property
    def release(self) -> Release:
        """The live release."""
        return self.scope.release_of(self.model)

    @cached_property
    def files(self) -> ModelFiles:
        """The files of the live release."""
        return ModelFiles(self.scope, self.release, None)

    # Parallelism

    @cached_property
    def partitioned(self) -> Because[bool]:
        """Whether the input is partitioned, so that each pod needs to know its partition."""
        return self.part.partitions.map(lambda partitions: partitions > 1)

    @cached_property
    def parallel(self) -> Because[int]:
        """How many partitions run in parallel."""
        asked, parts, most = self.part.parallel.given, self.part.partitions, self.scope.system.constraints.max_replicas
        if asked is None:
            return _parallel(parts, most)
        if asked.value > parts.value:
            raise _too_many(asked, parts, f"the run has only {count(parts.value, 'partition')}")
        if most is not None and asked.value > most.value:
            raise _too_many(asked, most, f"`maxReplicas` allows only {most.value}")
        return because(asked.value, "set in the spec, and within the limits", asked, most)

    @property
    def total(self) -> Because[Count] | None:
        """The number of items of a run, if the spec declares it."""
        return first(self.part.constraints.items, self.scope.system.constraints.items)

    @cached_property
    def items(self) -> Because[int] | None:
        """The number of items per partition, if the spec declares the total."""
        return _items(self.total, self.part.partitions) if self.total is not None else None

    @cached_property
    def rounds(self) -> Because[int]:
        """How many partitions each pod slot processes, one after another."""
        return _rounds(self.part.partitions, self.parallel)

    @cached_property
    def retries(self) -> Because[int]:
        """The retries per partition."""
        return _retries(self.part.retries, self.part.partitions)

    @cached_property
    def failed_parts(self) -> Because[int]:
        """How many partitions may fail before the run stops."""
        return _failed_parts(self.part.partitions)

    @cached_property
    def cpu(self) -> Because[Cores]:
        """The CPU request of a pod, in cores."""
        return or_else(self.part.resources.cpu, _cpu)

    @cached_property
    def memory(self) -> Because[Memory]:
        """The memory request and limit of a pod."""
        return or_else(self.part.resources.memory, lambda: self.estimated_memory)

    @cached_property
    def pod_memory(self) -> Because[Memory]:
        """The memory request of a pod: its own memory plus shared memory, which counts against the limit."""
        devices = self.part.resources.accelerator
        if self.shared is None:
            return self.memory.also(devices.count) if devices is not None else self.memory
        return pod_memory(self.memory, self.shared)

    @cached_property
    def shared(self) -> Because[Memory] | None:
        """The size of `/dev/shm`; None for Kubernetes's own."""
        return of_devices(self.part.resources.accelerator, self.part.volumes)

    @cached_property
    def estimated_memory(self) -> Because[Memory]:
        """The memory of a pod, if the spec does not set it."""
        return _memory(self.release.artifact.size)

    @cached_property
    def disk(self) -> Because[Memory]:
        """The disk space of the node that a pod requests, without what the image writes unless the spec says it."""
        given, size = self.part.resources.ephemeral_storage, self.release.artifact.size
        return with_disk(or_else(given, lambda: needed(self.files.source, size, None)), self.part.volumes)

    @property
    def disk_limit(self) -> Because[Memory] | None:
        """The disk space that a pod may use; None if the spec does not say it."""
        return self.disk if self.written is not None else None

    @property
    def written(self) -> Because[Memory] | None:
        """What the image may write outside of volumes; None if the spec does not say it."""
        return self.part.resources.ephemeral_storage.given

    # Time

    @property
    def _given_deadline(self) -> Because[Duration] | None:
        return first(self.part.constraints.deadline, self.scope.system.constraints.deadline)

    @cached_property
    def work(self) -> Because[Duration] | None:
        """How long a pod takes for a partition; None if its rate or the number of items is unknown."""
        rate, items = self.part.rate, self.items
        if rate is None or items is None:
            return None
        if not rate.value.amount:
            raise _never_done(rate)
        size, fetched = self.release.artifact.size, self.scope.platform.planning.download
        return _work(items, rate, size if self.files.downloads else None, fetched)

    @cached_property
    def length(self) -> Because[Duration] | None:
        """How long a run takes without retries, if that can be known."""
        return _length(self.work, self.rounds) if self.work is not None else None

    def retried(self, parallel: int) -> Duration | None:
        """How long a run takes with one retry, if this many partitions run in parallel; None if that is unknown."""
        if self.work is None:
            return None
        rounds = -(-self.part.partitions.value // parallel)
        return Duration(self.work.value.amount * (rounds + bool(self.part.retries.value)))

    @cached_property
    def least_rate(self) -> Because[Rate] | None:
        """The items that a pod must score per second to keep the deadline; None if the number of items is unknown."""
        return _least_rate(self.items, self.rounds, self.deadline) if self.items is not None else None

    @cached_property
    def shortest_gap(self) -> Because[Duration]:
        """The shortest time between two runs, on days when clocks do not change."""
        return cron.gap(self.part.schedule)

    @cached_property
    def gap(self) -> Because[Duration]:
        """The shortest time between two runs, on any day."""
        return cron.cadence(self.part.schedule, self.part.time_zone)

    @cached_property
    def longest_gap(self) -> Because[Duration]:
        """The longest time between two runs."""
        return cron.gap(self.part.schedule, cron.longest_gap)

    @cached_property
    def deadline(self) -> Because[Duration]:
        """The deadline of a run, including all retries of all partitions."""
        given = self._given_deadline
        if given is None:
            return cron.deadline(self.gap)
        if given.value >= self.gap.value:
            raise _overlapping(given, self)
        return given

    @cached_property
    def late(self) -> Because[int]:
        """The start deadline, in seconds."""
        return cron.late(self.gap, self.deadline)

    @cached_property
    def kept(self) -> Because[int]:
        """How many seconds to keep a finished run."""
        return cron.kept(self.longest_gap)

    @cached_property
    def stale(self) -> Because[Duration]:
        """The age of the last success that fires an alert."""
        return cron.stale(self.longest_gap, self.deadline)

    @cached_property
    def late_from(self) -> Because[Duration] | None:
        """How long after a run was due its scores are late; None without a deadline in the spec."""
        return _late(self.deadline) if self._given_deadline is not None else None

    @cached_property
    def late_without(self) -> Because[Duration] | None:
        """The time since the last run was due after which the next one is late, even if it never starts."""
        return _never(self.overdue, self.deadline) if self.late_from is not None else None

    @cached_property
    def overdue(self) -> Because[Duration]:
        """The time since the last start after which a run counts as missed."""
        return cron.overdue(self.longest_gap, self.part.time_zone)


def in_minutes(length: Duration) -> Duration:
    """A deadline that is long enough, in whole minutes."""
    return Duration.parse(f"{math.ceil(length.amount / 60)}m")


def _never_done(rate: Because[Rate]) -> Refusal:
    return refusal(
        "MLS008",
        "a pod that scores nothing never ends",
        rate,
        note="every run would be stopped at its deadline",
        help="write the measured number of items per second, or remove it",
    )


def _too_many(asked: Because[int], bound: Because[int], why: str) -> Refusal:
    return refusal(
        "MLS012",
        f"{count(asked.value, 'partition')} cannot run in parallel: {why}",
        asked,
        others=((bound, "the limit"),),
        help=f"write `parallel: {bound.value}` or less, or remove it",
    )


def _overlapping(deadline: Because[Duration], batch: BatchPlan) -> Refusal:
    return refusal(
        "MLS705",
        f"a run may take {deadline.value}, but the next one starts after {batch.gap.value}",
        deadline,
        others=((batch.part.schedule, "the schedule"),),
        note="two runs never overlap, so Kubernetes would silently skip the later one",
        help=f"set `constraints.deadline` below {batch.gap.value}, or run less often",
    )


@decision
def _late(deadline: Because[Duration]) -> tuple[Duration, str]:
    minutes = math.ceil((deadline.value.amount + SEEN) / 60)
    return Duration(minutes * 60), f"{deadline.value} and {SEEN // 60} minutes until Prometheus sees it"


@decision
def _never(overdue: Because[Duration], deadline: Because[Duration]) -> tuple[Duration, str]:
    return Duration(overdue.value.amount + deadline.value.amount), f"{overdue.value}, and {deadline.value} for the run"


@decision
def _parallel(partitions: Because[int], most: Because[int] | None) -> tuple[int, str]:
    if most is not None and most.value < partitions.value:
        return most.value, f"{count(partitions.value, 'partition')}, limited to {count(most.value, 'replica')}"
    if partitions.value == 1:
        return 1, "a single partition"
    return partitions.value, f"{count(partitions.value, 'partition')}, all in parallel"


@decision
def _rounds(partitions: Because[int], parallel: Because[int]) -> tuple[int, str]:
    rounds = -(-partitions.value // parallel.value)
    return rounds, f"{count(partitions.value, 'partition')}, {parallel.value} at a time"


@decision
def _items(items: Because[Count], partitions: Because[int]) -> tuple[int, str]:
    each = math.ceil(items.value.amount / partitions.value)
    return each, f"{number(float(items.value))} items in {count(partitions.value, 'partition')}"


@decision
def _work(
    items: Because[int], rate: Because[Rate], size: Because[Memory] | None, fetched: Because[Bandwidth]
) -> tuple[Duration, str]:
    scoring = math.ceil(items.value / float(rate.value))
    said = f"{number(items.value)} items at {rate.value}"
    if size is None:
        return Duration(scoring), said
    download = transfer(bytes_of(size), fetched)
    return Duration(scoring + download.amount), f"{said}, after {download} to download {size.value}"


@decision
def _least_rate(items: Because[int], rounds: Because[int], deadline: Because[Duration]) -> tuple[Rate, str]:
    whole = items.value * rounds.value
    rate = Decimal(whole) / max(Decimal(1), deadline.value.amount)
    times = "" if rounds.value == 1 else f"{count(rounds.value, 'round')} of "
    digits = min(Decimal("0.1"), Decimal(1).scaleb(rate.adjusted() - 1))  # a decimal, or the first two digits
    enough = rate.quantize(digits, rounding=ROUND_CEILING)  # what is printed keeps the deadline
    return Rate(enough), f"{times}{number(items.value)} items in {deadline.value}, without starts and retries"


@decision
def _length(work: Because[Duration], rounds: Because[int]) -> tuple[Duration, str]:
    each = f"{readable(work.value)} for each partition: {work.reason}"
    if rounds.value == 1:
        return work.value, each
    return Duration(work.value.amount * rounds.value), f"{count(rounds.value, 'round')} of {each}"


@decision
def _retries(retries: Because[int], partitions: Because[int]) -> tuple[int, str]:
    each = "" if partitions.value == 1 else " per partition"
    return retries.value, f"{count(retries.value, 'retry')}{each}; lost nodes do not count"


@decision
def _failed_parts(partitions: Because[int]) -> tuple[int, str]:
    most = max(1, partitions.value // 10)
    if partitions.value == 1:
        return most, "a single partition"
    why = "more failures than that have a common cause, so the rest would fail too"
    return most, f"a tenth of {count(partitions.value, 'partition')}, and at least 1; {why}"


@decision
def _cpu() -> tuple[Cores, str]:
    return Cores(1), "one core, a guess because the image is unknown; set `resources.cpu` to replace it"


@decision
def _memory(size: Because[Memory] | None) -> tuple[Memory, str]:
    step, base = 256 * 2**20, Memory(BASE_MEMORY)
    if size is None:
        return base, f"{base} for the image; the model size is unknown; set `resources.memory` to replace the guess"
    needed = BASE_MEMORY + 2 * int(size.value.amount)
    why = (
        f"{base} for the image plus twice the model size (as read and as loaded); set `resources.memory` to replace "
        f"the guess"
    )
    return Memory(-(-needed // step) * step), why
