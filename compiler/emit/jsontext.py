"""JSON as lines with reasons: a file in a ConfigMap where every line still has the reason of its value."""

from __future__ import annotations

import json
from typing import Any

from ..because import Because, because
from .dump import Lines

__all__ = ["json_lines"]

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` with an option would make an encoder for each leaf."""


def json_lines(body: dict[str, Any]) -> Lines:
    """A body as pretty-printed JSON, with one leaf per line. Keys keep their order; None omits the key."""
    lines: list[str | Because[str]] = []
    _value(body, "", "", "", lines)
    return Lines(*lines)


def _value(value: Any, head: str, indent: str, after: str, lines: list[str | Because[str]]) -> None:
    if isinstance(value, dict):
        entries = [(f"{json.dumps(key)}: ", child) for key, child in value.items() if child is not None]
        _block("{}", entries, head, indent, after, lines)
    elif isinstance(value, (list, tuple)):
        _block("[]", [("", child) for child in value if child is not None], head, indent, after, lines)
    elif isinstance(value, Because) and isinstance(value.value, (dict, list, tuple)):
        start = len(lines)
        _value(value.value, "", indent, after, lines)
        for index in range(start, len(lines)):  # a line without a reason gets the reason of the piece
            line = lines[index]
            lines[index] = line if isinstance(line, Because) else because(line, value.reason, value)
        lines[start] = _prefixed(head, lines[start])
    else:
        lines.append(_prefixed(head, _leaf(value, after)))


def _block(
    brackets: str,
    entries: list[tuple[str, Any]],
    head: str,
    indent: str,
    after: str,
    lines: list[str | Because[str]],
) -> None:
    if not entries:
        lines.append(f"{head}{brackets}{after}")
        return
    lines.append(f"{head}{brackets[0]}")
    inner = f"{indent}  "
    for index, (key, child) in enumerate(entries):
        _value(child, f"{inner}{key}", inner, "," if index + 1 < len(entries) else "", lines)
    lines.append(f"{indent}{brackets[1]}{after}")


def _prefixed(head: str, line: str | Because[str]) -> str | Because[str]:
    return Because(head + line.value, "", (line,)) if isinstance(line, Because) else head + line


def _leaf(value: Any, after: str) -> str | Because[str]:
    if isinstance(value, Because):
        return value.map(lambda inner: _ENCODE(inner) + after)
    if isinstance(value, str):
        return _ENCODE(value) + after
    raise TypeError(f"{value!r} has no reason: use fixed() or a decision")
