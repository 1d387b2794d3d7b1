"""The peak resource usage of an environment, and what the quota of its namespace leaves."""

from __future__ import annotations

from collections.abc import Iterator

from ...plan import Plan
from ...plan.budget.quota import DISK
from .line import Line

__all__ = ["peak"]

_KNOWN = {"cpu": ("CPU", "core"), "memory": ("memory", ""), DISK: ("disk space", "")}


def peak(plan: Plan) -> Iterator[Line]:
    """The peak usage, then what is left; nothing if the environment has no accelerators and no quota."""
    needed, left = plan.quota.needed, plan.quota.left
    if not left and not plan.quota.accelerators:
        return
    for path, amount in needed.items():
        title, noun = _named(path)
        yield Line(title=title, value=amount, count_of=noun)
    for path, amount in left.items():
        title, noun = _named(path)
        yield Line(title=f"headroom: {title}", value=amount, count_of=noun)


def _named(path: str) -> tuple[str, str]:
    return _KNOWN.get(path) or (path.removeprefix("accelerators."), "accelerator")
