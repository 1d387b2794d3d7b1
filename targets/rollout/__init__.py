"""Rollout: the route whose weights are shifted and mirrored, and the analyses that judge a new version."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ...compiler.emit.artifact import Piece, Target
from ...compiler.plan import Plan
from ...compiler.system import MLSystem
from . import analysis, route

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """A route and the analyses for each online service."""
    for service in plan.online.values():
        yield partial(route.route, service)
        yield partial(analysis.templates, service)


TARGET = Target(name="rollout", summary="Gateway API routes and Argo Rollouts analyses", emit=emit)
