"""What a rollout is judged by: its objectives, the harm that must not be missed, and the limit that takes it back.

Analyses count requests that failed and requests that were slow, and nothing else. A condition on another metric would
look like a guard and be none, so it is refused, and so is one on labels that never come. Labels that arrive after the
rollout are a matter of lint (MLS603).
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

__all__ = ["harm", "judged_objectives", "least_volume", "limit", "looser_than_the_page"]

FAILURES = "error-rate"
SLOW = "slow-rate"
METRICS = {"availability": FAILURES, "latency": SLOW}
"""What an analysis counts for each kind of objective."""

NAMES = {"availability", *(f"{kind}-{each}" for kind in ("latency", "first-token", "inter-token") for each in ALERTED)}
"""Every objective that a service may have."""


def judged_objectives(system: MLSystem, stage: CanaryStage | None, objectives: Objectives) -> tuple[Objective, ...]:
    """The service's objectives; where none is on failures, what `rollbackWhen` says of them."""
    _refuse_others(system, stage)
    judged = objectives.all
    if not any(objective.kind == "availability" for objective in judged):
        promised = next((one for one in _on(FAILURES, system) if one.of is None or _is(one.of, objectives)), None)
        if promised is not None:
            judged = (objectives.failures(FAILURES, _limit(promised).map(lambda most: Percent(1 - most))), *judged)
    _refuse_idle(system, judged, objectives)
    return judged


def asked_of(objective: Objective, objectives: Objectives) -> Condition | None:
    """The condition of `rollbackWhen` on an objective: one that names it or its service, else one that names none."""
    conditions = _on(METRICS[objective.kind], objectives.service.scope.system)
    own = [one for one in conditions if one.of is not None and _means(one.of, objective, objectives)]
    return next(iter((*own, *(one for one in conditions if one.of is None))), None)


def limit(objective: Objective, objectives: Objectives) -> Because[Decimal] | None:
    """The share of bad requests above which `rollbackWhen` takes a version back."""
    condition = asked_of(objective, objectives)
    return _limit(condition) if condition is not None else None


def least_volume(objective: Objective, objectives: Objectives) -> Because[str] | None:
    """Below how many requests in a window `rollbackWhen` asks for no verdict."""
    condition = asked_of(objective, objectives)
    least = condition.min_samples if condition is not None else None
    return least.map(lambda samples: str(int(samples))) if least is not None else None


def looser_than_the_page(
    objectives: Objectives,
) -> Iterator[tuple[Because[Decimal], Objective, BurnPair]]:
    """Limits of `rollbackWhen` above the share of bad requests that wakes somebody; and what does that."""
    for objective in objectives.all:
        most, pairs = limit(objective, objectives), objectives.pairs(objective)
        if most is not None and pairs and most.value > Decimal(pairs[0].threshold.value):
            yield most, objective, pairs[0]


def harm(
    objective: Objective, stage: CanaryStage | None, objectives: Objectives
) -> tuple[Because[Decimal], Because[Decimal]]:
    """The share of bad requests without and with the harm that must not be missed."""
    usual = because(objective.budget.value, "what the objective allows", objective.target)
    after = because(min(Decimal("0.95"), 3 * usual.value), "three times what is allowed", objective.target)
    if objective.name == FAILURES:
        usual = fixed(Decimal(0), "no availability is promised, so no failures are expected")
    elif pairs := objectives.pairs(objective):
        told = "what would wake somebody" if pairs[0].severity.value == "page" else "what somebody would be told of"
        after = because(Decimal(pairs[0].threshold.value), told, pairs[0].threshold)
    if after.value <= usual.value < 1:
        after = because((1 + usual.value) / 2, "half of what so low an objective leaves", objective.target)
    for asked in stage.detect if stage is not None else ():
        if asked.metric.value == METRICS[objective.kind]:
            before = _share(asked.from_.given) if asked.from_.given is not None else usual
            return before, _worse(asked, before)
    return usual, after


def _on(metric: str, system: MLSystem) -> list[Condition]:
    return [condition for condition in system.rollout.rollback_when if condition.metric.value == metric]


def _means(name: Because[str], objective: Objective, objectives: Objectives) -> bool:
    return name.value == objective.name or _is(name, objectives)


def _is(name: Because[str], objectives: Objectives) -> bool:
    return name.value == objectives.service.part.own_name.value


def _limit(condition: Condition) -> Because[Decimal]:
    most = condition.max
    if most is None or condition.segment is not None:
        raise _nothing_judges(condition.metric, "or another share of all requests, with `max`")
    return _possible(most)


def _refuse_others(system: MLSystem, stage: CanaryStage | None) -> None:
    named = [condition.metric for condition in system.rollout.rollback_when]
    named += [asked.metric for asked in stage.detect] if stage is not None else []
    for metric in named:
        if metric.value in METRICS.values():
            continue
        if not system.metrics[metric.value.partition("@")[0]].needs_labels.value:
            raise _nothing_judges(metric, f"or by `{{metric: {SLOW}, max: 5%}}`: how many miss `constraints.latency`")
        if system.data.labels is None:
            raise _nothing_judges(metric, "instead: nothing under `data.labels` says that labels ever come")


def _refuse_idle(system: MLSystem, judged: tuple[Objective, ...], objectives: Objectives) -> None:
    """Refuse a condition by which nothing is judged: it names no objective there is, or another one says more of it."""
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
        f"`{condition.of.value}` names neither a service nor an objective",
        condition.of,
        note="the condition would hold of nothing, and every version would pass it",
        help=f"write {listing(sorted(known))}, or leave `of` out",
    )


def _idle(condition: Condition, others: list[Condition]) -> Refusal:
    return refusal(
        "MLS008",
        f"nothing is judged by this condition on `{condition.metric.value}`",
        condition.of,
        condition.metric,
        others=tuple((other.metric, "judged by this one") for other in others[:1]),
        note="each objective has one limit, that of the condition which names it, and every version passes the others",
        help="keep one condition for each objective, and say `of` which where there are several",
    )


def _nothing_judges(metric: Because[str], how: str) -> Refusal:
    return refusal(
        "MLS012",
        f"no analysis can judge a rollout by this condition on `{metric.value}`",
        metric,
        note="it would look like a guard, and every version would pass it",
        help=f"judge by `{{metric: {FAILURES}, max: 1%}}` {how}",
    )


def _possible(most: Because[Measure]) -> Because[Decimal]:
    if not 0 < most.value.amount < 1 or most.value.unit not in ("", "%"):
        raise refusal(
            "MLS008",
            f"a limit of {most.value} judges no share of requests",
            most,
            note="with none allowed the first bad request takes every version back, and with all allowed nothing does",
            help="write a share between them, such as `1%`",
        )
    return most.map(lambda measure: measure.amount)


def _worse(asked: Detectable, before: Because[Decimal]) -> Because[Decimal]:
    after = _share(asked.to)
    if not before.value < after.value <= 1:
        raise refusal(
            "MLS008",
            f"a share of {asked.to.value} of bad requests is no harm to detect",
            asked.to,
            others=((before, f"without the harm it is {plain(before.value * 100)} %"),),
            note="the new version is taken back when it is more like the harm than like the usual",
            help=f"write a share above {plain(before.value * 100)} %, or a lower `from`",
        )
    return because(after.value, "the harm that must not be missed", after, asked.metric)


def _share(given: Because[Measure]) -> Because[Decimal]:
    if given.value.amount < 0 or given.value.unit not in ("", "%"):
        raise refusal(
            "MLS008",
            f"{given.value} is no share of requests",
            given,
            note="the new version is taken back when more requests are bad than lie between the usual and the harm",
            help="write a share, such as `1%`",
        )
    return given.map(lambda measure: measure.amount)
