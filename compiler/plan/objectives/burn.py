"""How fast a burn of an error budget somebody is told of.

Multi-window, multi-burn-rate alerts (Site Reliability Workbook, chapter 5): a pair of windows fires when both burn
faster than factor x budget. factor = budget share x period / long window, in decimal arithmetic: for 30 days 14.4, 6,
3 and 1. A pair whose threshold is 100 % of requests or more can never fire, and is left out.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from ....schema.units import Duration, Percent, plain
from ...because import Because, decision, fixed
from ...finding import refusal
from ...record import Record
from ...system import Burn, Slo
from ..choose import or_else

__all__ = ["BurnPair", "burn_pairs", "factor"]

# severity, share of the budget, long and short window (Site Reliability Workbook, table 5-8)
_USUAL = (
    ("page", "2%", "1h", "5m"),
    ("page", "5%", "6h", "30m"),
    ("ticket", "10%", "1d", "2h"),
    ("ticket", "10%", "3d", "6h"),
)


class Window(Record):
    """Two windows, and the share of the budget that is gone in the long one."""

    severity: Because[str]
    budget: Because[Percent]
    long: Because[Duration]
    short: Because[Duration]


class BurnPair(Record):
    """Two windows that must both burn for an alert."""

    severity: Because[str]
    """`page` or `ticket`."""
    long: Because[Duration]
    short: Because[Duration]
    threshold: Because[str]
    """The error ratio that both must exceed, as PromQL writes it."""


def factor(share: Percent, period: Duration, long: Duration) -> Decimal:
    """How many times faster than evenly the budget burns when a share of it is gone in one long window."""
    return (share.amount * period.amount / long.amount).quantize(Decimal("0.0001")).normalize()


def burn_pairs(target: Because[Percent], slo: Slo) -> tuple[BurnPair, ...]:
    """The pairs of windows that can fire for a promise: pages before tickets, the shortest window first."""
    pairs = []
    for window in _windows(slo):
        threshold = _threshold(target, slo.window, window.budget, window.long)
        if threshold.value is not None:
            written = threshold.map(lambda t: plain(t or Decimal(0)))
            pairs.append(BurnPair(severity=window.severity, long=window.long, short=window.short, threshold=written))
    return tuple(pairs)


def _windows(slo: Slo) -> tuple[Window, ...]:
    return tuple(sorted(map(_asked, slo.burn), key=_first_told)) if slo.burn else _usual()


def _first_told(window: Window) -> tuple[str, Duration]:
    return window.severity.value, window.long.value


@cache
def _usual() -> tuple[Window, ...]:
    why = "the usual pairs (Site Reliability Workbook, table 5-8)"
    return tuple(
        Window(
            severity=fixed(severity, why),
            budget=fixed(Percent.parse(budget), why),
            long=fixed(Duration.parse(long), why),
            short=fixed(Duration.parse(short), why),
        )
        for severity, budget, long, short in _USUAL
    )


def _asked(burn: Burn) -> Window:
    short = or_else(burn.short, lambda: _twelfth(burn.long))
    if not 0 < short.value.amount < burn.long.value.amount:
        raise refusal(
            "MLS008",
            f"a short window of {short.value} is not within a long one of {burn.long.value}",
            short,
            others=((burn.long, "the long window"),),
            note="the short one says that it still burns: it must end sooner than the long one",
            help="write a long window of `1h` or more"
            if burn.long.value.amount < 60
            else f"write `short: {_twelfth(burn.long).value}`, a twelfth, or leave it out",
        )
    for window in (burn.long, short):
        if window.value.amount % 1:
            raise refusal(
                "MLS008",
                f"requests cannot be counted over {window.value}",
                window,
                note="what is recorded over a window is named after it, in whole seconds",
                help="write whole minutes, hours or days",
            )
    return Window(severity=burn.severity, budget=burn.budget, long=burn.long, short=short)


@decision
def _twelfth(long: Because[Duration]) -> tuple[Duration, str]:
    return Duration(int(long.value.amount / 12)), f"a twelfth of {long.value}"


@decision
def _threshold(
    target: Because[Percent], period: Because[str], share: Because[Percent], long: Because[Duration]
) -> tuple[Decimal | None, str]:
    times = factor(share.value, Duration.parse(period.value), long.value)
    budget = 1 - target.value.amount
    threshold = times * budget
    if threshold >= 1:
        return None, f"{times} times a budget of {plain(budget * 100)} % can never be exceeded"
    return threshold, (
        f"{plain(share.value.amount * 100)} % of the {period.value} budget gone in {long.value} is {plain(times)} "
        f"times the even rate; {plain(times)} x {plain(budget * 100)} % = {plain(threshold * 100)} %"
    )
