"""What depends on each value of the spec: the sources of every line of a bundle, in reverse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..because import Because
from ..diagnostics import Span
from ..emit.dump import Lines
from ..tree import Node

if TYPE_CHECKING:
    from . import Bundle, File

__all__ = ["Dependents"]


class Dependents:
    """The lines of a bundle by the values that they depend on. Each reason is looked at once, for all questions."""

    def __init__(self, bundle: Bundle) -> None:
        self.files = tuple(bundle.own_files())
        self._above: dict[int, list[int]] = {}
        self._nodes: dict[Span, set[int]] = {}
        stack: list[Any] = [file.artifact.why for file in self.files]
        stack += [reason for file in self.files for reasons in file.reasons for reason in reasons]
        seen: set[int] = set()
        while stack:
            thing = stack.pop()
            if id(thing) not in seen:
                seen.add(id(thing))
                stack += self._below(thing)

    def _below(self, thing: Because[Any]) -> Iterator[Because[Any]]:
        for part in _contents((thing.sources, thing.value)):
            self._above.setdefault(id(part), []).append(id(thing))
            if isinstance(part, Because):
                yield part
            else:
                self._nodes.setdefault(part.span, set()).add(id(part))

    def lines(self, nodes: Iterable[Node]) -> Iterator[tuple[File, list[int]]]:
        """The lines of each file that depend on some nodes, counted from 0. Of an object that exists because of them,
        its first line, which is below the header.
        """
        found = self._dependent(node.span for node in nodes)
        for file in self.files:
            whole, numbers = id(file.artifact.why) in found, []
            for number, reasons in enumerate(file.reasons):
                own = reasons[:-1]
                if any(id(reason) in found for reason in own) if own else whole and number == 1:
                    numbers.append(number)
            if numbers:
                yield file, numbers

    def _dependent(self, spans: Iterable[Span]) -> set[int]:
        """The identities of all values that depend on what is in these places."""
        stack = [name for span in spans for name in self._nodes.get(span, ())]
        found: set[int] = set()
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                stack += self._above.get(name, ())
        return found


def _contents(thing: object) -> Iterator[Because[Any] | Node]:
    """The values with a reason, and the nodes, that are directly in something."""
    if isinstance(thing, (Because, Node)):
        yield thing
    elif isinstance(thing, dict):
        for child in thing.values():
            yield from _contents(child)
    elif isinstance(thing, (list, tuple)):
        for child in thing:
            yield from _contents(child)
    elif isinstance(thing, Lines):
        yield from _contents(thing.causes)
