"""JSON as lines with reasons: a file in a ConfigMap where every line still has the reasons of its values."""

from __future__ import annotations

import json
from typing import Any

from ..because import Because, because
from .dump import Lines

__all__ = ["json_lines"]

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` with an option would make an encoder for each leaf."""

Line = str | Because[str]


def json_lines(body: dict[str, Any], flat: int = 0) -> Lines:
    """A body as pretty-printed JSON. Keys keep their order; None omits the key.

    Each leaf has a line of its own, unless its object or list fits on one line of `flat` characters.
    """
    return Lines(*_Writer(flat).value(body, "", "", ""))


class _Writer:
    def __init__(self, flat: int) -> None:
        self.flat = flat

    def value(self, value: Any, head: str, indent: str, after: str) -> list[Line]:
        """The lines of a value, below `head` at its first line."""
        if isinstance(value, dict):
            entries = [(f"{json.dumps(key)}: ", child) for key, child in value.items() if child is not None]
            return self._block("{}", entries, head, indent, after)
        if isinstance(value, (list, tuple)):
            return self._block("[]", [("", child) for child in value if child is not None], head, indent, after)
        if isinstance(value, Because) and isinstance(value.value, (dict, list, tuple)):
            lines = self.value(value.value, "", indent, after)
            lines = [line if isinstance(line, Because) else because(line, value.reason, value) for line in lines]
            return [_prefixed(head, lines[0]), *lines[1:]]
        return [_prefixed(head, _leaf(value, after))]

    def _block(self, brackets: str, entries: list[tuple[str, Any]], head: str, indent: str, after: str) -> list[Line]:
        if not entries:
            return [f"{head}{brackets}{after}"]
        inner = f"{indent}  "
        parts = [
            self.value(child, key, inner, "," if index + 1 < len(entries) else "")
            for index, (key, child) in enumerate(entries)
        ]
        if self.flat and all(len(part) == 1 for part in parts):
            line = _joined(brackets, [part[0] for part in parts])
            if len(indent) + len(head) + len(_text(line)) <= self.flat:
                return [_prefixed(head, _followed(line, after))]
        within = (line for top, *rest in parts for line in (_prefixed(inner, top), *rest))
        return [f"{head}{brackets[0]}", *within, f"{indent}{brackets[1]}{after}"]


def _text(line: Line) -> str:
    return line.value if isinstance(line, Because) else line


def _joined(brackets: str, lines: list[Line]) -> Line:
    """Entries on one line, with the reasons of all of them."""
    text = f"{brackets[0]}{' '.join(map(_text, lines))}{brackets[1]}"
    reasons = [line for line in lines if isinstance(line, Because)]
    return Because(text, reasons[0].why, tuple(reasons), reasons[0].kind) if reasons else text


def _prefixed(head: str, line: Line) -> Line:
    return Because(head + line.value, "", (line,)) if isinstance(line, Because) else head + line


def _followed(line: Line, after: str) -> Line:
    return Because(line.value + after, "", (line,)) if isinstance(line, Because) else line + after


def _leaf(value: Any, after: str) -> Line:
    if isinstance(value, Because):
        return value.map(lambda inner: _ENCODE(inner) + after)
    if isinstance(value, str):
        return _ENCODE(value) + after
    raise TypeError(f"{value!r} has no reason: use fixed() or a decision")
