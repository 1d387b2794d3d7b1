"""The rule on commands that are written as one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import BatchService, MLSystem, OnlineService, Sidecar, Training
from ..lint import rule

__all__ = ["only_a_shell_could_run"]

OPERATORS = frozenset(("&&", "||", ">>", "2>&1"))
"""Words that mean something to a shell only: `|` and `>` can also be a delimiter or a comparison."""

SHELLS = ("sh", "bash", "ash", "dash", "zsh", "ksh", "env", "xargs", "find")
"""What reads such words itself, or runs what does."""

Words = Sequence[Because[str]]


@rule(
    "MLS445",
    "error",
    "services.*.command",
    "services.*.container.command",
    "services.*.sidecars",
    "training.steps",
    "training.sidecars",
    "retraining.online.command",
)
def only_a_shell_could_run(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Command that only a shell could run.

    Why: a command is a list of words, and the first is the program that a container starts. No program is called
    `python score.py`, so the container never starts, in any run or replica. Without a shell, `&&` is an argument of the
    program before it, which does something else.

    Bad:
        training:
          steps: {train: {command: ["python -m fraud.train"]}}
    Good:
        training:
          steps: {train: {command: [python, -m, fraud.train]}}
    """
    for words in _commands(system):
        if not words:
            continue
        first, operator = words[0], next((word for word in words if word.value in OPERATORS), None)
        if any(sign.isspace() for sign in first.value.strip()):
            yield finding(
                "MLS445",
                f"no program is called `{first.value}`",
                first,
                note="a command does not run in a shell, so the container never starts",
                help=_split(first.value),
            )
        elif operator is not None and first.value.rpartition("/")[2] not in SHELLS:
            yield finding(
                "MLS445",
                f"`{operator.value}` is an argument of `{first.value}`",
                operator,
                others=((first, "what runs"),),
                note="a command does not run in a shell, so what comes after it never runs",
                help=_by_shell(" ".join(_quoted(word.value) for word in words)),
            )


def _commands(system: MLSystem) -> Iterator[Words]:
    for service in system.services.values():
        if isinstance(service, BatchService):
            yield service.command
        elif isinstance(service, OnlineService):
            yield service.container.command
        if isinstance(service, (BatchService, OnlineService)):
            yield from _of_sidecars(service)
    training, retraining = system.training, system.retraining
    if training is not None:
        steps = training.steps
        every = (steps.validate_, steps.train, steps.compress, steps.evaluate, steps.register_)
        yield from (step.command for step in every if step is not None)
        yield from _of_sidecars(training)
    if retraining is not None and retraining.online is not None:
        yield retraining.online.command


def _of_sidecars(part: BatchService | OnlineService | Training) -> Iterator[Words]:
    sidecars: list[Sidecar] = [*part.sidecars.values()]
    yield from (sidecar.command for sidecar in sidecars)


def _split(line: str) -> str:
    """The words of a line, unless it needs a shell."""
    words = line.split()
    if OPERATORS.isdisjoint(words) and not any(sign in line for sign in "\"'$`;|&<>*"):
        return f"write each word by itself: `[{', '.join(words)}]`"
    return _by_shell(line)


def _by_shell(line: str) -> str:
    """A line in double quotes, which YAML reads as JSON does."""
    return f"write `[sh, -c, {json.dumps(line, ensure_ascii=False)}]`, or a script in the image"


def _quoted(word: str) -> str:
    """A word as a shell reads it back, unless it is an operator."""
    from shlex import quote  # rarely needed, so imported late

    return word if word in OPERATORS else quote(word)
