"""Dates on the wrong side of today: evidence from the future, and targets whose date has passed.

They depend on the day, so they are findings of a run, and never part of the output.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..because import Unavailable
from ..diagnostics import Diagnostic
from ..finding import finding
from ..system import MLSystem

__all__ = ["dated"]


def dated(system: MLSystem, today: str | None) -> Iterator[Diagnostic]:
    """The findings on a day; none if the day is unknown."""
    if today is None:
        return
    for check in (_evidence, _targets):
        try:
            yield from check(system, today)
        except Unavailable:
            continue  # the mistake has been reported


def _evidence(system: MLSystem, today: str) -> Iterator[Diagnostic]:
    for name, test in system.evidence.items():
        if test.date.value > today:
            yield finding(
                "MLS289",
                f"the evidence for {name} is dated {test.date.value}, which is in the future",
                test.date,
                severity="warning",
                note="a test that has not run yet shows nothing, so the score does not count it",
                help="write the day on which the test ran",
            )


def _targets(system: MLSystem, today: str) -> Iterator[Diagnostic]:
    for target in system.success:
        if target.by.value < today:
            yield finding(
                "MLS289",
                f"the target for `{target.metric.value}` was due on {target.by.value}",
                target.by,
                severity="info",
                note="the design document still shows it as a goal, and says nothing about whether it was reached",
                help="write a new date, or remove the target",
            )
