"""What a target makes: one file with one object, and why it exists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..because import Because
from ..record import Record

if TYPE_CHECKING:
    from ..plan import Plan
    from ..system import MLSystem

__all__ = ["Artifact", "Body", "Piece", "Target", "resting"]

Body = dict[str, Any]
"""Plain data in the order in which it is written. Leaves that are no structural strings are `Because`."""


class Artifact(Record):
    """One file of a bundle."""

    path: str
    body: Body
    why: Because[Any]


Piece = Callable[[], Iterable[Artifact]]


def resting(piece: Piece, *also: object) -> Piece:
    """The same piece, whose artifacts exist for these reasons, too: what decided that the piece is made at all."""
    return lambda: [made.but(why=made.why.also(also)) for made in piece()]


class Target(Record):
    """A back-end: a pure function from a system and its plan to the pieces that it can make.

    `emit` lists the pieces; each is made on its own, so that a part of the spec that is wrong takes only what rests on
    it.
    """

    name: str
    summary: str
    emit: Callable[[MLSystem, Plan], Iterable[Piece]]
    finish: Callable[[MLSystem, Plan, tuple[Artifact, ...]], Iterable[Artifact]] | None = None
    """What can only be written once everything else is there, such as a list of all files."""
