"""Emit: every target makes its pieces, and what one cannot make is said without stopping the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from ..because import Unavailable
from ..diagnostics import Diagnostic
from ..finding import Refusal
from ..plan import Plan
from ..record import Record
from ..system import MLSystem
from .artifact import Artifact, Piece, Target

__all__ = ["Emitted", "emit"]


class Emitted(Record):
    """All artifacts of one environment, and what was refused."""

    artifacts: tuple[Artifact, ...]
    found: tuple[Diagnostic, ...]
    complete: bool
    """Whether nothing was left out: then every value of the spec that has no effect can be told."""


def emit(system: MLSystem, plan: Plan, targets: Iterable[Target]) -> Emitted:
    """Ask each target in turn, and the other way round to finish: the first target sees what all others made."""
    run = _Run(plan.name)
    artifacts: list[Artifact] = []
    targets = tuple(targets)
    for target in targets:
        for piece in run.pieces(target, system, plan):
            artifacts += run.made(piece)
    for target in reversed(targets):
        if target.finish is not None:
            artifacts += run.made(partial(target.finish, system, plan, tuple(artifacts)))
    return Emitted(artifacts=tuple(artifacts), found=tuple(run.found), complete=run.complete)


class _Run:
    def __init__(self, environment: str) -> None:
        self.environment = environment
        self.found: list[Diagnostic] = []
        self.complete = True

    def pieces(self, target: Target, system: MLSystem, plan: Plan) -> Iterator[Piece]:
        try:
            yield from target.emit(system, plan)
        except Unavailable:
            self.complete = False
        except Refusal as refusal:
            self._refused(refusal)

    def made(self, piece: Piece) -> list[Artifact]:
        try:
            return list(piece())
        except Unavailable:
            self.complete = False
        except Refusal as refusal:
            self._refused(refusal)
        return []

    def _refused(self, refusal: Refusal) -> None:
        self.complete = False
        self.found.append(refusal.diagnostic.but(environments=(self.environment,)))
