"""A number of accelerators of one type for a training run: whether it fits, when it is done, and what it costs.

Traps that this module handles: what a language model needs at least is without its activations, so its training state
may only take a share of the memory; of other models only the accelerators are known that they were measured on, so
smaller ones may not do.
"""

from __future__ import annotations

import math
from decimal import Decimal

from ....schema.money import HourlyPrice
from ....schema.units import Duration, Memory, Percent
from ...because import Because, because, decision
from ...row import Row
from ..accelerators import called
from ..choose import count, gibibytes, number, readable, seconds
from . import fit

__all__ = [
    "Option",
    "against",
    "cost",
    "ends",
    "holds",
    "in_time",
    "keeps",
    "limit",
    "paid",
    "too_small",
    "unknown",
    "work",
]

ALIKE = Decimal("0.99")
"""The share of a memory that counts as the same: drivers report slightly different sizes for 80 GB."""


class Option(Row):
    """A number of accelerators of one type for a training run."""

    name: Because[str]
    devices: Because[int]
    time: Because[float]
    """Seconds per fit; infinite if the FLOP/s are unknown."""
    work: Because[float]
    """Seconds of all fits of a run."""
    cost: Because[float] | None
    """The accelerators of a run, in the currency of their price; None without a price."""
    unfit: Because[str]
    """Why the accelerators cannot train the model; empty if they can, as far as it is known."""
    late: Because[str]
    """Why a run would not keep the deadline; empty if it would."""


def keeps(option: Option) -> bool:
    """Whether an option can train the model, and keeps the deadline."""
    return not option.unfit.value and not option.late.value


def paid(option: Option) -> str:
    """What an option costs, and how long a fit takes."""
    cost = option.cost.reason if option.cost is not None else "its price is unknown"
    return f"{cost} (a fit takes {option.time.reason})"


def against(option: Option) -> str:
    """Why an option was not chosen."""
    name = called(option.devices.value, option.name.value)
    return f"{name}: {option.unfit.value or option.late.value or paid(option)}"


@decision
def unknown(time: Because[float]) -> tuple[str, str]:
    """Why accelerators cannot be compared."""
    return time.reason, "nothing says how long a fit takes"


@decision
def holds(least: Because[int], memory: Because[Memory] | None, share: Because[Percent] | None) -> tuple[bool, str]:
    """Whether a device has the memory, if training state may take only a share of it."""
    if memory is None:
        return False, "its memory is unknown"
    has = float(memory.value) * (float(share.value) if share is not None else 1)
    of = f"{share.value} of {memory.value}" if share is not None else str(memory.value)
    return least.value <= has, f"{least.reason}, and a device has {of} ({gibibytes(has)}) for it"


@decision
def too_small(
    memory: Because[Memory] | None, devices: Because[int], known: Because[Memory] | None, declared: Because[int]
) -> tuple[str, str]:
    """Why devices may have too little memory: less than those on which the model is known to fit, each or together."""
    if memory is None or known is None:
        return "its memory, or that of the declared accelerators, is unknown", "memory cannot be compared"
    those = f"{count(declared.value, 'device')} with {known.value}"
    each = ALIKE * known.value.amount
    if memory.value.amount >= each and devices.value * memory.value.amount >= declared.value * each:
        return "", f"at least as much memory as {those}"
    mine = f"{count(devices.value, 'device')} with {memory.value}"
    return f"{mine} may be too small: the model is only known to fit on {those}", "nothing says how much it needs"


@decision
def work(time: Because[float], fits: Because[int]) -> tuple[float, str]:
    """Seconds of all fits of a run."""
    total = time.value * fits.value
    if fits.value == 1 or total == math.inf:
        return total, time.reason
    return total, f"{count(fits.value, 'fit')} ({fits.reason}) of {time.reason}"


@decision
def limit(given: Because[Duration] | None, cadence: Because[Duration] | None) -> tuple[Duration | None, str]:
    """How long a run may take: the deadline, or the time until the next run."""
    if given is not None and (cadence is None or given.value <= cadence.value):
        return given.value, f"the deadline of {readable(given.value)}"
    if cadence is not None:
        return cadence.value, f"the {readable(cadence.value)} until the next run"
    return None, "no deadline"


@decision
def ends(work: Because[float], limit: Because[Duration | None]) -> tuple[str, str]:
    """Why a measured run does not end in time."""
    if limit.value is None or work.value <= float(limit.value):
        return "", limit.reason
    return f"a run takes {seconds(work.value)}, longer than {limit.reason}", work.reason


@decision
def in_time(
    work: Because[float],
    limit: Because[Duration | None],
    retries: Because[int],
    headroom: Because[float],
    wait: Because[Duration],
) -> tuple[str, str]:
    """Why an estimated run does not end in time, with its headroom and all of its tries."""
    if limit.value is None or work.value == math.inf:
        return "", limit.reason
    whole = because(Duration(Decimal(math.ceil(work.value))), seconds(work.value), work)
    needs = fit.wanted(whole, retries, headroom, wait)
    if needs.value <= limit.value:
        return "", limit.reason
    return f"a run needs up to {readable(needs.value)} ({needs.reason}), longer than {limit.reason}", work.reason


@decision
def cost(work: Because[float], devices: Because[int], price: Because[HourlyPrice]) -> tuple[float, str]:
    """What the accelerators of a run cost."""
    hours = work.value / 3600
    amount = hours * devices.value * float(price.value)
    many = f"{devices.value} x " if devices.value > 1 else ""
    return amount, f"{number(hours)} h x {many}{price.value} = {number(amount)} {price.value.currency} per run"
