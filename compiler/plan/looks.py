"""How late the process that measures sees something: the time between two looks, and the age of what is new at one."""

from __future__ import annotations

from decimal import Decimal

from ...schema.units import Duration, Percent, Rate
from ..because import Because, decision, first
from ..pace import settles
from ..record import Record
from .choose import readable as in_words
from .service import ServicePlan
from .serving.batch import BatchPlan

__all__ = ["Seen", "between", "in_a_file", "looks", "settled"]


class Seen(Record):
    """How a time is read."""

    every: Because[Duration]
    """The time between two looks."""
    behind: Because[Duration]
    """How old the newest one is at a look when all is well."""

    @property
    def oldest(self) -> Because[Duration]:
        """The age just before the next look, when all is well."""
        return _oldest(self.every, self.behind)


@decision
def looks(interval: Because[Duration], most: int) -> tuple[Duration, str]:
    every = min(interval.value, Duration(most))
    return every, f"{in_words(every)} until the next look at it"


SHORT = 60
"""Seconds between two predictions below which no age is longer because of them."""


def between(service: ServicePlan | BatchPlan, share: Because[Percent] | None) -> Because[Duration] | None:
    """The time between two predictions, of those that are captured; None if it is short or unknown."""
    if isinstance(service, BatchPlan):
        return _between_runs(service.longest_gap, service.deadline)
    rate = first(service.traffic("mean"), service.traffic("peak"))
    most = Decimal(1) / SHORT / (share.value.amount if share is not None and share.value.amount else 1)
    if rate is None or not 0 < rate.value.amount <= most:
        return None
    return _between_requests(rate, share)


@decision
def _between_runs(gap: Because[Duration], run: Because[Duration]) -> tuple[Duration, str]:
    total = Duration(gap.value.amount + run.value.amount)
    return total, f"{in_words(gap.value)} until the next run + {in_words(run.value)} until it ends"


@decision
def _between_requests(rate: Because[Rate], share: Because[Percent] | None) -> tuple[Duration, str]:
    captured = share.value.amount if share is not None and share.value.amount else Decimal(1)
    between = Duration(round(1 / (rate.value.amount * captured)))
    of = f", {share.value} of them captured" if share is not None and captured < 1 else ""
    return between, f"{in_words(between)} between two requests at {rate.value}{of}"


def _added(*parts: Because[Duration] | tuple[Duration, str] | None) -> tuple[Duration, str]:
    """The sum of times, and what they are."""
    known = [(part.value, part.reason) if isinstance(part, Because) else part for part in parts if part is not None]
    return Duration(sum(length.amount for length, _ in known)), " + ".join(said for _, said in known)


@decision
def in_a_file(every: Because[Duration], pause: Because[Duration] | None) -> tuple[Duration, str]:
    return _added(pause, (every.value, f"{in_words(every.value)} until its file is finished"))


@decision
def settled(
    interval: Because[Duration], delay: Because[Duration] | None, pause: Because[Duration] | None
) -> tuple[Duration, str]:
    settling = Duration(round(settles(float(interval.value.amount))))
    late = (delay.value, f"{in_words(delay.value)} until labels arrive") if delay is not None else None
    return _added(pause, late, (settling, f"{in_words(settling)} until records have arrived"))


@decision
def _oldest(every: Because[Duration], behind: Because[Duration]) -> tuple[Duration, str]:
    total = Duration(every.value.amount + behind.value.amount)
    between = f"{in_words(every.value)} between two measurements"
    return total, f"{behind.reason} + {between}" if behind.value.amount else between
