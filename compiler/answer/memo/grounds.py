"""What a decision rests on: lines of the spec and of other files, and assumptions that no file confirms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...because import Because, Source
from ...layer import Layered
from ...record import Record
from ...words import last
from ..reasons import Explainer, scalars
from .line import shown

__all__ = ["Ground", "Grounds"]


class Ground(Record):
    """One thing that a decision rests on."""

    path: str
    """The path in the spec or in the platform file; empty for a fact of the catalog that several paths share."""
    value: str
    """The value, after its key if there is no path: `imageSize 10G`."""
    where: str = ""
    """The line that sets it, such as `mlspec.yaml:13`; empty if no line does, so that it is assumed."""

    @property
    def assumed(self) -> bool:
        """Whether it is a default or an estimate."""
        return not self.where


class Grounds:
    """Finds what the decisions of one environment rest on."""

    def __init__(self, layered: Layered) -> None:
        self._explainer = Explainer((layered,))
        self._times = Counter(id(node) for _, node in scalars(layered.tree, ()))
        self._shipped = {id(layer.tree.file) for layer in layered.layers if layer.owner == "catalog"}

    def __call__(self, value: Because[Any]) -> tuple[Ground, ...]:
        """Each ground of a value once, the nearest first."""
        return tuple(dict.fromkeys(self._ground(source) for source in _ends(value)))

    def _ground(self, source: Source) -> Ground:
        if isinstance(source, Because):
            return Ground(path=source.path, value=shown(source.value))
        said = self._explainer.node(source)
        where = said.where.rpartition(":")[0]
        if self._times[id(source)] > 1 and id(source.file) in self._shipped:
            return Ground(path="", value=f"{last(said.path)} {said.value}", where=where)
        return Ground(path=said.path, value=said.value, where=where)


def _ends(value: Because[Any]) -> Iterator[Source]:
    """The nodes, the defaults, and the assumptions that a value depends on, nearest first."""
    seen, level = {id(value)}, [value]
    while level:
        below: list[Because[Any]] = []
        for one in level:
            if one.kind in ("default", "assumed"):
                yield one
            for source in one.sources:
                if id(source) in seen:
                    continue
                seen.add(id(source))
                if isinstance(source, Because):
                    below.append(source)
                else:
                    yield source
        level = below
