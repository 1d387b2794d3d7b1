"""The hourly price of a pod, and the number of runs per month.

Prices come from the platform file. The defaults are list prices as of one day; accelerator prices have a date and a
source. Amounts in different currencies are never added or converted.
"""

from __future__ import annotations

from decimal import Context, Decimal
from functools import cache
from typing import Any

from ....schema.money import Budget, HourlyPrice
from ....schema.units import Cores, Memory, plain
from ...because import Because, decision
from ...day import MONTH
from ...finding import refusal
from ...system import AcceleratorRequest
from .. import cron
from ..choose import number, plural
from ..scope import Scope

__all__ = ["MONTH", "hourly", "in_one_currency", "money", "monthly", "rounded", "times"]

GIB = 2**30

CYCLE_DAYS = 28 * 365 + 7
"""Days until dates fall on the same weekdays again."""


_WIDE = Context(prec=100)


def rounded(amount: Decimal, digits: int) -> Decimal:
    """Round to some decimal places, even if the integer part has more digits than the default decimal context."""
    return amount.quantize(Decimal(1).scaleb(-digits), context=_WIDE)


def hourly(
    scope: Scope,
    cpu: Because[Cores],
    memory: Because[Memory],
    asked: AcceleratorRequest | None,
    shared: Because[Memory] | None = None,
) -> Because[HourlyPrice]:
    """The hourly price of a pod, of whose memory some is shared. Refuses an accelerator without a price, and prices in
    different currencies.
    """
    prices = scope.platform.prices
    if asked is None:
        in_one_currency(prices.core, prices.memory)
        return _hourly(cpu, memory, prices.core, prices.memory, shared)
    device = scope.platform.accelerators[asked.type.value]
    if device.price is None:
        raise refusal(
            "MLS405",
            f"`{asked.type.value}` has no price",
            asked.type,
            note="the budget would be compared with a total that lacks its largest part",
            help=f"add a price to the platform file: `accelerators: {{{asked.type.value}: {{price: 1.2 USD/h}}}}`",
        )
    in_one_currency(prices.core, prices.memory, device.price)
    facts = (asked.type, asked.count, device.price, device.checked, device.source)
    return _hourly(cpu, memory, prices.core, prices.memory, shared, _devices(*facts))


def in_one_currency(first_price: Because[HourlyPrice], *others: Because[Any]) -> None:
    """Refuse a price in another currency."""
    for price in others:
        if price.value.currency != first_price.value.currency:
            raise refusal(
                "MLS405",
                f"one price is in {first_price.value.currency} and another in {price.value.currency}",
                price,
                first_price,
                others=((first_price, "the price of a core"),),
                note="mlspec does not convert currencies, because exchange rates change, and cannot add the two",
                help="in the platform file, give `prices` and the prices of `accelerators` in the same currency",
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
    shared: Because[Memory] | None,
    devices: Because[HourlyPrice] | None = None,
) -> tuple[HourlyPrice, str]:
    gibibytes = memory.value.amount / GIB
    amount = cpu.value.amount * core.value.amount + gibibytes * gibibyte.value.amount
    of_shared = f" ({shared.value} of it shared memory)" if shared is not None else ""
    space = f"{number(float(gibibytes))} GiB{of_shared}"
    said = f"{_cores(cpu.value)} x {_listed(core)} + {space} x {_listed(gibibyte)}"
    if devices is not None:
        amount, said = amount + devices.value.amount, f"{said} + {devices.reason}"
    return HourlyPrice(rounded(amount, 6), core.value.currency, "h"), said


def _cores(cores: Cores) -> str:
    return f"{plain(cores.amount)} core{'' if cores.amount == 1 else 's'}"


def _listed(price: Because[HourlyPrice]) -> str:
    """A price, followed by its source if it is a default."""
    return f"{price.value} ({price.why})" if price.kind == "default" else str(price.value)


def monthly(schedule: Because[str]) -> Because[Decimal]:
    """How often a schedule fires per month of 730 hours, averaged over the 28-year cycle of the calendar."""
    cron.gap(schedule)  # refuses a schedule that Kubernetes would reject
    return _monthly(schedule)


@decision
def _monthly(schedule: Because[str]) -> tuple[Decimal, str]:
    fires = _fires(schedule.value)
    return fires, f"`{schedule.value}` fires {number(float(fires))} times in {MONTH} h"


@cache
def _fires(schedule: str) -> Decimal:
    made = cron.read(schedule)
    if len(made.dates) == 31 and len(made.months) == 12 and not made.either:  # the same every week
        days, cycle = len(made.weekdays), 7
    else:
        days, cycle = sum(day < CYCLE_DAYS for day in made.days()), CYCLE_DAYS
    return Decimal(days * len(made.minutes) * MONTH) / (cycle * 24)


def money(amount: Decimal, price: Because[Any]) -> Budget:
    """A monthly amount in the currency of a price, rounded to the cent."""
    return Budget(rounded(amount, 2), price.value.currency, "month")


def times(many: Decimal, what: str) -> str:
    """A number of things that need not be whole, with three significant digits: `1 run`, `30.4 runs`."""
    said = number(float(many))
    return f"{said} {plural(what, one=said == '1')}"
