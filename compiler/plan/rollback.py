"""What a rollout is judged by: its objectives, the harm that must not be missed, and the limit that takes it back.

Analyses count requests that failed and requests that were slow, and nothing else. A condition on another metric would
look like a guard and be none, so it is refused, and so is one on labels that never come. Labels that arrive after the
rollout are a matter of lint (MLS603).
"""

from __future__ import annotations

from decimal import Decimal

from ...schema.units import Measure, Percent, plain
from ..because import Because, because, fixed
from ..finding import Refusal, refusal
from ..system import CanaryStage, Condition, Detectable, MLSystem
from .objectives import BurnPair, Objective, Objectives, burn_pairs

__all__ = ["harm", "judged_objectives", "limit", "looser_than_the_page"]

FAILURES = "error-rate"


def judged_objectives(system: MLSystem, stage: CanaryStage | None, objectives: Objectives) -> tuple[Objective, ...]:
    """The service's objectives; where none is on failures, what `rollbackWhen` says of them."""
    _refuse_others(system, stage)
    conditions = _on_failures(system)
    if not conditions or any(objective.kind == "availability" for objective in objectives.all):
        return objectives.all
    target = _limit(conditions[0]).map(lambda most: Percent(1 - most))
    return (objectives.failures(FAILURES, target), *objectives.all)


def limit(objective: Objective, system: MLSystem) -> Because[Decimal] | None:
    """The share of failures above which `rollbackWhen` takes a version back."""
    conditions = _on_failures(system)
    return _limit(conditions[0]) if conditions and objective.kind == "availability" else None


def looser_than_the_page(
    objectives: Objectives, system: MLSystem
) -> tuple[Because[Decimal], Objective, BurnPair] | None:
    """The limit of `rollbackWhen`, where it is above the share of failures that wakes somebody; and what does that."""
    conditions = _on_failures(system)
    promised = next((objective for objective in objectives.all if objective.kind == "availability"), None)
    pairs = burn_pairs(promised, objectives.period) if promised is not None else ()
    if not conditions or promised is None or not pairs:
        return None
    most = _limit(conditions[0])
    return (most, promised, pairs[0]) if most.value > Decimal(pairs[0].threshold.value) else None


def harm(
    objective: Objective, stage: CanaryStage | None, period: Because[str]
) -> tuple[Because[Decimal], Because[Decimal]]:
    """The share of bad requests without and with the harm that must not be missed."""
    usual = because(objective.budget.value, "what the objective allows", objective.target)
    after = because(min(Decimal("0.95"), 3 * usual.value), "three times what is allowed", objective.target)
    if objective.name == FAILURES:
        usual = fixed(Decimal(0), "no availability is promised, so no failures are expected")
    elif pairs := burn_pairs(objective, period):
        after = because(Decimal(pairs[0].threshold.value), "what would wake somebody", pairs[0].threshold)
    if after.value <= usual.value < 1:
        after = because((1 + usual.value) / 2, "half of what so low an objective leaves", objective.target)
    for asked in stage.detect if stage is not None and objective.kind == "availability" else ():
        if asked.metric.value == FAILURES:
            before = asked.from_.given.map(lambda m: m.amount) if asked.from_.given is not None else usual
            return before, _worse(asked, before)
    return usual, after


def _on_failures(system: MLSystem) -> list[Condition]:
    return [condition for condition in system.rollout.rollback_when if condition.metric.value == FAILURES]


def _limit(condition: Condition) -> Because[Decimal]:
    most = condition.max
    if most is None or condition.segment is not None:
        raise _nothing_judges(condition.metric, "with `max`, over all requests")
    return _possible(most)


def _refuse_others(system: MLSystem, stage: CanaryStage | None) -> None:
    named = [condition.metric for condition in system.rollout.rollback_when]
    named += [asked.metric for asked in stage.detect] if stage is not None else []
    for metric in named:
        if metric.value == FAILURES:
            continue
        if not system.metrics[metric.value.partition("@")[0]].needs_labels.value:
            raise _nothing_judges(metric, "bounds under `constraints.latency` are judged too")
        if system.data.labels is None:
            raise _nothing_judges(metric, "nothing under `data.labels` says that labels ever come")


def _nothing_judges(metric: Because[str], how: str) -> Refusal:
    return refusal(
        "MLS012",
        f"no analysis can judge a rollout by this condition on `{metric.value}`",
        metric,
        note="it would look like a guard, and every version would pass it",
        help=f"judge by `{{metric: {FAILURES}, max: 1%}}`: {how}",
    )


def _possible(most: Because[Measure]) -> Because[Decimal]:
    if not 0 < most.value.amount < 1 or most.value.unit not in ("", "%"):
        raise refusal(
            "MLS008",
            f"a limit of {most.value} judges no share of failures",
            most,
            note="with none allowed the first failure takes every version back, and with all allowed nothing does",
            help="write a share between them, such as `1%`",
        )
    return most.map(lambda measure: measure.amount)


def _worse(asked: Detectable, before: Because[Decimal]) -> Because[Decimal]:
    if not before.value < asked.to.value.amount <= 1:
        raise refusal(
            "MLS008",
            f"a share of failures of {asked.to.value} is no harm to detect",
            asked.to,
            others=((before, f"without the harm it is {plain(before.value * 100)} %"),),
            note="the new version is taken back when it is more like the harm than like the usual",
            help=f"write a share above {plain(before.value * 100)} %, or a lower `from`",
        )
    return because(asked.to.value.amount, "the harm that must not be missed", asked.to, asked.metric)
