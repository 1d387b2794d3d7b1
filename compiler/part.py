"""The base of the generated classes: one mapping of the spec, bound to typed values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .because import Because, Holder, Unavailable

if TYPE_CHECKING:
    from .tree import Node

__all__ = ["Named", "Part"]

T = TypeVar("T")


class Named(dict[str, T]):
    """A mapping of the spec from names to things. Looking up a name that was never declared, which has been reported,
    raises `Unavailable`."""

    def __missing__(self, name: str) -> NoReturn:
        raise Unavailable(name)


class Part(Holder):
    """One mapping of the spec. A field whose text was wrong stays unset, and reading it raises `Unavailable`."""

    __slots__ = ("node", "own_name", "spec_path")
    fields: tuple[str, ...] = ()

    node: Node | None
    """Where it was written; none when the spec leaves it out and every field has its default."""
    spec_path: str
    """Where it belongs in the spec, with dots."""
    own_name: Because[str]
    """The name it has in the mapping that holds it; unset for a part that has a fixed place."""

    def __init__(self, spec_path: str, node: Node | None) -> None:
        self.spec_path = spec_path
        self.node = node

    def __getattr__(self, name: str) -> Any:
        if name in self.fields or name == "own_name":
            raise Unavailable(f"{self.spec_path}.{name}")
        raise AttributeError(f"{type(self).__name__} has no field {name}")

    def leaves(self) -> Iterator[object]:
        """Every value in it that was bound, in the order of the language."""
        for name in self.fields:
            try:
                yield object.__getattribute__(self, name)
            except AttributeError:
                continue

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spec_path})"
