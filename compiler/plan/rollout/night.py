"""Whether a rollout at the trough of the traffic gets the requests for its verdicts, or waits for an engineer."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ....schema.units import Percent, Rate
from ...because import Because, decision
from ...record import Record
from ..choose import count, number, window
from .judgment import Judgment, Step
from .verdict import Verdict

__all__ = ["Idle", "half", "idle", "likeliest_to_wait"]


class Idle(Record):
    """The step and the judgment that most probably lack requests."""

    step: Step
    judgment: Judgment
    odds: Because[Percent]
    """The probability that the rollout waits there."""


def likeliest_to_wait(steps: Iterable[Step], rate: Rate) -> tuple[float, Step, Judgment] | None:
    """The step that most probably waits at a rate, with the probability and the judgment that lacks requests."""
    waits = [
        (judgment.verdict.value.held_at(float(rate) * step.share.value / 100), step, judgment)
        for step in steps
        for judgment in step.judgments
    ]
    return max(waits, key=lambda wait: wait[0], default=None)


def idle(steps: Iterable[Step], trough: Because[Rate]) -> Idle | None:
    """What a rollout at the trough most probably waits for; None if nothing is judged."""
    worst = likeliest_to_wait(steps, trough.value)
    if worst is None:
        return None
    _, step, judgment = worst
    return Idle(step=step, judgment=judgment, odds=_odds(trough, step.share, judgment.verdict))


@decision
def half(rate: Because[Rate]) -> tuple[Rate, str]:
    """A quiet hour, if the spec does not say how quiet the quietest one is."""
    return Rate(rate.value.amount / 2), f"half of {rate.value}: traffic is below its mean for half of the day"


@decision
def _odds(trough: Because[Rate], share: Because[int], verdict: Because[Verdict]) -> tuple[Percent, str]:
    judged, arriving = verdict.value, float(trough.value) * share.value / 100
    odds = Percent(Decimal(str(round(judged.held_at(arriving), 3))))
    return odds, (
        f"a window of {window(judged.minutes)} at {share.value}% of {trough.value} gets "
        f"{number(arriving * judged.minutes * 60)} requests, and a verdict needs {count(judged.least, 'request')}"
    )
