"""The decisions for services that score by the clock."""

from __future__ import annotations

from ..system import BatchService
from .scope import Scope

__all__ = ["BatchPlan"]


class BatchPlan:
    """One service that scores a data set by the clock."""

    def __init__(self, scope: Scope, part: BatchService) -> None:
        self.scope = scope
        self.part = part
