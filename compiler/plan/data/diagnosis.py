"""What an alert on a model can mean: the causes of its signal in the order to rule them out, and whether to retrain.

Most alerts have several causes, and most causes get worse by training: on broken data, a new model learns the fault.
D. Sculley and others, Hidden technical debt in machine learning systems, 2015, name what to look at first: the bias of
predictions, limits on automated actions, and the producers upstream.
"""

from __future__ import annotations

from ...because import Because, decision
from ...exported import Signal
from ...system import Cause
from ..alerting.failures import SIGNALS
from ..scope import Scope

__all__ = ["Diagnosis", "vetoes"]


NEVER = "never"


class Diagnosis:
    """The possible causes of one signal."""

    def __init__(self, scope: Scope, signal: Signal) -> None:
        self.causes = scope.causes.get(signal, ())

    @property
    def names(self) -> Because[str]:
        """Their names, joined by commas: the value of a label."""
        return _names(tuple(cause.own_name for cause in self.causes))

    @property
    def retrain(self) -> Because[str]:
        """Whether a training run can be the answer: `never`, or `after-diagnosis`."""
        return _retrain(tuple(cause.retrain for cause in self.causes))

    @property
    def steps(self) -> Because[str]:
        """The causes to rule out one after the other, each with its check and its action."""
        return _steps(self.causes)


def vetoes(scope: Scope) -> tuple[Signal, ...]:
    """The signals that no training run answers: while one of them is raised, training would learn the fault."""
    return tuple(signal for signal in SIGNALS if Diagnosis(scope, signal).retrain.value == NEVER)


@decision
def _names(names: tuple[Because[str], ...]) -> tuple[str, str]:
    return ",".join(name.value for name in names), "the causes of this signal in the order to rule them out"


@decision
def _retrain(each: tuple[Because[bool], ...]) -> tuple[str, str]:
    if any(one.value for one in each):
        return "after-diagnosis", "some causes of this signal justify a training run, and others get worse by it"
    return NEVER, "no cause of this signal is answered by training"


@decision
def _steps(causes: tuple[Cause, ...]) -> tuple[str, str]:
    said = (f"{index}. {_step(cause)}" for index, cause in enumerate(causes, 1))
    return " ".join(said), "the causes of this signal in the order to rule them out"


def _step(cause: Cause) -> str:
    said = f"{_capital(cause.cause.value if cause.cause is not None else cause.own_name.value)}?"
    if cause.evidence is not None:
        said += f" Signs: {cause.evidence.value}."
    if cause.check is not None:
        said += f" Check {cause.check.value}."
    if cause.action is not None:
        said += f" If so, {cause.action.value}."
    return f"{said} Training may help." if cause.retrain.value else said


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
