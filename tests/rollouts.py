"""Rollouts that are simulated from the emitted objects, with the semantics of Argo Rollouts, and random requests.

Nothing here reads the plan: shares are the weights of the Rollout. Limits, volumes, counts, and windows are those of
the AnalysisTemplates. Requests are Poisson, and each fails, and is slow, with a probability of its own. At a
measurement, a failed metric wins over an inconclusive one (the worst status decides, utils/analysis/helpers.go).
"""

from __future__ import annotations

import math
import random
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

from .analyses import enough, limit
from .canaries import GUARDS, VERSUS, canaries, seconds
from .scenes import limits

__all__ = ["FAILS", "SYSTEMS", "Version", "at_least", "at_most", "ended", "gone_after"]

Body = dict[str, Any]
FAILS = "availability"

SYSTEMS: dict[str, dict[str, Any]] = {
    "four nines": {
        "constraints": {"availability": "99.99%", "throughput": {"mean": "50/s", "peak": "150/s"}},
    },
    "many requests": {
        "constraints": {
            "availability": "99.95%",
            "latency": {"p99": "100ms"},
            "throughput": {"mean": "9000/s", "peak": "20000/s"},
        },
    },
    "hardly any": {
        "constraints": {"availability": "99%", "throughput": {"mean": "0.1/s", "peak": "1/s"}},
    },
    "a slow model": {
        "constraints": {
            "availability": "99.5%",
            "latency": {"p95": "100ms"},
            "throughput": {"mean": "0.4/s", "peak": "1/s"},
        },
    },
    "a large model": {
        "constraints": {
            "availability": "99%",
            "latency": {"p95": "100ms"},
            "throughput": {"mean": "0.3/s", "peak": "1/s"},
        },
    },
    "a quiet night": {
        "constraints": {
            "availability": "99.5%",
            "latency": {"p95": "100ms"},
            "throughput": {"mean": "5/s", "peak": "12/s", "trough": "0.5/s"},
        },
    },
    "bursts": {
        "constraints": {
            "availability": "99.9%",
            "latency": {"p99": "100ms"},
            "throughput": {"mean": "20/s", "peak": "1000/s", "trough": "1/s"},
        },
    },
}
"""Traffic and promises of systems of very different kinds."""


class Version(NamedTuple):
    """The shares of bad requests of a version, by objective; all others are zero."""

    bad: dict[str, float]


class Metric(NamedTuple):
    """What a metric of an objective compares, and when it ends the analysis."""

    name: str
    limit: float
    least: int
    failures: int
    held: int
    margin: float
    deviations: float


class Stage(NamedTuple):
    """A step: the share of the new version, the length of its windows in seconds, their number, and the metrics."""

    share: float
    window: int
    windows: int
    metrics: tuple[Metric, ...]


def stages(bodies: list[Body]) -> list[Stage]:
    """The steps of the only canary."""
    ((rollout, templates),) = canaries(bodies)
    steps = rollout["spec"]["strategy"]["canary"]["steps"]
    return list(_stages(steps, templates))


def _stages(steps: list[Body], templates: dict[str, Body]) -> Iterator[Stage]:
    for weight, analysis in zip(steps[::2], steps[1::2], strict=True):
        (named,) = analysis["analysis"]["templates"]
        found = [each for each in templates[named["templateName"]]["spec"]["metrics"] if each["name"] not in GUARDS]
        yield Stage(
            weight["setWeight"] / 100, seconds(found[0]["interval"]), found[0]["count"], tuple(map(_metric, found))
        )


def _metric(metric: Body) -> Metric:
    own, asked = limits(metric), metric["provider"]["prometheus"]["query"]
    versus = metric["name"].endswith(VERSUS)
    margin = re.search(r"\n> ([0-9.]+)\nand 2 \*", asked)
    deviations = re.search(r"\n> ([0-9.]+) \* sqrt", asked)
    assert (margin is not None) == (deviations is not None) == versus
    return Metric(
        metric["name"],
        0.0 if versus else limit(metric),
        0 if versus else enough(metric),
        own["failureLimit"],
        own["inconclusiveLimit"],
        float(margin[1]) if margin is not None else 0.0,
        float(deviations[1]) if deviations is not None else 0.0,
    )


def ended(
    bodies: list[Body], rate: float, new: Version, live: Version, runs: int, seed: int = 7
) -> Counter[tuple[str, int]]:
    """How often a rollout ended as `aborted`, `held`, or `promoted`, and at which step (from 1; 0 for the last)."""
    dice, found = random.Random(seed), stages(bodies)
    outcomes: Counter[tuple[str, int]] = Counter()
    for _ in range(runs):
        outcomes[_rollout(dice, found, rate, new, live)] += 1
    return outcomes


def _rollout(dice: random.Random, found: list[Stage], rate: float, new: Version, live: Version) -> tuple[str, int]:
    for number, stage in enumerate(found, 1):
        ends = _analysis(dice, stage, rate, new, live)
        if ends is not None:
            return ends, number
    return "promoted", 0


def _analysis(dice: random.Random, stage: Stage, rate: float, new: Version, live: Version) -> str | None:
    failed: Counter[str] = Counter()
    lacked: Counter[str] = Counter()
    for _ in range(stage.windows):
        ours = _requests(dice, rate * stage.share * stage.window, new)
        theirs = _requests(dice, rate * (1 - stage.share) * stage.window, live)
        for metric in stage.metrics:
            bad = _is_bad(metric, ours, theirs)
            failed[metric.name] += bad is True
            lacked[metric.name] += bad is None
        if any(failed[metric.name] > metric.failures for metric in stage.metrics):
            return "aborted"
        if any(lacked[metric.name] > metric.held for metric in stage.metrics):
            return "held"
    return None


def _is_bad(metric: Metric, ours: dict[str, int], theirs: dict[str, int]) -> bool | None:
    """Whether a measurement fails; None if it is inconclusive."""
    name = metric.name.removesuffix(VERSUS)
    if not metric.deviations:
        return ours.get(name, 0) / ours[""] > metric.limit if ours[""] >= max(1, metric.least) else None
    if not ours[""] or not theirs[""]:
        return False  # `or vector(0)`
    mine, other = (each.get(name, 0) / each[""] for each in (ours, theirs))
    apart = 2 * math.sqrt(mine) - 2 * math.sqrt(other)
    return mine - other > metric.margin and apart > metric.deviations * math.sqrt(1 / ours[""] + 1 / theirs[""])


def _requests(dice: random.Random, mean: float, version: Version) -> dict[str, int]:
    """All requests (as ``), and the bad ones of each objective. A request can be bad for several of them."""
    counted = Counter({"": 0})
    for names, probability in _kinds(version):
        many = poisson(dice, mean * probability)
        counted[""] += many
        for name in names:
            counted[name] += many
    return counted


def _kinds(version: Version) -> list[tuple[tuple[str, ...], float]]:
    kinds: list[tuple[tuple[str, ...], float]] = [((), 1.0)]
    for name, share in version.bad.items():
        kinds = [
            made
            for names, probability in kinds
            for made in (((*names, name), probability * share), (names, probability * (1 - share)))
        ]
    return kinds


def poisson(dice: random.Random, mean: float) -> int:
    """A Poisson number: by the inverse of its distribution, or rounded from a normal one if the mean is large."""
    if mean > 600:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    return bisect_left(_distribution(mean), dice.random())


@cache
def _distribution(mean: float) -> list[float]:
    many = math.ceil(mean + 12 * math.sqrt(mean) + 25)
    return list(accumulate(accumulate(range(1, many), lambda term, k: term * mean / k, initial=math.exp(-mean))))


def gone_after(bodies: list[Body], step: int, rate: float, seed: int = 7) -> float:
    """When a version that fails every request from the beginning of a step on is rolled back, in seconds."""
    dice = random.Random(seed)
    ((rollout, templates),) = canaries(bodies)
    steps = rollout["spec"]["strategy"]["canary"]["steps"]
    share = steps[2 * step]["setWeight"] / 100
    (named,) = steps[2 * step + 1]["analysis"]["templates"]
    metrics = templates[named["templateName"]]["spec"]["metrics"]
    arriving = min(5.0, rate * share)  # more of them only let the guard see it sooner
    lasts = 3 * max(seconds(metric["initialDelay"]) for metric in metrics)
    at, arrivals = 0.0, []
    while at < lasts:
        at += dice.expovariate(arriving)
        arrivals.append(at)
    ends = []
    for metric in metrics:
        asked = metric["provider"]["prometheus"]["query"]
        if metric["name"] == "most-requests-fail":
            least = int(re.findall(r">= ([0-9]+)\nor vector\(0\)$", asked)[0])
        elif metric["name"] == FAILS:
            least = enough(metric)
        else:
            continue
        (window,) = set(re.findall(r"\[(\w+)\](?! offset)", asked))
        ends.append(_fails(metric, arrivals, seconds(window), least))
    return min(ends)


def _fails(metric: Body, arrivals: list[float], window: int, least: int) -> float:
    failed = 0
    for number in range(metric["count"]):
        now = seconds(metric["initialDelay"]) + number * seconds(metric["interval"])
        failed += bisect_left(arrivals, now) - bisect_left(arrivals, now - window) >= least
        if failed > limits(metric)["failureLimit"]:
            return now
    return math.inf


def at_most(seen: int, runs: int, probability: float) -> bool:
    """Whether a probability of at most this explains that something was seen so often: one-sided, one in 10,000."""
    return seen <= runs * probability + 3.72 * math.sqrt(runs * max(probability, 1 / runs)) + 3


def at_least(seen: int, runs: int, probability: float) -> bool:
    """Whether a probability of at least this explains that something was seen so rarely."""
    return seen >= runs * probability - 3.72 * math.sqrt(runs * probability) - 3
