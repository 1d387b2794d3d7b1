"""Rollouts of a new version, many times: how often its canary promotes it, rolls it back, or waits for an engineer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from random import Random

from ..plan.choose import number
from .arrivals import DAY, Load
from .batching import generated
from .canary import HELD, PROMOTED, ROLLED_BACK, Arm, Outcome, rolled_out
from .fleet import SERVED, Trace
from .measure import percentile
from .options import ROLLOUTS, Options
from .planned import Planned
from .planned_rollout import Judged, Rollout
from .queues import Server, served
from .report import CANARY, Promise, SimulatedRollouts, judged, percent

__all__ = ["rollouts", "too_long"]

MOST = 10_000_000
"""The most looks of all rollouts, unless the user says how many rollouts there are: about ten seconds."""

LEAST = 20
"""The fewest rollouts that say anything: if these would be too many looks, none is simulated."""

SAMPLE = 20_000
"""The requests of a slow version that are simulated to see how many are late."""


def rollouts(planned: Planned, rollout: Rollout, options: Options) -> SimulatedRollouts:
    """Roll out a new version many times. A good one has as many bad requests as the plan assumes of the live one."""
    rate = (planned.profile.trough if options.at == "trough" else planned.profile.mean) * rollout.passing
    new, old = _new(planned, rollout, options, rate), _good(rollout)
    random = Random(options.seed)
    startup, many = planned.how.startup, _many(rollout, options)
    ended = [rolled_out(rollout.stages, rate, new, old, rollout.each, startup, random) for _ in range(many)]
    back = sorted(one.seconds for one in ended if one.verdict == ROLLED_BACK)
    spent = sorted(_spent(planned, one) for one in ended)
    counted = Counter(one.verdict for one in ended)
    known = planned.availability is not None
    return SimulatedRollouts(
        version=_version(options),
        rate=rate,
        runs=len(ended),
        asked=options.rollouts or ROLLOUTS,
        promoted=counted[PROMOTED],
        rolled_back=counted[ROLLED_BACK],
        held=counted[HELD],
        seconds=percentile(back, 0.5) if back else None,
        slowest=percentile(back, 0.95) if back else None,
        spent=percentile(spent, 0.5) if known else None,
        most_spent=percentile(spent, 0.95) if known else None,
        by=tuple(Counter(one.by for one in ended if one.by).most_common()),
        windows=ended[0].windows,
        ended=(ended[0].verdict, ended[0].seconds),
        promises=tuple(_promises(rollout, options, new, counted, len(ended))),
    )


def _many(rollout: Rollout, options: Options) -> int:
    """How many rollouts to simulate: fewer if each takes weeks, unless the user says how many."""
    if options.rollouts is not None:
        return options.rollouts
    return max(LEAST, min(ROLLOUTS, MOST // max(1, rollout.looks)))


def too_long(rollout: Rollout) -> str:
    """Why its rollouts are not simulated; empty if they are."""
    if rollout.looks * LEAST <= MOST:
        return ""
    days = sum(stage.seconds for stage in rollout.stages) / DAY
    return f"the canary: its rollout takes {days:,.0f} days, so even {LEAST} rollouts would take long to simulate"


def _version(options: Options) -> str:
    said = []
    if options.bad is not None:
        said.append(f"{percent(options.bad)} of its requests fail")
    if options.slow is not None:
        said.append(f"it takes {number(options.slow)} times as long")
    return " and ".join(said) or "as many bad requests as the error budgets allow"


def _spent(planned: Planned, one: Outcome) -> float:
    """The share of the error budget of availability that the failures of the new version are."""
    if planned.availability is None:
        return 0.0
    return one.failed / ((1 - planned.availability) * planned.month)


# The versions


def _good(rollout: Rollout) -> Arm:
    failing = next((one.usual for one in rollout.judged if one.kind == "availability"), 0.0)
    return Arm(failing=failing, slow={one.name: one.usual for one in rollout.judged if one.kind != "availability"})


def _new(planned: Planned, rollout: Rollout, options: Options, rate: float) -> Arm:
    good = _good(rollout)
    failing = good.failing if options.bad is None else options.bad
    if options.slow is None:
        return Arm(failing=failing, slow=good.slow)
    first = rollout.stages[0].share
    trace = _slower(planned, options, rate * first, max(1, math.ceil(planned.replicas["mean"] * first)))
    slow = {one.name: max(one.usual, _late(trace, one)) for one in rollout.judged if one.kind != "availability"}
    return Arm(failing=failing, slow=slow)


def _slower(planned: Planned, options: Options, rate: float, replicas: int) -> Trace:
    """The pods of the new version in its first step, each slower."""
    factor, long = options.slow or 1.0, min(SAMPLE / rate, DAY) if rate else DAY
    arrivals = Load(rate).arrivals(long, Random(options.seed))
    how, random = planned.how, Random(options.seed + 1)
    if isinstance(how, Server):
        return served(how.but(times=how.times.slower(factor)), arrivals, long, replicas, random)
    slower = how.but(
        steps=tuple(step * factor for step in how.steps), each=how.each * factor, reading=how.reading * factor
    )
    return generated(slower, arrivals, long, replicas, random)


def _late(trace: Trace, one: Judged) -> float:
    assert one.bound is not None
    if one.kind == "inter_token":
        every = sum(many for _, many in trace.gaps)
        return sum(many for took, many in trace.gaps if took > one.bound) / every if every else 0.0
    times = trace.latency if one.kind == "latency" else trace.waited
    answered = [took for took, outcome in zip(times, trace.outcome, strict=True) if outcome == SERVED]
    return sum(took > one.bound for took in answered) / len(answered) if answered else 1.0


# The promises


def _promises(rollout: Rollout, options: Options, new: Arm, counted: Counter[str], many: int) -> Iterator[Promise]:
    """A version with the regression is rolled back, and one without neither that nor held, as often as planned."""
    if options.bad is None and options.slow is None:
        yield _rarely(CANARY[0], rollout.false_abort, counted[ROLLED_BACK], many)
        yield _rarely(CANARY[1], rollout.held, counted[HELD], many)
        return
    harmful = [one for one in rollout.judged if _share(new, one) >= one.harm]
    if harmful:
        yield _rarely(CANARY[2], rollout.missed, many - counted[ROLLED_BACK], many)


def _share(arm: Arm, one: Judged) -> float:
    return arm.failing if one.kind == "availability" else arm.slow[one.name]


def _rarely(title: str, allowed: float, happened: int, many: int) -> Promise:
    measured = happened / many
    error = wilson(happened, many)
    return Promise(
        title=title,
        promised=f"at most {percent(allowed)}",
        happened=f"{percent(measured)} ± {percent(error)} of {many:,}",
        verdict=judged(allowed, measured, error),
        allowed=allowed,
        measured=measured,
        error=error,
    )


def wilson(true: int, many: int) -> float:
    """How far a 95% confidence interval of a proportion reaches (E. B. Wilson, 1927)."""
    z = 1.96
    share = true / many
    middle = (share + z * z / (2 * many)) / (1 + z * z / many)
    half = z * math.sqrt(share * (1 - share) / many + z * z / (4 * many * many)) / (1 + z * z / many)
    return max(share - (middle - half), middle + half - share)
