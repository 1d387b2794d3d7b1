"""A frozen record with named fields: a dataclass at one fiftieth of the import cost."""

from __future__ import annotations

from typing import Any, Self, dataclass_transform

__all__ = ["Record", "brief", "one_line"]

LONGEST = 116
"""The length of a record's `repr`, which has to fit on one terminal line after a prompt or the `E` of pytest."""

LONGEST_FIELD = 48


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Record:
    """Subclasses declare fields by annotation; a class attribute of the same name is the default."""

    _fields: tuple[str, ...] = ()
    _known: frozenset[str] = frozenset()
    _needed: frozenset[str] = frozenset()

    def __init_subclass__(cls) -> None:
        # inspect.get_annotations does the same, but importing inspect costs 4 ms
        own = tuple(name for name in cls.__dict__.get("__annotations__", ()) if name[0] != "_")  # noqa: RUF063
        cls._fields = (*cls._fields, *own)
        cls._known = frozenset(cls._fields)
        cls._needed = cls._known.difference(*[base.__dict__ for base in cls.__mro__])

    def __init__(self, **values: Any) -> None:
        if not self._needed <= values.keys() <= self._known:
            missing = [name for name in self._fields if name in self._needed and name not in values]
            unknown = [name for name in values if name not in self._known]
            wrong = f"needs {', '.join(missing)}" if missing else f"has no {', '.join(unknown)}"
            raise TypeError(f"{type(self).__name__} {wrong}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(getattr(self, n) == getattr(other, n) for n in self._fields)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self._fields))

    def __repr__(self) -> str:
        return one_line(self, ", ".join(f"{name}={brief(getattr(self, name))}" for name in self._fields))

    def but(self, **changes: Any) -> Self:
        """A copy of the record with some fields changed."""
        return type(self)(**{**{name: getattr(self, name) for name in self._fields}, **changes})


def one_line(thing: object, said: str) -> str:
    """`Class(said)`, for a `repr` that fits on one line whatever the object contains."""
    name = type(thing).__name__
    return f"{name}({_cut(said, LONGEST - len(name) - 2)})"


def brief(value: object) -> str:
    """A value inside a `repr`: short ones in full, long texts cut, and collections by their contents."""
    if isinstance(value, str):
        return repr(value) if len(value) <= LONGEST_FIELD else _cut(repr(value[:LONGEST]), LONGEST_FIELD)
    if isinstance(value, dict) and value:
        return f"<{len(value)} keys>"
    if isinstance(value, (tuple, list, set, frozenset)) and value:
        few = len(value) <= 4 and all(isinstance(item, (str, int, float)) for item in value)
        return _cut(repr(value), LONGEST_FIELD) if few else f"<{len(value)} {type(next(iter(value))).__name__}>"
    return _cut(repr(value), LONGEST_FIELD)


def _cut(text: str, most: int) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= most else f"{line[: most - 3]}..."
