"""Emit: run every target. An error in one piece becomes a diagnostic, and does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from ..because import Unavailable
from ..diagnostics import Diagnostic
from ..finding import Refusal
from ..plan import Plan
from ..record import Record
from ..system import MLSystem
from .artifact import Artifact, Made, Piece, SystemTarget, Target, resting

__all__ = ["Emitted", "emit", "emit_system"]


class Emitted(Record):
    """All artifacts of one environment or of the whole system, and the diagnostics of what was refused."""

    artifacts: tuple[Artifact, ...]
    found: tuple[Diagnostic, ...]
    left_out: tuple[str, ...] = ()
    """What is missing, for each piece that was not emitted: the target, and the value that it needed."""

    @property
    def complete(self) -> bool:
        """Whether every piece was emitted; only then can the compiler tell which values have no effect."""
        return not self.left_out


def emit(system: MLSystem, plan: Plan, targets: Iterable[Target]) -> Emitted:
    """Run the targets in order, then finish them in reverse order, so that the first one sees all other artifacts."""
    run = _Run((plan.name,))
    artifacts: list[Artifact] = []
    targets = tuple(targets)
    for target in targets:
        for piece in run.pieces(target.name, partial(_pieces, target, system, plan)):
            artifacts += run.made(target.name, piece)
    for target in reversed(targets):
        if target.finish is not None:
            artifacts += run.made(target.name, partial(target.finish, system, plan, tuple(artifacts)))
    return run.emitted(artifacts)


def emit_system(made: tuple[Made, ...], targets: Iterable[SystemTarget]) -> Emitted:
    """Run the targets that cover all environments together."""
    run = _Run(tuple(one.plan.name for one in made))
    pieces = ((t.name, piece) for t in targets for piece in run.pieces(t.name, partial(t.emit, made)))
    return run.emitted(artifact for name, piece in pieces for artifact in run.made(name, piece))


def _pieces(target: Target, system: MLSystem, plan: Plan) -> Iterable[Piece]:
    """The pieces of a target, each with the reason that it runs in this environment."""
    if target.runs is None:
        return target.emit(system, plan)
    runs = plan.runs(target.runs)
    return (resting(piece, runs.sources) for piece in target.emit(system, plan)) if runs.value else ()


class _Run:
    def __init__(self, environments: tuple[str, ...]) -> None:
        self.environments = environments
        self.found: list[Diagnostic] = []
        self.left_out: list[str] = []

    def pieces(self, target: str, listed: Callable[[], Iterable[Piece]]) -> Iterator[Piece]:
        try:
            yield from listed()
        except Unavailable as missing:
            self.left_out.append(f"the target `{target}`, which needs `{missing}`")
        except Refusal as refusal:
            self._refused(target, refusal)

    def made(self, target: str, piece: Piece) -> list[Artifact]:
        try:
            return list(piece())
        except Unavailable as missing:
            self.left_out.append(f"an object of the target `{target}`, which needs `{missing}`")
        except Refusal as refusal:
            self._refused(target, refusal)
        return []

    def emitted(self, artifacts: Iterable[Artifact]) -> Emitted:
        return Emitted(artifacts=tuple(artifacts), found=tuple(self.found), left_out=tuple(self.left_out))

    def _refused(self, target: str, refusal: Refusal) -> None:
        self.left_out.append(f"an object of the target `{target}`, which {refusal.diagnostic.id} refuses")
        self.found.append(refusal.diagnostic.but(environments=self.environments))
