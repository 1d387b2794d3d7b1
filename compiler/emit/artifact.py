"""The output of a target: one file with one object or with lines of text, and why it exists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..because import Because
from ..conventions import KUSTOMIZATION
from ..kinds import Kind
from ..record import Record
from .dump import Lines

if TYPE_CHECKING:
    from ..plan import Plan
    from ..system import MLSystem

__all__ = ["SYSTEM", "Artifact", "Body", "Made", "Piece", "SystemTarget", "Target", "resting"]

Body = dict[str, Any]
"""Plain data in output order. Leaves are `Because`, except for structural strings."""

SYSTEM = "_system"
"""The output folder of files for all environments together; no environment can have this name."""


class Artifact(Record):
    """One file of a bundle."""

    path: str
    body: Body | Lines
    """An object or other YAML, or the lines of another kind of file, such as a page or a script."""
    why: Because[Any]
    more: Callable[[], Iterable[Artifact]] | None = None
    """Files that go with it, such as its tests. They are made only when the output is read, so they cite nothing but
    what this file or the reason for it cites: they have no say in what has an effect."""

    def all(self) -> Iterator[Artifact]:
        """This file, and those that go with it."""
        yield self
        for one in self.more() if self.more is not None else ():
            yield one.but(why=one.why.also(self.why))

    @property
    def object(self) -> Body | None:
        """The body, if it is an object as Kubernetes and its tools write them; None for other files."""
        return self.body if isinstance(self.body, dict) and "apiVersion" in self.body else None

    @property
    def sent(self) -> Body | None:
        """The object, if it is sent to the API server: `kubectl` reads a kustomization only locally."""
        return self.object if not self.path.endswith(KUSTOMIZATION) else None


Piece = Callable[[], Iterable[Artifact]]


def resting(piece: Piece, *also: object) -> Piece:
    """The same piece with additional reasons for its artifacts: the values that decide whether the piece exists."""
    return lambda: [made.but(why=made.why.also(also)) for made in piece()]


class Target(Record):
    """A backend: a pure function from a system and its plan to the pieces for one environment.

    `emit` lists the pieces. Each piece runs separately, so an error in the spec affects only the pieces that depend on
    it.
    """

    name: str
    summary: str
    emit: Callable[[MLSystem, Plan], Iterable[Piece]]
    runs: Literal["serving", "monitoring", "training"] | None = None
    """What an environment must run (`environments.*.runs`) for this target to apply. Every piece then depends on that
    line of the spec."""
    finish: Callable[[MLSystem, Plan, tuple[Artifact, ...]], Iterable[Artifact]] | None = None
    """Creates artifacts that depend on all others, such as a list of all files."""
    kinds: Mapping[str, Kind] = {}
    """The kinds of objects that it writes, in addition to those of Kubernetes."""


class Made(Record):
    """The result for one environment, as input for a target that sees them all."""

    system: MLSystem
    plan: Plan
    artifacts: tuple[Artifact, ...]


class SystemTarget(Record):
    """A backend for the whole system: it sees all environments, and writes to a separate folder, `_system/`.

    It runs only if all environments are compiled. Examples are a report about all of them, or objects that deploy each.
    """

    name: str
    summary: str
    emit: Callable[[tuple[Made, ...]], Iterable[Piece]]
    kinds: Mapping[str, Kind] = {}
    """The kinds of objects that it writes, in addition to those of Kubernetes."""
