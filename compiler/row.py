"""Named tuples, for what is taken apart, or passed on as the values that it holds.

`typing.NamedTuple` compiles the annotation of each field, which takes twice as long as to make the class. Type checkers
see it; at run time, `Row` makes the same class from `collections.namedtuple`.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

__all__ = ["Row"]

if TYPE_CHECKING:
    from typing import NamedTuple as Row
else:

    class _Rows(type):
        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = tuple(body["__annotations__"])
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body.pop("__module__"))
            for attribute, value in body.items():
                setattr(made, attribute, value)
            return made

    class Row(metaclass=_Rows):
        """Subclasses declare fields by annotation; a class attribute of the same name is the default."""
