"""What the environment has at its worst moment, and what its namespace leaves."""

from __future__ import annotations

from collections.abc import Iterator

from ...plan import Plan
from .line import Line

__all__ = ["at_once"]

_KNOWN = {"cpu": ("processors", "cores"), "memory": ("memory", "")}


def at_once(plan: Plan) -> Iterator[Line]:
    """What is needed, then what is left; nothing where nothing is scarce: no accelerator, and no quota."""
    needed, left = plan.quota.needed, plan.quota.left
    if not left and not plan.quota.accelerators:
        return
    for path, amount in needed.items():
        title, unit = _told(path)
        yield Line(title=title, value=amount, unit=unit)
    for path, amount in left.items():
        title, unit = _told(path)
        yield Line(title=f"headroom: {title}", value=amount, unit=unit)


def _told(path: str) -> tuple[str, str]:
    return _KNOWN.get(path) or (path.removeprefix("accelerators."), "accelerators")
