"""The fits of a training run, and the deadline that follows from them.

The trials of a search run in the pod of the training run, which is compiled once, so more of them at once take turns:
the time and the cost of a search do not depend on `tuning.parallel`. The best setting of a search, or of
cross-validation, is fitted once more, on all training rows.
"""

from __future__ import annotations

import math

from ....schema.units import Duration
from ...because import Because, decision
from .. import cron
from ..choose import count, number, readable

__all__ = ["deadline", "fits", "folds", "one_fold", "searched", "wanted", "work"]


@decision
def folds(folds: Because[int], when: Because[str], tunes: Because[bool]) -> tuple[int, str]:
    if when.value == "every-run" or tunes.value:
        return folds.value, f"each configuration is fitted on {count(folds.value, 'fold')}"
    return 1, "cross-validation is part of the search, which the run does not include"


@decision
def one_fold() -> tuple[int, str]:
    return 1, "there is no cross-validation"


@decision
def fits(
    _: Because[bool], trials: Because[int] | None, folds: Because[int], members: Because[int] | None
) -> tuple[int, str]:
    """(trials · folds + the final fit) · members. Without a search and folds, the only fit is the final one."""
    compared = folds.value * (trials.value if trials is not None else 1)
    searched = trials is not None or folds.value > 1
    fits = compared + 1 if searched else 1
    said = f"{_product(trials, folds)} + the final fit on all training rows" if searched else "one fit"
    if members is not None:
        fits *= members.value
        each = f"({said})" if searched else said
        return fits, f"{each} x {count(members.value, 'ensemble member')} = {count(fits, 'fit')}"
    return fits, f"{said} = {count(fits, 'fit')}" if searched else said


@decision
def searched(trials: Because[int], folds: Because[int], members: Because[int] | None) -> tuple[int, str]:
    """The fits of a separate search, without the final one."""
    fits = trials.value * folds.value * (members.value if members is not None else 1)
    said = _product(trials, folds, members)
    return fits, f"{said} = {count(fits, 'fit')}" if fits > trials.value else said


def _product(trials: Because[int] | None, folds: Because[int], members: Because[int] | None = None) -> str:
    parts = [count(trials.value, "trial")] if trials is not None else []
    parts += [count(folds.value, "fold")] if folds.value > 1 else []
    parts += [count(members.value, "ensemble member")] if members is not None else []
    return " x ".join(parts)


@decision
def work(fit: Because[Duration], fits: Because[int]) -> tuple[Duration, str]:
    how = f" ({fits.reason})" if fits.value > 1 else ""
    return Duration(fits.value * fit.value.amount), f"{count(fits.value, 'fit')} of {fit.value}{how}"


@decision
def wanted(
    work: Because[Duration], retries: Because[int], headroom: Because[float], wait: Because[Duration]
) -> tuple[Duration, str]:
    """The deadline with time for every try, and for its headroom. Kubernetes counts from the start of the Job, through
    all tries and while a pod waits (kubernetes#111948).
    """
    tries = 1 + retries.value
    once = math.ceil(float(work.value) * headroom.value / 60 - 1e-9) * 60
    each = f"{number(headroom.value)} times {work.reason} and {wait.value} to wait for a node"
    why = each if tries == 1 else f"{count(tries, 'try')}, each with {each}"
    return Duration(tries * (once + math.ceil(wait.value.amount))), why


@decision
def deadline(wanted: Because[Duration], cadence: Because[Duration] | None) -> tuple[Duration, str]:
    """The wanted deadline, cut so that the run ends before the next one."""
    if cadence is None or wanted.value < cadence.value:
        return wanted.value, wanted.reason
    left = Duration(cadence.value.amount - cron.LEAST_LATE)
    needed = f"{wanted.reason} would be {readable(wanted.value)}"
    return left, f"{needed}, but the run must end before the next one: {cadence.reason}"
