"""Rules on the accelerators of training: what they are paid for, and what they can compute at all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...diagnostics import Diagnostic
from ...finding import Refusal, finding
from ...plan import Plan
from ...plan.accelerators import called
from ...plan.choose import number, readable, seconds
from ...system import MLSystem
from ..lint import rule

if TYPE_CHECKING:
    from ...plan.budget.training import Choice

__all__ = ["cheaper_training", "ends_after_its_deadline", "trains_too_fast"]


@rule(
    "MLS221",
    "error",
    "training.fit",
    "training.deadline",
    "training.tuning",
    "training.crossValidation",
    "training.resources.accelerator",
    "constraints.accelerators",
)
def ends_after_its_deadline(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Training run that takes longer than its deadline.

    Why: Kubernetes kills the run at its deadline, and each retry as well. The accelerators are paid for, and the model
    is never replaced.

    Bad:
        constraints: {accelerators: [h100]}
        training:
          fit: 30h
          deadline: 20h
          resources: {accelerator: {type: l4}}
    Good:
        constraints: {accelerators: [h100]}
        training:
          fit: 30h
          deadline: 100h
          resources: {accelerator: {type: l4}}
    """
    training = plan.training
    given = training.part.deadline.given if training is not None else None
    if training is None or training.work is None or given is None or training.work.value <= given.value:
        return
    hours = math.ceil(float(training.wanted.value) / 3600) if training.wanted is not None else 0
    fits_in = training.cadence is None or hours * 3600 < training.cadence.value.amount
    longer = f"write `deadline: {hours}h`" if fits_in else "run less often with a longer deadline"
    shorter = ", or shorten the run with fewer trials or folds" if training.fits.value > 1 else ""
    found = _choice(plan)
    others = f"use {_named(found)} and measure `fit` again, or " if found is not None and _keeps(found) else ""
    yield finding(
        "MLS221",
        f"a run takes {readable(training.work.value)}, longer than its deadline of {readable(given.value)}",
        given,
        others=((training.part.fit, "the duration of a fit"),),
        note=f"{training.work.reason}; Kubernetes kills every try at the deadline",
        help=f"{others}{longer}{shorter}",
    )


@rule(
    "MLS222",
    "info",
    "training.fit",
    "training.tokens",
    "training.resources.accelerator",
    "constraints.accelerators",
    "models.*.llm.tuning",
    "platform.planning.rough",
)
def cheaper_training(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Training on accelerators that cost more than others that are allowed.

    Why: a run pays for its accelerators by the hour. A device for inference costs little per hour and takes many of
    them, and a large one is idle if a fit does not use it. The comparison is by FLOP/s and price, and it reports only
    what is cheaper even if the estimate is wrong by its error factor.

    Bad:
        constraints: {accelerators: [h100]}
        training:
          fit: 8h
          resources: {accelerator: {type: a10g, count: 4}}
    Good:
        constraints: {accelerators: [a10g]}
        training:
          fit: 8h
          resources: {accelerator: {type: a10g, count: 4}}
    """
    found = _choice(plan)
    if found is None or found.declared is None or not _keeps(found) or _late(found):
        return
    now, best = found.declared.cost, found.best.cost
    if best is None or now is None or found.best.name.value == found.declared.name.value:
        return
    yield finding(
        "MLS222",
        f"training on {_named(found)} would cost about {best.value / now.value:.0%} of the declared accelerators",
        found.declared.name,
        note=found.proposed.reason,
        help=f"measure a fit on {_named(found)}, or suppress this finding and say what is against it",
    )


@rule(
    "MLS223",
    "warning",
    "training.fit",
    "training.tokens",
    "training.resources.accelerator",
    "models.*.llm.family",
    "models.*.llm.shape",
    "models.*.llm.tuning.method",
    "platform.accelerators.*.compute",
)
def trains_too_fast(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Measured fit that needs more FLOP/s than its accelerators have.

    Why: the deadline and the cost of a run follow from `fit`. If it was measured with fewer tokens, with other
    accelerators, or for a smaller model, every run takes longer and is killed at its deadline.

    Bad:
        model: {llm: {family: llama-3.1-8b, tuning: {method: full}}}
        training:
          fit: 2h
          tokens: 1B
          resources: {accelerator: {type: h100, count: 4}}
    Good:
        model: {llm: {family: llama-3.1-8b, tuning: {method: full}}}
        training:
          fit: 9h
          tokens: 1B
          resources: {accelerator: {type: h100, count: 4}}
    """
    if plan.training is None or plan.training.part.tokens is None:
        return
    from ...plan.budget.training import reached

    share, once, tokens = reached(plan), plan.training.part.fit, plan.training.part.tokens
    if share is None or once is None or share.value <= 1:
        return
    yield finding(
        "MLS223",
        f"a fit of {once.value} would need {number(100 * share.value)}% of the FLOP/s of its accelerators",
        once,
        others=((tokens, "the tokens of a fit"),),
        note=f"{share.reason}; even all FLOP/s would take {seconds(float(once.value) * share.value)}, and published "
        "training runs achieve 21% to 64% of them",
        help="measure `fit` again on these accelerators with all tokens, or correct `tokens`",
    )


def _choice(plan: Plan) -> Choice | None:
    """The choice of accelerators; None without a price, for which MLS405 asks if there is a budget."""
    training = plan.training
    if training is None or not plan.system.constraints.accelerators:
        return None
    from ...plan.budget.training import choice

    try:
        return choice(plan)
    except Refusal:
        return None


def _named(found: Choice) -> str:
    """The proposed accelerators in words."""
    return called(found.best.devices.value, found.best.name.value)


def _keeps(found: Choice) -> bool:
    """Whether the proposed accelerators can train the model in time."""
    return not found.best.unfit.value and not found.best.late.value


def _late(found: Choice) -> bool:
    """Whether the declared accelerators are too small or too slow, which other rules report."""
    return found.declared is not None and bool(found.declared.unfit.value or found.declared.late.value)
