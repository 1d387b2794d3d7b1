"""JSON as lines with reasons: a file in a ConfigMap where every line still has the reason of its value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..because import Because, because, text
from .dump import Lines

__all__ = ["json_lines"]

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` with an option would make an encoder for each leaf."""


def json_lines(body: dict[str, Any]) -> Lines:
    """A body as pretty-printed JSON, with one leaf per line. Keys keep their order; None omits the key."""
    return Lines(*_value(body, "", ""))


def _value(value: Any, indent: str, after: str) -> Iterator[str | Because[str]]:
    if isinstance(value, dict):
        entries = [(f"{json.dumps(key)}: ", child) for key, child in value.items() if child is not None]
        yield from _block("{}", entries, indent, after)
    elif isinstance(value, (list, tuple)):
        yield from _block("[]", [("", child) for child in value if child is not None], indent, after)
    elif isinstance(value, Because) and isinstance(value.value, (dict, list, tuple)):
        for line in _value(value.value, indent, after):  # a line without a reason gets the reason of the piece
            yield line if isinstance(line, Because) else because(line, value.reason, value)
    else:
        yield _leaf(value, after)


def _block(brackets: str, entries: list[tuple[str, Any]], indent: str, after: str) -> Iterator[str | Because[str]]:
    if not entries:
        yield f"{brackets}{after}"
        return
    yield brackets[0]
    inner = f"{indent}  "
    for index, (head, child) in enumerate(entries):
        lines = _value(child, inner, "," if index + 1 < len(entries) else "")
        yield _prefixed(f"{inner}{head}", next(lines))
        yield from lines
    yield f"{indent}{brackets[1]}{after}"


def _prefixed(head: str, line: str | Because[str]) -> str | Because[str]:
    if isinstance(line, str):
        return head + line
    escaped = head.replace("{", "{{").replace("}", "}}")
    return text(f"{escaped}{{line}}", line=line)


def _leaf(value: Any, after: str) -> str | Because[str]:
    if isinstance(value, Because):
        return value.map(lambda inner: _ENCODE(inner) + after)
    if isinstance(value, str):
        return _ENCODE(value) + after
    raise TypeError(f"{value!r} has no reason: use fixed() or a decision")
