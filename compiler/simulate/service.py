"""The simulation of one online service: its traces, and what they say about the promises of the plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from ..plan.choose import count, number, seconds
from ..plan.objectives import ALERTED
from .arrivals import DAY, Burst, Load, Profile
from .batching import generated
from .fleet import EVICTION, GONE, SERVED, UNNOTICED, Loss, Trace
from .measure import Share, bins, gaps, percentile, responses, share, warm
from .options import Options
from .planned import Bound, Planned
from .queues import Server, served
from .report import BROKEN, KEPT, Promise, SimulatedRollouts, SimulatedService, judged, percent

__all__ = ["reported"]

EVENT = 600.0
"""When something goes wrong, in seconds, so that the queues have settled before."""

AFTER = 600.0
"""The seconds that must be simulated after a burst."""

OBJECTIVE = min(float(target) for target in ALERTED.values())
"""The lowest percentile that is an objective, and so has an error budget."""

SETTLES = 900.0
"""The seconds after which an autoscaler that began with too many replicas has removed some."""

LOST = (
    f"a lost pod gets requests for {GONE:.0f} s more; the pods of a lost zone get them for "
    f"{UNNOTICED:.0f} s, and are replaced {EVICTION:.0f} s after that: Kubernetes's defaults"
)

OFTEN = 0.05
"""The share of the looks at which an autoscaler may want more replicas than its maximum."""


def reported(planned: Planned, options: Options, rollouts: SimulatedRollouts | None) -> SimulatedService:
    """Simulate a service and judge its promises."""
    long = _seconds(planned, options)
    traces = [_run(planned, options, long, options.seed + number) for number in range(options.runs)]
    settles = 0.0 if options.at == "day" or options.eventful else long / 10
    rows = warm(traces, settles)
    promises, unjudged = _promises(planned, options, traces, rows)
    if scaled(planned, options) and long < SETTLES:
        unjudged.append(
            f"the autoscaler: {_long(long)} are too short for it to remove a replica; {_longer(long, options)}"
        )
    bound = max((one for one in planned.bounds if one.kind == "latency"), key=lambda one: one.share, default=None)
    return SimulatedService(
        name=planned.name,
        conditions=_conditions(planned, options, long),
        requests=sum(len(trace.arrived) for trace in traces),
        seconds=long,
        runs=options.runs,
        replicas=_ready(traces),
        promises=(*promises, *_of_rollouts(rollouts)),
        rollouts=rollouts,
        unjudged=tuple(unjudged),
        assumptions=(
            *(planned.of_a_day if options.at in ("day", "trough") else ()),
            *planned.assumptions,
            *((LOST,) if options.lose is not None else ()),
        ),
        bins=tuple(bins(traces[0])),
        bound=bound.seconds if bound is not None else None,
        bound_name=bound.name.rpartition(" ")[2] if bound is not None else "",
    )


# What runs


def scaled(planned: Planned, options: Options) -> bool:
    """Whether an autoscaler is simulated."""
    return planned.autoscaler is not None and not options.fixed


def _rate(planned: Planned, options: Options) -> float:
    return float(getattr(planned.profile, "peak" if options.at == "day" else options.at))


def _seconds(planned: Planned, options: Options) -> float:
    """How long to simulate: as asked, unless that is more requests than allowed."""
    asked, rate = _asked(options), _rate(planned, options)
    if options.at == "day" and planned.profile.mean * asked <= options.most:
        return asked
    most = options.most / rate if rate else asked
    least = EVENT + options.burst.lasts + AFTER if options.burst is not None else 0.0
    return max(1.0, min(asked, max(most, least)))


def _asked(options: Options) -> float:
    return (options.hours if options.hours is not None else 24 if options.at == "day" else 1) * 3600.0


def _longer(long: float, options: Options) -> str:
    """What to change for more simulated time: as much as was asked for may be too little, or have too many requests."""
    ways = {"--hours": _asked(options) < SETTLES, "--requests": long < _asked(options)}
    return f"raise {' and '.join(f'`{name}`' for name, limits in ways.items() if limits)}"


def _burst(options: Options, long: float) -> Burst | None:
    return options.burst.but(at=min(EVENT, long / 4)) if options.burst is not None else None


def _simulated(
    planned: Planned, rate: float | Profile, long: float, replicas: int, options: Options, seed: int
) -> Trace:
    """One run."""
    random = Random(seed)
    scaler = planned.autoscaler if scaled(planned, options) else None
    losses = [Loss(what=options.lose, at=min(EVENT, long / 4), zones=planned.zones)] if options.lose is not None else []
    begins = (DAY - long) / 2 if _around_noon(options, long) else 0.0
    arrivals = Load(rate, _burst(options, long), begins).arrivals(long, Random(seed + 1_000_003))
    if isinstance(planned.how, Server):
        return served(planned.how, arrivals, long, replicas, random, scaler, losses)
    return generated(planned.how, arrivals, long, replicas, random, scaler, losses)


def _run(planned: Planned, options: Options, long: float, seed: int) -> Trace:
    rate = planned.profile if options.at == "day" else _rate(planned, options)
    return _simulated(planned, rate, long, planned.replicas[_first(planned, options, long)], options, seed)


def _around_noon(options: Options, long: float) -> bool:
    """Whether only the part of a day around its peak is simulated, because the whole has too many requests."""
    return options.at == "day" and long < _asked(options)


def _first(planned: Planned, options: Options, long: float) -> str:
    """The rate that the first replicas are for: at midnight, the trough, unless there is no autoscaler to add some."""
    if options.at != "day":
        return options.at
    return "trough" if scaled(planned, options) and not _around_noon(options, long) else "peak"


def _conditions(planned: Planned, options: Options, long: float) -> str:
    profile = planned.profile
    where = (
        f"{'the noon of ' if _around_noon(options, long) else ''}a day from {number(profile.trough)}/s to "
        f"{number(profile.peak)}/s"
        if options.at == "day"
        else f"the {options.at} of {number(_rate(planned, options))}/s"
    )
    at = _first(planned, options, long)
    how = " at first" if scaled(planned, options) else ", without an autoscaler"
    said = [f"{where} for {_long(long)}", f"{count(planned.replicas[at], 'replica')}{how}"]
    if options.burst is not None:
        said.append(f"{number(options.burst.times)} times the traffic for {_long(options.burst.lasts)}")
    if options.lose is not None:
        said.append(f"a {options.lose} is lost")
    return "; ".join(said)


def _long(length: float) -> str:
    return seconds(length) if length < 120 else f"{length / 60:.0f} min" if length < 7200 else f"{length / 3600:.4g} h"


# Promises

Rows = Sequence[Sequence[int]]


def _promises(
    planned: Planned, options: Options, traces: Sequence[Trace], rows: Rows
) -> tuple[list[Promise], list[str]]:
    promises, unjudged = [], []
    for bound in planned.bounds:
        measured = _late(planned, bound, traces, rows)
        if measured is None:
            unjudged.append(f"{bound.name}: with a measured `serviceTime`, when tokens come is unknown")
        elif options.eventful and bound.share >= OBJECTIVE:
            promises.append(_spent(bound.name, 1 - bound.share, measured[0], planned))
        elif not options.eventful:
            promises.append(_kept(bound, *measured))
    if planned.availability is not None:
        promises.append(_available(planned, options, traces, rows))
    if not options.eventful:
        promises += _steady(planned, traces)
        promises += [_within_limits(planned, traces)] if scaled(planned, options) else []
    return promises, unjudged


def _late(planned: Planned, bound: Bound, traces: Sequence[Trace], rows: Rows) -> tuple[Share, float] | None:
    """The share of requests beyond a bound, and the measured percentile; None if that cannot be simulated."""
    if bound.kind != "latency" and isinstance(planned.how, Server):
        return None
    if bound.kind == "inter_token":
        every = sorted(gap for trace in traces for gap in trace.gaps)
        return gaps(traces, bound.seconds), _weighted(every, bound.share)
    times = responses(traces, rows, "latency" if bound.kind == "latency" else "waited")
    found = share([[took > bound.seconds for took in one] for one in times])
    return found, percentile(sorted(took for one in times for took in one), bound.share)


def _weighted(gaps: Sequence[tuple[float, float]], wanted: float) -> float:
    """A percentile of gaps in ascending order."""
    left = wanted * sum(many for _, many in gaps)
    for took, many in gaps:
        left -= many
        if left <= 0:
            return took
    return 0.0


def _kept(bound: Bound, measured: Share, value: float) -> Promise:
    allowed = 1 - bound.share
    return Promise(
        title=bound.name,
        promised=f"at most {percent(allowed)} over {seconds(bound.seconds)}",
        happened=f"{percent(measured.value)} ± {percent(measured.error)}; {seconds(value)}",
        verdict=judged(allowed, measured.value, measured.error),
        allowed=allowed,
        measured=measured.value,
        error=measured.error,
    )


def _spent(title: str, budget: float, measured: Share, planned: Planned) -> Promise:
    """What an event cost of the error budget of the objective."""
    month, bad = budget * planned.month, measured.value * measured.many
    spent, error = bad / month, max(3.0, 1.96 * bad**0.5) / month
    return Promise(
        title=f"{title}, error budget",
        promised=f"at most 100% of {planned.window}",
        happened=f"{percent(spent)} ± {percent(error)}; {count(round(spent * month), 'request')}",
        verdict=judged(1.0, spent, error),
        allowed=1.0,
        measured=spent,
        error=error,
    )


def _available(planned: Planned, options: Options, traces: Sequence[Trace], rows: Rows) -> Promise:
    assert planned.availability is not None
    failed = share([[trace.outcome[at] != SERVED for at in some] for trace, some in zip(traces, rows, strict=True)])
    budget = 1 - planned.availability
    if options.eventful:
        return _spent("availability", budget, failed, planned)
    return Promise(
        title="availability",
        promised=f"at most {percent(budget)} fail",
        happened=f"{percent(failed.value)} ± {percent(failed.error)}",
        verdict=judged(budget, failed.value, failed.error),
        allowed=budget,
        measured=failed.value,
        error=failed.error,
    )


def _steady(planned: Planned, traces: Sequence[Trace]) -> Iterator[Promise]:
    """How busy the replicas are; the error is that of the number and the length of the requests."""
    if planned.utilization is None or not isinstance(planned.how, Server):
        return
    busy, able = sum(trace.busy for trace in traces), sum(trace.able for trace in traces)
    many = max(1, sum(len(trace.arrived) for trace in traces))
    used = busy / able if able else 0.0
    error = 1.96 * used * ((1 + planned.how.times.variation) / many) ** 0.5
    yield Promise(
        title="utilization",
        promised=f"at most {percent(planned.utilization)}",
        happened=f"{percent(used)} ± {percent(error)}",
        verdict=judged(planned.utilization, used, error),
        allowed=planned.utilization,
        measured=used,
        error=error,
    )


def _within_limits(planned: Planned, traces: Sequence[Trace]) -> Promise:
    """Whether the maximum is enough: the autoscaler rarely wants more."""
    looks = [row for trace in traces for row in trace.replicas]
    beyond = sum(row[3] > planned.most for row in looks) / len(looks)
    fewest, largest = _ready(traces)
    return Promise(
        title="replicas",
        promised=f"{planned.least} to {planned.most} are enough",
        happened=f"{fewest} to {largest}; more wanted {percent(beyond)} of the time",
        verdict=KEPT if beyond <= OFTEN else BROKEN,
        allowed=OFTEN,
        measured=beyond,
        error=0.0,
    )


def _ready(traces: Sequence[Trace]) -> tuple[int, int]:
    ready = [row[1] for trace in traces for row in trace.replicas]
    return min(ready), max(ready)


def _of_rollouts(found: SimulatedRollouts | None) -> tuple[Promise, ...]:
    return found.promises if found is not None else ()
