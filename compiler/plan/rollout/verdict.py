"""What a controller concludes from the windows of a step, and the odds that it concludes wrongly.

Argo Rollouts compares each window with a limit and aborts after more than `failures` failed windows. The probabilities
of a false abort and of a missed regression are binomial. A window with too few requests has no verdict, and one more of
those than may fail holds the rollout: the requests of a window are Poisson, and the windows binomial.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ...record import Record
from ..choose import count
from ..distributions import exceeds, falls_below

__all__ = ["MINUTES", "Verdict", "fewest", "held_windows", "verdict"]


class Verdict(Record):
    """An analysis by windows of some minutes, each compared with a limit, and its error probabilities."""

    minutes: int
    limit: float
    """The share of bad requests above which a window fails."""
    windows: int
    failures: int
    """How many windows may fail; one more, and the version is rolled back."""
    requests: int
    """The expected requests per window."""
    least: int
    """The minimum requests in a window; below it, the window has no verdict."""
    false_abort: float
    missed: float
    held: float
    """The probability that too many windows have no verdict, so that the rollout waits for an engineer."""
    risk: float
    """The maximum accepted probability of a false abort, of a missed regression, and of holding the rollout."""

    def __str__(self) -> str:
        return f"{count(self.windows, 'window')} of {self.minutes} min"

    @property
    def lasts(self) -> int:
        """The duration of all windows in seconds."""
        return 60 * self.minutes * self.windows

    @property
    def wrong(self) -> float:
        """The largest of the three probabilities."""
        return max(self.false_abort, self.missed, self.held)

    @property
    def sure(self) -> bool:
        """Whether all three probabilities are small enough."""
        return self.wrong < self.risk

    def held_at(self, rate: float) -> float:
        """The probability of holding the rollout if the version gets `rate` requests per second."""
        return _holds(rate * 60 * self.minutes, self.least, self.windows, self.failures)


MINUTES = (1, 2, 5, 10, 15, 30, 45, 60)
"""The possible lengths of a window."""

Least = Callable[[int, float], int]
"""The minimum requests of a window, from the expected requests and the limit."""


def held_windows(failures: int) -> int:
    """How many windows may lack requests: one more than may fail, so that a version that fails is never held."""
    return failures + 1


def _holds(expected: float, least: int, windows: int, failures: int) -> float:
    return exceeds(windows, falls_below(expected, least), held_windows(failures))


def fewest(requests: int, limit: float, quiet: float = 1.0) -> int:
    """The minimum requests for a verdict: a quarter of those expected, and enough that one failure alone is allowed.

    If not even the expected requests are enough for that, it is half of them: more would leave every other window
    without a verdict. `quiet` is the share of the traffic at the trough, where a quarter is still enough.
    """
    alone = math.ceil(1 / limit - 1e-9)
    return max(1, int(requests * quiet / 4), alone if alone <= requests else requests // 2)


def verdict(
    rate: float,
    p1: float,
    p2: float,
    windows: int | Callable[[int], int],
    failures: int,
    limit: float | None = None,
    least_minutes: float = 0,
    most_minutes: int = MINUTES[-1],
    risk: float = 0.05,
    lengths: tuple[int, ...] = MINUTES,
    least: Least = fewest,
) -> Verdict:
    """The shortest windows with small enough error probabilities, else the longest windows.

    `rate` is in requests per second. `windows` is the number of windows, or a function from their length in minutes to
    their number, for an analysis that runs during the steps. `least_minutes` is the minimum for computing a rate,
    `most_minutes` is the maximum that fits, `lengths` are the choices, and `least` is the minimum of requests. The
    default limit is between p1 and p2, the same number of standard deviations from both; if p1 is zero, in the middle.
    """
    chosen = None
    limit = _balanced(p1, p2) if limit is None else limit
    for minutes in lengths:
        expected = rate * 60 * minutes
        if expected < 1 - 1e-9 or minutes < least_minutes or (chosen is not None and minutes > most_minutes):
            continue
        count = windows if isinstance(windows, int) else windows(minutes)
        chosen = _judge(expected, minutes, p1, p2, count, failures, limit, risk, least)
        if chosen.sure:
            return chosen
    count = windows if isinstance(windows, int) else windows(lengths[-1])
    return chosen or _judge(rate * 60 * lengths[-1], lengths[-1], p1, p2, count, failures, limit, risk, least)


def _balanced(p1: float, p2: float) -> float:
    if not p1:
        return p2 / 2
    near, far = math.sqrt(p1 * (1 - p1)), math.sqrt(p2 * (1 - p2))
    limit = (p1 * far + p2 * near) / (near + far)
    digits = 3 - math.floor(math.log10(limit)) - 1  # three significant digits, for readability
    return round(limit, digits)


def _judge(
    expected: float,
    minutes: int,
    p1: float,
    p2: float,
    windows: int,
    failures: int,
    limit: float,
    risk: float,
    least: Least,
) -> Verdict:
    n = max(1, math.floor(expected + 1e-9))  # 0.3 x 0.05 x 1800 is 26.999... to a float
    enough = least(n, limit)
    most = math.floor(limit * n + 1e-9)
    false_abort = exceeds(windows, exceeds(n, p1, most), failures)
    missed = 1 - exceeds(windows, exceeds(n, p2, most), failures)
    return Verdict(
        minutes=minutes,
        limit=limit,
        windows=windows,
        failures=failures,
        requests=n,
        least=enough,
        false_abort=false_abort,
        missed=missed,
        held=_holds(expected, enough, windows, failures),
        risk=risk,
    )
