"""What there is to learn from, to choose by and to judge by, and how far data may move before it is drift."""

from __future__ import annotations

from collections.abc import Iterator

from ...plan import Plan
from .line import Line

__all__ = ["drift", "history"]


def history(plan: Plan) -> Iterator[Line]:
    """How far back the data goes, what of it is left, and how its rows are divided."""
    past = plan.history
    if past.length is not None:
        yield Line(title="history", value=past.length)
    if past.left is not None:
        yield Line(title="left to be divided", value=past.left)
    for title, rows in (("to learn from", past.train), ("to choose by", past.validation), ("to judge by", past.test)):
        if rows is not None:
            yield Line(title=title, value=rows, count_of="row")


def drift(plan: Plan) -> Iterator[Line]:
    """What a window holds, what it is compared with, and from where a difference is more than noise."""
    measured = plan.drift
    if measured is None:
        return
    yield Line(title="compared", value=measured.part.window, field="monitoring.drift.window")
    if measured.sample is not None:
        yield Line(title="a window has", value=measured.sample, count_of="row", field="monitoring.drift.minSamples")
    if measured.reference is not None:
        yield Line(title="the reference has", value=measured.reference, count_of="row")
    for name, least in measured.above.items():
        where = f"{name}.threshold" if name in ("features", "prediction") else f"columns.{name}.threshold"
        yield Line(title=f"{name}, drift from", value=least, unit="PSI", field=f"monitoring.drift.{where}")
