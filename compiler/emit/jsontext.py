"""JSON as lines with reasons: a file in a ConfigMap where every line still has the reasons of its values."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ..because import Because, because
from .dump import Line, Lines

__all__ = ["json_lines", "manifest_lines"]

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` with an option would make an encoder for each leaf."""

DEEP = 40
"""More than the indent, the quotes, and the punctuation of a line have, and than a number or a boolean has."""


class _Part(NamedTuple):
    """A line in the making: it is joined once, at the end, because each join is another value with a reason."""

    before: str
    text: Line
    after: str

    @property
    def whole(self) -> str:
        """The line without its reason."""
        return f"{self.before}{self.text.value if isinstance(self.text, Because) else self.text}{self.after}"

    def line(self) -> Line:
        """The line with its reason."""
        return Because(self.whole, "", (self.text,)) if isinstance(self.text, Because) else self.whole


def json_lines(body: dict[str, Any], flat: int = 0) -> Lines:
    """A body as pretty-printed JSON. Keys keep their order; None omits the key.

    Each leaf has a line of its own, unless its object or list fits on one line of `flat` characters.
    """
    return Lines.later(
        lambda: (part.line() for part in _Writer(flat).value(body, "", "", "")), causes=body, most=_at_most(body)
    )


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
    def __init__(self, flat: int) -> None:
        self.flat = flat

    def value(self, value: Any, head: str, indent: str, after: str) -> list[_Part]:
        """The lines of a value, below `head` at its first line."""
        if isinstance(value, dict):
            entries = [(f"{_ENCODE(key)}: ", child) for key, child in value.items() if child is not None]
            return self._block("{}", entries, head, indent, after)
        if isinstance(value, (list, tuple)):
            return self._block("[]", [("", child) for child in value if child is not None], head, indent, after)
        if isinstance(value, Because) and isinstance(value.value, (dict, list, tuple)):
            return [_caused(part, value) for part in self.value(value.value, head, indent, after)]
        return [_Part(head, _leaf(value), after)]

    def _block(self, brackets: str, entries: list[tuple[str, Any]], head: str, indent: str, after: str) -> list[_Part]:
        if not entries:
            return [_Part(head, brackets, after)]
        inner = f"{indent}  "
        parts = [
            self.value(child, key, inner, "," if index + 1 < len(entries) else "")
            for index, (key, child) in enumerate(entries)
        ]
        if self.flat and all(len(part) == 1 for part in parts):
            line = _joined(brackets, [part[0] for part in parts])
            if len(indent) + len(head) + len(line.value if isinstance(line, Because) else line) <= self.flat:
                return [_Part(head, line, after)]
            rows = [_Part(inner + part[0].before, part[0].text, part[0].after) for part in parts]
            return [
                _wide(row, line) for row in (_Part(head, brackets[0], ""), *rows, _Part(indent, brackets[1], after))
            ]
        made = [_Part(head, brackets[0], "")]
        for part in parts:
            before, text, ends = part[0]
            made.append(_Part(inner + before, text, ends))
            made += part[1:]
        made.append(_Part(indent, brackets[1], after))
        return made


def _wide(part: _Part, line: Line) -> _Part:
    """A row of what is too long for one line: that there are rows depends on all of them."""
    if not isinstance(line, Because):
        return part
    own = part.text
    text = own.also(line) if isinstance(own, Because) else because(own, "a row of its own", line)
    return _Part(part.before, text, part.after)


def _caused(part: _Part, value: Because[Any]) -> _Part:
    """A line of a list or an object that has a reason as a whole."""
    own = part.text
    text = own.also(value) if isinstance(own, Because) else because(own, value.reason, value)
    return _Part(part.before, text, part.after)


def _joined(brackets: str, parts: list[_Part]) -> Line:
    """Entries on one line, with the reasons of all of them."""
    text = f"{brackets[0]}{' '.join(part.whole for part in parts)}{brackets[1]}"
    reasons = [part.text for part in parts if isinstance(part.text, Because)]
    return Because(text, reasons[0].why, tuple(reasons), reasons[0].kind) if reasons else text


def _leaf(value: Any) -> Line:
    if isinstance(value, Because):
        return value.map(_ENCODE)
    if isinstance(value, str):
        return _ENCODE(value)
    raise TypeError(f"{value!r} has no reason: use fixed() or a decision")
