"""How many requests may wait on a replica before it refuses more.

Without a limit, an overloaded replica works through requests whose callers have given up, and falls further behind:
their number grows until memory runs out (sre.google, Handling Overload; Addressing Cascading Failures). A request that
cannot be answered within the request timeout is better refused at once, so that the caller can try elsewhere.
"""

from __future__ import annotations

from ....schema.units import Duration
from ...because import Because, decision
from ..choose import count

__all__ = ["waiting"]


@decision
def waiting(slots: Because[int], mean: Because[Duration], timeout: Because[Duration]) -> tuple[int, str]:
    answered = int(slots.value * timeout.value.amount / mean.value.amount)
    why = (
        f"{count(slots.value, 'slot')} x {timeout.value} / {mean.value}: {count(answered, 'request')} can be answered "
        f"within the request timeout, and {slots.value} of them run"
    )
    if answered - slots.value < slots.value:
        return slots.value, f"{why}; but at least as many as run"
    return answered - slots.value, why
