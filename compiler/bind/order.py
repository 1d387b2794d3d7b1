"""Values in the wrong order: a minimum above its maximum, or a percentile above a higher one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ..because import Because
from ..language import ASCENDING
from ..record import Record
from ..tree import Mapping, Node, Scalar, Sequence

__all__ = ["Fall", "falls"]


class Fall(Record):
    """Two values that fall although they must not."""

    low: str
    """The key whose value is too high."""
    below: Scalar
    high: str
    """The key whose value it is above; the same key for the next item of a list."""
    above: Scalar
    why: str
    """What happens in production."""


def falls(type_name: str, values: dict[str, Any], node: Mapping) -> Iterator[Fall]:
    """What is out of order in one mapping; `values` has those that were bound without a mistake."""
    for keys, why in ASCENDING.get(type_name, ()):
        named = ((key, values[key], node.entries[key]) for key in keys if key in values and key in node.entries)
        given = [(key, *one) for key, value, at in named for one in _written(value, at)]
        for (low, less, below), (high, more, above) in pairwise(given):
            if less > more:
                yield Fall(low=low, below=below, high=high, above=above, why=why)


def _written(value: Any, node: Node) -> Iterator[tuple[Any, Scalar]]:
    """A value with its node, or the items of a list."""
    if isinstance(node, Sequence) and isinstance(value, tuple) and len(value) == len(node.items):
        for one, item in zip(value, node.items, strict=True):
            yield from _written(one, item)
    elif isinstance(node, Scalar) and isinstance(value, Because):
        yield value.value, node
