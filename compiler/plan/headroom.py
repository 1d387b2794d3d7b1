"""Headroom: how far what was decided is from the point at which it would no longer do."""

from __future__ import annotations

from decimal import Decimal

from ...schema.units import Duration, Percent, Rate
from ..because import Because, decision
from .capacity import MAX_UTILIZATION, SPARE_FROM
from .choose import count, number

__all__ = ["carried", "left"]


@decision
def carried(
    replicas: Because[int],
    slots: Because[int],
    service: Because[Duration],
    availability: Because[Percent] | None,
    peak: Because[Rate] | None,
) -> tuple[Rate, str]:
    """The rate at which some replicas are as busy as they may be: N · c · 0.7 / S, with one lost where it must
    not show.

    The inverse of the first capacity rule (`capacity.replicas`); waiting may set a lower limit, never a higher one.
    """
    spare = availability is not None and availability.value >= SPARE_FROM and replicas.value > 1
    able = replicas.value - 1 if spare else replicas.value
    rate = able * slots.value * MAX_UTILIZATION / float(service.value)
    who = f"{count(able, 'replica')}{' that are left when one is lost' if spare else ''}"
    said = f"{who} x {count(slots.value, 'slot')} x {MAX_UTILIZATION:.0%} / {service.value}"
    if peak is not None and peak.value.amount:
        said += f": {number(rate / float(peak.value))} times the peak of {peak.value}"
    return Rate.parse(f"{rate:.0f}/s" if rate >= 10 else f"{rate:.2f}/s"), said


@decision
def left(room: Because[Duration], needed: Because[Duration]) -> tuple[Duration, str]:
    """The time that is left over."""
    return Duration(max(Decimal(0), room.value.amount - needed.value.amount)), f"{room.value} less {needed.value}"
