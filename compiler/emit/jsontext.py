"""JSON as lines with reasons: a file in a ConfigMap where every line still has the reasons of its values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from json.encoder import encode_basestring
from typing import Any

from ..because import Because
from .dump import Line, Lines

__all__ = ["json_lines", "manifest_lines"]

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` with an option would make an encoder for each leaf."""

DEEP = 40
"""More than the indent, the quotes, and the punctuation of a line have, and than a number or a boolean has."""

_Written = tuple[str, str, str, tuple[Because[Any], ...]]
"""What is before a text, the text, what is after it, and what the text depends on, innermost first."""


def json_lines(body: dict[str, Any], flat: int = 0) -> Lines:
    """A body as pretty-printed JSON. Keys keep their order; None omits the key.

    Each leaf has a line of its own, unless its object or list fits on one line of `flat` characters.
    """
    return Lines.later(partial(_lines, body, flat), causes=body, most=_at_most(body))


def _lines(body: dict[str, Any], flat: int) -> Iterator[Line]:
    writer = _Writer(flat)
    writer.value(body, "", "", "", ())
    for before, text, after, causes in writer.rows:
        whole = f"{before}{text}{after}"
        yield Because(whole, "", (_caused(text, causes),)) if causes else whole


def _caused(text: str, causes: tuple[Because[Any], ...]) -> Because[str]:
    """A text with the reason of the innermost value in it. It also depends on the others."""
    return Because(text, causes[0].why, causes, causes[0].kind, causes[0].path)


def manifest_lines(body: dict[str, Any]) -> Lines:
    """The same for an object that something creates in the cluster."""
    made = json_lines(body)
    made.manifest = True
    return made


def _at_most(body: object) -> int:
    """More bytes than the JSON of a body has: every character escaped once, and every value on a deep line."""
    size, stack = 0, [body]
    while stack:
        one = stack.pop()
        while type(one) is Because:
            one = one.value
        size += DEEP
        if isinstance(one, dict):
            size += sum(map(len, one))
            stack += one.values()
        elif isinstance(one, (list, tuple)):
            stack += one
        elif isinstance(one, str):
            size += 2 * len(one) if one.isascii() and one.isprintable() else 6 * len(one)
    return size


class _Writer:
    """Rows are appended in the order of the text, so that each value is visited once."""

    def __init__(self, flat: int) -> None:
        self.flat = flat
        self.rows: list[_Written] = []

    def value(self, value: Any, before: str, indent: str, after: str, scope: tuple[Because[Any], ...]) -> None:
        """The rows of a value. `scope` are the reasons of the objects and lists around it."""
        if type(value) is Because:
            scope = (value, *scope)
            bare = value.value
        else:
            bare = value
        if isinstance(bare, dict):
            entries = [(f"{encode_basestring(key)}: ", child) for key, child in bare.items() if child is not None]
            self._block("{}", entries, before, indent, after, scope)
        elif isinstance(bare, (list, tuple)):
            self._block("[]", [("", child) for child in bare if child is not None], before, indent, after, scope)
        elif type(bare) is str:
            self.rows.append((before, encode_basestring(bare), after, scope))
        elif bare is not value:
            self.rows.append((before, _ENCODE(bare), after, scope))
        else:
            raise TypeError(f"{value!r} has no reason: use fixed() or a decision")

    def _block(
        self,
        brackets: str,
        entries: list[tuple[str, Any]],
        before: str,
        indent: str,
        after: str,
        scope: tuple[Because[Any], ...],
    ) -> None:
        if not entries:
            self.rows.append((before, brackets, after, scope))
            return
        start, inner, left = len(self.rows), f"{indent}  ", len(entries)
        self.rows.append((before, brackets[0], "", scope))
        for key, child in entries:
            left -= 1
            self.value(child, inner + key, inner, "," if left else "", scope)
        self.rows.append((indent, brackets[1], after, scope))
        if self.flat and len(self.rows) == start + len(entries) + 2:
            self._on_one_line(start, len(inner))

    def _on_one_line(self, start: int, inner: int) -> None:
        """Join the rows of a block if they fit on one line. If not, that there are rows depends on all of them."""
        (before, opened, _, _), *parts, (_, closed, after, _) = self.rows[start:]
        line = f"{opened}{' '.join(f'{head[inner:]}{text}{ends}' for head, text, ends, _ in parts)}{closed}"
        found = {id(cause): cause for row in parts for cause in row[3]}
        joined = (_caused(line, tuple(found.values())),) if found else ()
        if len(before) + len(line) <= self.flat:
            self.rows[start:] = [(before, line, after, joined)]
        elif joined:
            self.rows[start:] = [(head, text, ends, (*own, *joined)) for head, text, ends, own in self.rows[start:]]
