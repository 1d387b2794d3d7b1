"""The base of the generated classes: one mapping in the spec, bound to typed values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .because import Because, Holder, Unavailable

if TYPE_CHECKING:
    from .tree import Node

__all__ = ["Named", "Part"]

T = TypeVar("T")


class Named(dict[str, T]):
    """A mapping in the spec from names to what they declare. Looking up an undeclared name, which has been reported,
    raises `Unavailable`."""

    def __missing__(self, name: str) -> NoReturn:
        raise Unavailable(name)


class Part(Holder):
    """One mapping in the spec. A field with an invalid value stays unset, and reading it raises `Unavailable`."""

    __slots__ = ("node", "own_name", "spec_path")
    fields: tuple[str, ...] = ()

    node: Node | None
    """Where it was written; None if the spec omits it and every field has its default."""
    spec_path: str
    """Its dotted path in the spec."""
    own_name: Because[str]
    """Its key in the parent mapping; unset for a part at a fixed path."""

    def __init__(self, spec_path: str, node: Node | None) -> None:
        self.spec_path = spec_path
        self.node = node

    def __getattr__(self, name: str) -> Any:
        if name in self.fields or name == "own_name":
            raise Unavailable(f"{self.spec_path}.{name}")
        raise AttributeError(f"{type(self).__name__} has no field {name}")

    def leaves(self) -> Iterator[object]:
        """Every bound value in it, in the order in which the language declares them."""
        for name in self.fields:
            try:
                yield object.__getattribute__(self, name)
            except AttributeError:
                continue

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spec_path})"
