"""The decisions for services that score by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..system import BatchService

if TYPE_CHECKING:
    from . import Plan

__all__ = ["BatchPlan"]


class BatchPlan:
    """One service that scores a data set by the clock."""

    def __init__(self, plan: Plan, part: BatchService) -> None:
        self.plan = plan
        self.part = part
