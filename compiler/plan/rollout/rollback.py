"""The criteria of a rollout analysis: its objectives, the regression to detect, and the limit that rolls it back.

Analyses only count failed requests and slow requests. A condition on another metric would look like a guard without
being one, so it is refused. So is a condition that needs labels if labels never arrive. Lint handles labels that arrive
after the rollout (MLS603).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from ....schema.units import Measure, Percent, plain
from ...because import Because, because, fixed
from ...finding import Refusal, refusal
from ...system import CanaryStage, Condition, Detectable, MLSystem
from ...words import listing
from ..objectives import ALERTED, Objective, Objectives
from ..objectives.burn import BurnPair

__all__ = ["harm", "judged_objectives", "least_volume", "limit", "looser_than_the_page", "smaller_harms"]

FAILURES = "error-rate"
SLOW = "slow-rate"
METRICS = {"availability": FAILURES, "latency": SLOW}
"""The metric that an analysis counts for each kind of objective."""

NAMES = {"availability", *(f"{kind}-{each}" for kind in ("latency", "first-token", "inter-token") for each in ALERTED)}
"""The names of all possible objectives of a service."""


def judged_objectives(system: MLSystem, stage: CanaryStage | None, objectives: Objectives) -> tuple[Objective, ...]:
    """The service's objectives; if none covers failures, the `rollbackWhen` condition on failures as well."""
    _refuse_others(system, stage)
    judged = objectives.all
    if not any(objective.kind == "availability" for objective in judged):
        promised = next((one for one in _on(FAILURES, system) if one.of is None or _is(one.of, objectives)), None)
        if promised is not None:
            judged = (objectives.failures(FAILURES, _limit(promised).map(lambda most: Percent(1 - most))), *judged)
    _refuse_idle(system, judged, objectives)
    return judged


def asked_of(objective: Objective, objectives: Objectives) -> Condition | None:
    """The `rollbackWhen` condition for an objective: one with a matching `of`, else one without `of`."""
    conditions = _on(METRICS[objective.kind], objectives.service.scope.system)
    own = [one for one in conditions if one.of is not None and _means(one.of, objective, objectives)]
    return next(iter((*own, *(one for one in conditions if one.of is None))), None)


def limit(objective: Objective, objectives: Objectives) -> Because[Decimal] | None:
    """The share of bad requests above which `rollbackWhen` rolls back a version."""
    condition = asked_of(objective, objectives)
    return _limit(condition) if condition is not None else None


def least_volume(objective: Objective, objectives: Objectives) -> Because[int] | None:
    """The minimum requests in a window for a verdict, if `rollbackWhen` sets it."""
    condition = asked_of(objective, objectives)
    least = condition.min_samples if condition is not None else None
    return least.map(int) if least is not None else None


def looser_than_the_page(
    objectives: Objectives,
) -> Iterator[tuple[Because[Decimal], Objective, BurnPair]]:
    """Limits of `rollbackWhen` above the share of bad requests that fires an alert, each with that alert."""
    for objective in objectives.all:
        most, pairs = limit(objective, objectives), objectives.pairs(objective)
        if most is not None and pairs and most.value > Decimal(pairs[0].threshold.value):
            yield most, objective, pairs[0]


def harm(
    objective: Objective, stage: CanaryStage | None, objectives: Objectives
) -> tuple[Because[Decimal], Because[Decimal]]:
    """The share of bad requests without and with the regression that the analysis must detect."""
    usual = because(objective.budget.value, "the error budget of the objective", objective.target)
    after = because(min(Decimal("0.95"), 3 * usual.value), "three times the error budget", objective.target)
    if objective.name == FAILURES:
        usual = fixed(Decimal(0), "no failures are expected, because there is no availability target")
    elif pairs := objectives.pairs(objective):
        why = f"the threshold of the {pairs[0].severity.value} alert"
        after = because(Decimal(pairs[0].threshold.value), why, pairs[0].threshold)
    if after.value <= usual.value < 1:
        after = because((1 + usual.value) / 2, "halfway between the error budget and 100%", objective.target)
    for asked in stage.detect if stage is not None else ():
        if asked.metric.value == METRICS[objective.kind]:
            before = _share(asked.from_.given) if asked.from_.given is not None else usual
            return before, _worse(asked, before)
    return usual, after


def smaller_harms(
    objective: Objective, stage: CanaryStage | None, objectives: Objectives
) -> tuple[Because[Decimal], ...]:
    """Smaller regressions than that of `harm`, the smallest first: twice the error budget, and what fires other alerts.

    None if the spec says what to detect, or above which share a version is rolled back.
    """
    detected = [asked.metric.value for asked in stage.detect] if stage is not None else []
    if METRICS[objective.kind] in detected or limit(objective, objectives) is not None:
        return ()
    largest = harm(objective, stage, objectives)[1].value
    twice = because(2 * objective.budget.value, "twice the error budget", objective.target)
    found = {twice.value: twice}
    for pair in objectives.pairs(objective):
        why = f"the threshold of the {pair.severity.value} alert over {pair.long.value}"
        found.setdefault(Decimal(pair.threshold.value), because(Decimal(pair.threshold.value), why, pair.threshold))
    return tuple(found[share] for share in sorted(found) if twice.value <= share < largest)


def _on(metric: str, system: MLSystem) -> list[Condition]:
    return [condition for condition in system.rollout.rollback_when if condition.metric.value == metric]


def _means(name: Because[str], objective: Objective, objectives: Objectives) -> bool:
    return name.value == objective.name or _is(name, objectives)


def _is(name: Because[str], objectives: Objectives) -> bool:
    return name.value == objectives.service.part.own_name.value


def _limit(condition: Condition) -> Because[Decimal]:
    most = condition.max
    if most is None or condition.segment is not None:
        raise _nothing_judges(condition.metric, "or by another share of all requests with `max`")
    return _possible(most)


def _refuse_others(system: MLSystem, stage: CanaryStage | None) -> None:
    named = [condition.metric for condition in system.rollout.rollback_when]
    named += [asked.metric for asked in stage.detect] if stage is not None else []
    for metric in named:
        if metric.value in METRICS.values():
            continue
        if not system.metrics[metric.value.partition("@")[0]].needs_labels.value:
            raise _nothing_judges(
                metric, f"or by `{{metric: {SLOW}, max: 5%}}`, the share of requests that miss `constraints.latency`"
            )
        if system.data.labels is None:
            raise _nothing_judges(metric, "instead, because without `data.labels` no labels ever arrive")


def _refuse_idle(system: MLSystem, judged: tuple[Objective, ...], objectives: Objectives) -> None:
    """Refuse a condition without effect: its objective does not exist, or a more specific condition overrides it."""
    alone = len(system.services) == 1
    taken = [asked_of(objective, objectives) for objective in judged]
    for metric in METRICS.values():
        said: dict[str, Condition] = {}
        for condition in _on(metric, system):
            name = condition.of.value if condition.of is not None else ""
            if name and name not in (known := {*system.services, *NAMES}):
                raise _stranger(condition, known)
            other = said.setdefault(name, condition)
            if other is not condition or (alone and all(one is not condition for one in taken)):
                raise _idle(condition, [one for one in (other, *taken) if one is not None and one is not condition])


def _stranger(condition: Condition, known: Iterable[str]) -> Refusal:
    assert condition.of is not None
    return refusal(
        "MLS008",
        f"`{condition.of.value}` is neither a service nor an objective",
        condition.of,
        note="the condition would apply to nothing, so every version would pass it",
        help=f"write {listing(sorted(known))}, or remove `of`",
    )


def _idle(condition: Condition, others: list[Condition]) -> Refusal:
    return refusal(
        "MLS008",
        f"this condition on `{condition.metric.value}` has no effect",
        condition.of,
        condition.metric,
        others=tuple((other.metric, "this condition applies instead") for other in others[:1]),
        note="each objective has only one limit, from the most specific condition; every version passes the others",
        help="keep one condition per objective; if there are several objectives, name each with `of`",
    )


def _nothing_judges(metric: Because[str], how: str) -> Refusal:
    return refusal(
        "MLS012",
        f"no rollout analysis can evaluate this condition on `{metric.value}`",
        metric,
        note="it would look like a guard, but every version would pass it",
        help=f"judge by `{{metric: {FAILURES}, max: 1%}}` {how}",
    )


def _possible(most: Because[Measure]) -> Because[Decimal]:
    if not 0 < most.value.amount < 1 or most.value.unit not in ("", "%"):
        raise refusal(
            "MLS008",
            f"{most.value} is not a valid limit for a share of requests",
            most,
            note="at 0% the first bad request rolls back every version, and at 100% nothing does",
            help="write a share between 0% and 100%, such as `1%`",
        )
    return most.map(lambda measure: measure.amount)


def _worse(asked: Detectable, before: Because[Decimal]) -> Because[Decimal]:
    after = _share(asked.to)
    if not before.value < after.value < 1:
        raise refusal(
            "MLS008",
            f"a share of bad requests of {asked.to.value} is not a regression",
            asked.to,
            others=((before, f"without the regression it is {plain(before.value * 100)}%"),),
            note="the analysis rolls back a version that is closer to the regression than to the normal share; no "
            "version is worse than 100%",
            help=f"write a share between {plain(before.value * 100)}% and 100%"
            + ("" if after.value >= 1 else ", or lower `from`"),
        )
    return because(after.value, "the regression to detect", after, asked.metric)


def _share(given: Because[Measure]) -> Because[Decimal]:
    if given.value.amount < 0 or given.value.unit not in ("", "%"):
        raise refusal(
            "MLS008",
            f"{given.value} is not a share of requests",
            given,
            note="the limit that rolls back a version is between the normal share of bad requests and the regression",
            help="write a share, such as `1%`",
        )
    return given.map(lambda measure: measure.amount)
