"""What there is to learn from, to choose by and to judge by."""

from __future__ import annotations

from collections.abc import Iterator

from ..plan import Plan
from .line import Line

__all__ = ["history"]


def history(plan: Plan) -> Iterator[Line]:
    """How far back the data goes, what of it is left, and how its rows are divided."""
    past = plan.history
    if past.length is not None:
        yield Line(title="history", value=past.length)
    if past.left is not None:
        yield Line(title="left to be divided", value=past.left)
    for title, rows in (("to learn from", past.train), ("to choose by", past.validation), ("to judge by", past.test)):
        if rows is not None:
            yield Line(title=title, value=rows, unit="rows")
