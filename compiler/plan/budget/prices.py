"""What a pod costs in an hour, and how often a month has a run.

Prices are the platform's. Where it gives none they are list prices of one day: those of accelerators are dated and name
where they are from. Money of two currencies is never added, and none is converted.
"""

from __future__ import annotations

from decimal import Context, Decimal
from functools import cache

from ....schema.money import HourlyPrice
from ....schema.units import Cores, Memory, plain
from ...because import Because, decision
from ...finding import refusal
from ...system import AcceleratorRequest
from .. import cron
from ..choose import number
from ..scope import Scope

__all__ = ["MONTH", "hourly", "monthly", "rounded"]

MONTH = 730
"""Hours: 365 x 24 / 12."""

GIB = 2**30

CYCLE_DAYS = 28 * 365 + 7
"""Days after which dates fall on the same weekdays again."""


_WIDE = Context(prec=100)


def rounded(amount: Decimal, digits: int) -> Decimal:
    """Rounded to some digits after the point, also where those before it are more than a decimal usually keeps."""
    return amount.quantize(Decimal(1).scaleb(-digits), context=_WIDE)


def hourly(
    scope: Scope, cpu: Because[Cores], memory: Because[Memory], asked: AcceleratorRequest | None
) -> Because[HourlyPrice]:
    """What a pod costs in an hour; refused where an accelerator has no price, or one in another currency."""
    prices = scope.platform.prices
    if asked is None:
        _in_one_currency(prices.core, prices.memory)
        return _hourly(cpu, memory, prices.core, prices.memory)
    device = scope.platform.accelerators[asked.type.value]
    if device.price is None:
        raise refusal(
            "MLS405",
            f"nothing says what one `{asked.type.value}` costs",
            asked.type,
            note="the budget would be compared with a sum that lacks its largest part",
            help=f"add a price to the platform file: `accelerators: {{{asked.type.value}: {{price: 1.2 USD/h}}}}`",
        )
    _in_one_currency(prices.core, prices.memory, device.price)
    facts = (asked.type, asked.count, device.price, device.checked, device.source)
    return _hourly(cpu, memory, prices.core, prices.memory, _devices(*facts))


def _in_one_currency(first_price: Because[HourlyPrice], *others: Because[HourlyPrice]) -> None:
    for price in others:
        if price.value.currency != first_price.value.currency:
            raise refusal(
                "MLS405",
                f"one price is in {first_price.value.currency} and another in {price.value.currency}",
                price,
                first_price,
                others=((first_price, "the price of a core"),),
                note="nothing is converted, as rates of exchange move; a sum of both would mean nothing",
                help="give `prices` and the prices of `accelerators` in one currency in the platform file",
            )


@decision
def _devices(
    kind: Because[str],
    number_of: Because[int],
    price: Because[HourlyPrice],
    checked: Because[str] | None,
    source: Because[str] | None,
) -> tuple[HourlyPrice, str]:
    dated = ", ".join(fact.value for fact in (source, checked) if fact is not None)
    return (
        HourlyPrice(number_of.value * price.value.amount, price.value.currency, "h"),
        f"{number_of.value} {kind.value} x {price.value}{f' ({dated})' if dated else ''}",
    )


@decision
def _hourly(
    cpu: Because[Cores],
    memory: Because[Memory],
    core: Because[HourlyPrice],
    gibibyte: Because[HourlyPrice],
    devices: Because[HourlyPrice] | None = None,
) -> tuple[HourlyPrice, str]:
    gibibytes = memory.value.amount / GIB
    amount = cpu.value.amount * core.value.amount + gibibytes * gibibyte.value.amount
    said = f"{_cores(cpu.value)} x {_listed(core)} + {number(float(gibibytes))} GiB x {_listed(gibibyte)}"
    if devices is not None:
        amount, said = amount + devices.value.amount, f"{said} + {devices.reason}"
    return HourlyPrice(rounded(amount, 6), core.value.currency, "h"), said


def _cores(cores: Cores) -> str:
    return f"{plain(cores.amount)} core{'' if cores.amount == 1 else 's'}"


def _listed(price: Because[HourlyPrice]) -> str:
    """A price, and where it is from when the platform file does not give it."""
    return f"{price.value} ({price.why})" if price.kind == "default" else str(price.value)


def monthly(schedule: Because[str]) -> Because[Decimal]:
    """How often a schedule fires in a month of 730 hours, as the mean over the 28 years of the calendar's cycle."""
    cron.gap(schedule)  # refuses what Kubernetes would not read
    return _monthly(schedule)


@decision
def _monthly(schedule: Because[str]) -> tuple[Decimal, str]:
    fires = _fires(schedule.value)
    return fires, f"`{schedule.value}` starts {number(float(fires))} in {MONTH} h"


@cache
def _fires(schedule: str) -> Decimal:
    made = cron.read(schedule)
    if len(made.dates) == 31 and len(made.months) == 12 and not made.either:  # the same every week
        days, cycle = len(made.weekdays), 7
    else:
        days, cycle = sum(day < CYCLE_DAYS for day in made.days()), CYCLE_DAYS
    return Decimal(days * len(made.minutes) * MONTH) / (cycle * 24)
