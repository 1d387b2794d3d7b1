"""The burn rates of an error budget that fire alerts.

Multiwindow, multi-burn-rate alerts (Site Reliability Workbook, chapter 5): a pair of windows fires if both burn faster
than burn rate x budget. The burn rate is budget share x period / long window, in decimal arithmetic: for 30 days 14.4,
6, 3, and 1. A week has other shares: with those of a month, alerts would fire at burn rates of 0.7 and 0.23, at which
its budget lasts. A pair with a threshold of 100% of requests or more can never fire, and is omitted.
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

__all__ = ["BurnPair", "burn_pairs", "burn_windows", "factor"]

_PAIRS = (("page", "1h", "5m"), ("page", "6h", "30m"), ("ticket", "1d", "2h"), ("ticket", "3d", "6h"))
"""The severity, the long, and the short window (Site Reliability Workbook, table 5-8)."""

_MONTH = ("2%", "5%", "10%", "10%"), "the standard pairs (Site Reliability Workbook, table 5-8)"
_WEEK = ("8.5%", "21%", "42%", "43%"), "the burn rates of the standard pairs, as shares of the budget of a week"
_SHARES = {"7d": _WEEK, "28d": _MONTH, "30d": _MONTH}
"""The shares of the budget, and why it is these, by the period."""


class Window(Record):
    """A pair of windows, and the share of the budget that is consumed in the long one."""

    severity: Because[str]
    budget: Because[Percent]
    long: Because[Duration]
    short: Because[Duration]


class BurnPair(Record):
    """A pair of windows; the alert fires if both burn."""

    severity: Because[str]
    """`page` or `ticket`."""
    long: Because[Duration]
    short: Because[Duration]
    rate: Because[Decimal]
    """The burn rate that both must exceed: as a multiple of the one at which the budget lasts for its period."""
    threshold: Because[str]
    """The same as an error ratio, as a PromQL number."""


def factor(share: Percent, period: Duration, long: Duration) -> Decimal:
    """The burn rate that consumes a share of the budget in one long window."""
    return (share.amount * period.amount / long.amount).quantize(Decimal("0.0001")).normalize()


def burn_pairs(target: Because[Percent], slo: Slo) -> tuple[BurnPair, ...]:
    """The window pairs that can fire for an objective: pages before tickets, shortest window first."""
    pairs = []
    for window in burn_windows(slo):
        threshold = _threshold(target, slo.window, window.budget, window.long)
        if threshold.value is not None:
            pair = BurnPair(
                severity=window.severity,
                long=window.long,
                short=window.short,
                rate=_rate(window.budget, slo.window, window.long),
                threshold=threshold.map(lambda t: plain(t or Decimal(0))),
            )
            pairs.append(pair)
    return tuple(pairs)


def burn_windows(slo: Slo) -> tuple[Window, ...]:
    """The window pairs of the spec, or else the standard ones, whether they can fire or not."""
    return tuple(sorted(map(_asked, slo.burn), key=_urgency)) if slo.burn else _usual(slo.window.value)


def _urgency(window: Window) -> tuple[str, Duration]:
    return window.severity.value, window.long.value


@cache
def _usual(period: str) -> tuple[Window, ...]:
    shares, why = _SHARES[period]
    return tuple(
        Window(
            severity=fixed(severity, why),
            budget=fixed(Percent.parse(share), why),
            long=fixed(Duration.parse(long), why),
            short=fixed(Duration.parse(short), why),
        )
        for share, (severity, long, short) in zip(shares, _PAIRS, strict=True)
    )


def _asked(burn: Burn) -> Window:
    short = or_else(burn.short, lambda: _twelfth(burn.long))
    if not 0 < short.value.amount < burn.long.value.amount:
        raise refusal(
            "MLS008",
            f"the short window of {short.value} is not shorter than the long window of {burn.long.value}",
            short,
            others=((burn.long, "the long window"),),
            note="the short window resolves the alert soon after the burn stops, so it must be shorter",
            help="write a long window of `1h` or more"
            if burn.long.value.amount < 60
            else f"write `short: {_twelfth(burn.long).value}`, which is a twelfth of it, or remove `short`",
        )
    for window in (burn.long, short):
        if window.value.amount % 1:
            raise refusal(
                "MLS008",
                f"a window of {window.value} is not a whole number of seconds",
                window,
                note="the name of a recording rule contains its window in whole seconds",
                help="write whole minutes, hours, or days",
            )
    return Window(severity=burn.severity, budget=burn.budget, long=burn.long, short=short)


@decision
def _twelfth(long: Because[Duration]) -> tuple[Duration, str]:
    return Duration(int(long.value.amount / 12)), f"a twelfth of {long.value}"


@decision
def _rate(share: Because[Percent], period: Because[str], long: Because[Duration]) -> tuple[Decimal, str]:
    times = factor(share.value, Duration.parse(period.value), long.value)
    return times, f"{share.value} of the {period.value} error budget in {long.value}"


@decision
def _threshold(
    target: Because[Percent], period: Because[str], share: Because[Percent], long: Because[Duration]
) -> tuple[Decimal | None, str]:
    times = factor(share.value, Duration.parse(period.value), long.value)
    budget = 1 - target.value.amount
    threshold = times * budget
    if threshold >= 1:
        return None, f"an error ratio can never exceed {times} x {plain(budget * 100)}%"
    return threshold, (
        f"{plain(share.value.amount * 100)}% of the {period.value} error budget in {long.value} is a burn rate of "
        f"{plain(times)}; {plain(times)} x {plain(budget * 100)}% = {plain(threshold * 100)}%"
    )
