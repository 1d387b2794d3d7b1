"""The rollout of a new version: its steps, and the analyses that Argo Rollouts runs in each.

Time advances by the looks of the guards, of 20 seconds. In each, the good, failed, and slow requests of both versions
are independent Poisson numbers: thinning a Poisson process gives Poisson processes.

Semantics of the controller (analysis/analysis.go): a metric is first measured after its delay, then at each interval,
up to its count. More failed measurements than its limit fail the run, and more inconclusive ones hold it, each at once.
If both happen in one look, it fails. The step ends when every metric has all its measurements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from operator import add
from random import Random

from ..record import Record
from ..row import Row

__all__ = [
    "HELD",
    "PROMOTED",
    "ROLLED_BACK",
    "Analysis",
    "Arm",
    "Guard",
    "Metric",
    "Outcome",
    "Stage",
    "Versus",
    "judged",
    "poisson",
    "poissons",
    "rolled_out",
]

PROMOTED, ROLLED_BACK, HELD = "promoted", "rolled back", "held"

GUARD = "most-requests-fail"

MEANS = {True: "good", False: "bad", None: "too few requests"}

FEW = 30
"""The mean up to which a Poisson number is counted one by one."""

RARE = 0.5
"""The mean below which a series of Poisson numbers is drawn event by event, since most of them are zero."""


class Versus(Record):
    """The comparison of the share of failures with that of the live version."""

    margin: float
    deviations: float

    def differs(self, bad: int, all_: int, old_bad: int, old: int) -> bool:
        """Whether the new version fails more often, by more than the margin and by more than chance."""
        if not all_ or not old:
            return False
        ours, theirs = bad / all_, old_bad / old
        apart = 2 * math.sqrt(ours) - 2 * math.sqrt(theirs)
        return ours - theirs > self.margin and apart > self.deviations * math.sqrt(1 / all_ + 1 / old)


class Analysis(Record):
    """One objective in one step: windows, each compared with a limit."""

    name: str
    window: int
    """In seconds, and the interval between two measurements."""
    limit: float
    failures: int
    """The windows that may fail."""
    held: int
    """The windows that may have too few requests."""
    windows: int
    least: float
    """The requests that a window needs."""
    successes: bool
    """Whether it counts only requests that succeeded, as some histograms do."""
    versus: Versus | None


class Guard(Record):
    """What looks every few seconds for a version that fails most requests."""

    window: int
    share: float
    few: int
    misses: int
    """The bad looks that it tolerates."""


class Stage(Record):
    """One step: a share of the traffic, and what judges the version with it."""

    share: float
    seconds: float
    analyses: tuple[Analysis, ...]
    guard: Guard | None


class Arm(Record):
    """A version: the share of its requests that fail, and, by latency objective, that of the others that are slow."""

    failing: float
    slow: dict[str, float]


class Outcome(Record):
    """How one rollout ended."""

    verdict: str
    """`promoted`, `rolled back`, or `held`."""
    stage: int
    """The number of the step that decided, from 1; the number of steps for a promotion."""
    by: str
    """The metric that decided."""
    seconds: float
    """From the first request of the new version."""
    requests: int
    """What the new version got."""
    failed: int
    """How many of those failed."""
    windows: tuple[tuple[float, float, float, str], ...]
    """When a window ended, its bad share, its limit, and what it means: of the first objective, to draw it."""


def poisson(mean: float, random: Random) -> int:
    """A Poisson number: one by one for small means, else by transformed rejection (W. Hörmann, The transformed
    rejection method for generating Poisson random variables, 1993, algorithm PTRS).
    """
    if mean < FEW:
        left, many, end = random.random(), 0, math.exp(-mean)
        while left > end:
            left *= random.random()
            many += 1
        return many
    log, b = math.log(mean), 0.931 + 2.53 * math.sqrt(mean)
    a, inverse, v_r = -0.059 + 0.02483 * b, 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = random.random() - 0.5, random.random()
        us = 0.5 - abs(u)
        many = math.floor((2 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= v_r:
            return many
        if many < 0 or (us < 0.013 and v > us):
            continue
        if math.log(v * inverse / (a / (us * us) + b)) <= many * log - mean - math.lgamma(many + 1):
            return many


def poissons(mean: float, many: int, random: Random) -> list[int]:
    """Poisson numbers in a row: the events of a Poisson process in equal times."""
    if mean >= RARE:
        return [poisson(mean, random) for _ in range(many)]
    found, at = [0] * many, random.expovariate(mean) if mean else math.inf
    while at < many:
        found[int(at)] += 1
        at += random.expovariate(mean)
    return found


def binomial(many: int, share: float, random: Random) -> int:
    """How many of `many` have a property that this share of all has, at most half: exact for a small mean, by the
    geometric gaps between them (L. Devroye, Non-Uniform Random Variate Generation, 1986, X.4.3), else normal.
    """
    if share <= 0:
        return 0
    mean = many * share
    if mean > FEW:
        return max(0, min(many, round(random.gauss(mean, math.sqrt(mean * (1 - share))))))
    found, at, log = 0, 0, math.log1p(-share)
    while True:
        at += int(math.log(1.0 - random.random()) / log) + 1
        if at > many:
            return found
        found += 1


class _Counts:
    """The requests of one version in a step, as sums over looks, so that any window is a difference."""

    def __init__(self, arm: Arm, names: Iterable[str], rate: float, looks: int, each: float, random: Random) -> None:
        self._each = each
        failed = poissons(rate * each * arm.failing, looks, random)
        fine = poissons(rate * each * (1 - arm.failing), looks, random)
        self.failed = [0, *accumulate(failed)]
        self.fine = [0, *accumulate(fine)]
        self.all = list(map(add, self.failed, self.fine))
        self.slow = {name: [0, *accumulate(_part(arm.slow[name], fine, random))] for name in names if name in arm.slow}

    def during(self, counted: list[int], end: int, window: int) -> int:
        """How many in the window that ends with a look."""
        return counted[end] - counted[max(0, end - round(window / self._each))]


def _part(share: float, many: Iterable[int], random: Random) -> Iterator[int]:
    for most in many:
        if not most:
            yield 0
        else:
            yield most - binomial(most, 1 - share, random) if share > 0.5 else binomial(most, share, random)


class Metric(Row):
    """A metric of the analysis of a step."""

    name: str
    looks: Iterable[int]
    """The looks at which it is measured."""
    failures: int
    held: int
    measure: Callable[[int], bool | None]
    """Whether the version is good enough at a look; None if there are too few requests."""


def rolled_out(
    stages: Sequence[Stage], rate: float, new: Arm, old: Arm, each: float, startup: float, random: Random
) -> Outcome:
    """One rollout, with so many requests per second for both versions together; `each` is the seconds of a look.

    Argo Rollouts moves the traffic of a step once the pods for it are ready, after `startup`.
    """
    passed, requests, failed, drawn = 0.0, 0, 0, []
    number, verdict, by = 0, PROMOTED, ""
    for number, stage in enumerate(stages, 1):
        passed += startup if number > 1 else 0.0
        looks, names = math.ceil(stage.seconds / each), [one.name for one in stage.analyses]
        ours = _Counts(new, names, rate * stage.share, looks, each, random)
        compares = any(one.versus is not None for one in stage.analyses)
        theirs = _Counts(old, (), rate * (1 - stage.share), looks if compares else 0, each, random)
        end, verdict, by = judged(tuple(_metrics(stage, ours, theirs, each)), looks)
        drawn += [(passed + at, bad, limit, means) for at, bad, limit, means in _drawn(stage, ours, end, each)]
        passed, requests, failed = passed + end * each, requests + ours.all[end], failed + ours.failed[end]
        if verdict != PROMOTED:
            break
    return Outcome(
        verdict=verdict,
        stage=number,
        by=by,
        seconds=passed,
        requests=requests,
        failed=failed,
        windows=tuple(drawn),
    )


def judged(metrics: Sequence[Metric], last: int) -> tuple[int, str, str]:
    """The look that ends a step, its verdict, and the metric that decided."""
    due: dict[int, list[Metric]] = {}
    for metric in metrics:
        for look in metric.looks:
            due.setdefault(look, []).append(metric)
    bad, idle = dict.fromkeys((one.name for one in metrics), 0), dict.fromkeys((one.name for one in metrics), 0)
    for at in sorted(look for look in due if look <= last):
        for metric in due[at]:
            good = metric.measure(at)
            bad[metric.name] += good is False
            idle[metric.name] += good is None
        for verdict, counted, most in ((ROLLED_BACK, bad, "failures"), (HELD, idle, "held")):
            for metric in due[at]:
                if counted[metric.name] > getattr(metric, most):
                    return at, verdict, metric.name
    return last, PROMOTED, ""


def _metrics(stage: Stage, ours: _Counts, theirs: _Counts, each: float) -> Iterator[Metric]:
    looks = len(ours.all) - 1
    guard = stage.guard
    if guard is not None:
        width, first = round(guard.window / each), math.ceil(guard.window / each)
        failed = ours.failed  # a look without a failure in its window is always good
        some = [at for at in range(first, looks + 1) if failed[at] != failed[at - width]]
        yield Metric(GUARD, some, guard.misses, looks, partial(_mostly_works, guard, ours))
    for one in stage.analyses:
        every = math.ceil(one.window / each)
        windows = range(every, every * one.windows + 1, every)
        yield Metric(one.name, windows, one.failures, one.held, partial(_within, one, ours))
        if one.versus is not None:
            name, same = f"{one.name}-vs-stable", partial(_alike, one, one.versus, ours, theirs)
            yield Metric(name, windows, one.failures, one.held, same)


def _mostly_works(guard: Guard, ours: _Counts, at: int) -> bool:
    failed, every = (ours.during(counted, at, guard.window) for counted in (ours.failed, ours.all))
    return not (failed > guard.share * every and every >= guard.few)


def _events(analysis: Analysis, ours: _Counts, at: int) -> tuple[int, int]:
    """The bad requests of a window, and all that the objective covers."""
    slow = ours.slow.get(analysis.name)
    bad = ours.during(ours.failed if slow is None else slow, at, analysis.window)
    every = ours.during(ours.fine if analysis.successes and slow is not None else ours.all, at, analysis.window)
    return bad, every


def _within(analysis: Analysis, ours: _Counts, at: int) -> bool | None:
    bad, every = _events(analysis, ours, at)
    return None if every < analysis.least or not every else bad / every <= analysis.limit


def _alike(analysis: Analysis, versus: Versus, ours: _Counts, theirs: _Counts, at: int) -> bool:
    of_ours = (ours.during(counted, at, analysis.window) for counted in (ours.failed, ours.all))
    of_theirs = (theirs.during(counted, at, analysis.window) for counted in (theirs.failed, theirs.all))
    return not versus.differs(*of_ours, *of_theirs)


def _drawn(stage: Stage, ours: _Counts, end: int, each: float) -> Iterator[tuple[float, float, float, str]]:
    """The windows of the first objective, up to the end of the step."""
    for analysis in stage.analyses[:1]:
        every = math.ceil(analysis.window / each)
        for at in range(every, min(end, every * analysis.windows) + 1, every):
            bad, many = _events(analysis, ours, at)
            good = _within(analysis, ours, at)
            yield at * each, bad / many if many else 0.0, analysis.limit, MEANS[good]
