"""Named tuples behave as `typing.NamedTuple` promises type checkers."""

from __future__ import annotations

import pickle
from typing import NamedTuple

import pytest

from mlspec.compiler.row import Row


class Point(Row):
    """A point on a map."""

    name: str
    x: float = 0.0
    y: float = 0.0

    @property
    def far(self) -> bool:
        """Whether it is not at the origin."""
        return (self.x, self.y) != (0, 0)


class Usual(NamedTuple):
    """A point on a map."""

    name: str
    x: float = 0.0
    y: float = 0.0


def test_rows_are_named_tuples() -> None:
    point = Point("a", y=2.0)
    name, x, y = point
    assert (name, x, y, point.far, Point("b").far) == ("a", 0.0, 2.0, True, False)
    assert point == ("a", 0.0, 2.0)
    assert hash(point) == hash(("a", 0.0, 2.0))
    assert repr(point) == "Point(name='a', x=0.0, y=2.0)"
    assert point._replace(name="c") == Point("c", 0.0, 2.0)
    assert pickle.loads(pickle.dumps(point)) == point
    with pytest.raises(AttributeError):
        point.x = 1.0  # type: ignore[misc]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        Point()  # type: ignore[call-arg]


@pytest.mark.parametrize("what", ["_fields", "_field_defaults", "__doc__", "__module__", "__bases__"])
def test_rows_look_like_named_tuples(what: str) -> None:
    assert getattr(Point, what) == getattr(Usual, what)
