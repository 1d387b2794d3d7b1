"""What a target makes: one file with one object or with lines of text, and why it exists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..because import Because
from ..kinds import Kind
from ..record import Record
from .dump import Lines

if TYPE_CHECKING:
    from ..plan import Plan
    from ..system import MLSystem

__all__ = ["SYSTEM", "Artifact", "Body", "Made", "Piece", "SystemTarget", "Target", "resting"]

Body = dict[str, Any]
"""Plain data in the order in which it is written. Leaves that are no structural strings are `Because`."""

SYSTEM = "_system"
"""The folder of what is made once for all environments; no environment can have this name."""


class Artifact(Record):
    """One file of a bundle."""

    path: str
    body: Body | Lines
    """An object or other YAML; or the lines of a file that is none, such as a page or a script."""
    why: Because[Any]

    @property
    def object(self) -> Body | None:
        """The object that an API server is sent; None for every other file."""
        return self.body if isinstance(self.body, dict) and "apiVersion" in self.body else None


Piece = Callable[[], Iterable[Artifact]]


def resting(piece: Piece, *also: object) -> Piece:
    """The same piece, whose artifacts exist for these reasons, too: what decided that the piece is made at all."""
    return lambda: [made.but(why=made.why.also(also)) for made in piece()]


class Target(Record):
    """A back-end: a pure function from a system and its plan to the pieces that it can make for one environment.

    `emit` lists the pieces; each is made on its own, so that a part of the spec that is wrong takes only what rests on
    it.
    """

    name: str
    summary: str
    emit: Callable[[MLSystem, Plan], Iterable[Piece]]
    runs: Literal["serving", "monitoring", "training"] | None = None
    """What an environment must run (`environments.*.runs`) so that anything is made here. Every piece then rests on
    the line that says so."""
    finish: Callable[[MLSystem, Plan, tuple[Artifact, ...]], Iterable[Artifact]] | None = None
    """What can only be written once everything else is there, such as a list of all files."""
    kinds: Mapping[str, Kind] = {}
    """What is known of the kinds that it writes, beyond Kubernetes' own."""


class Made(Record):
    """What one environment came to, for a target that sees them all."""

    system: MLSystem
    plan: Plan
    artifacts: tuple[Artifact, ...]


class SystemTarget(Record):
    """A back-end for the whole system: it sees all environments, and its files lie beside theirs, in `_system/`.

    It runs only when all environments are compiled, like a report on all of them or what deploys each one.
    """

    name: str
    summary: str
    emit: Callable[[tuple[Made, ...]], Iterable[Piece]]
    kinds: Mapping[str, Kind] = {}
    """What is known of the kinds that it writes, beyond Kubernetes' own."""
