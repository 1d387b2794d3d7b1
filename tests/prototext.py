"""Protobuf's text format, as far as configuration files of serving runtimes use it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["prototext"]


def prototext(text: str) -> dict[str, list[Any]]:
    """A message of protobuf's text format: each field with all its values. What is not of that format fails."""
    pattern = r'"(?:[^"\\\n]|\\.)*"|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|[{}\[\]:,]'
    tokens = re.findall(pattern, text)
    assert re.sub(pattern, "", text).strip() == "", "characters that are no tokens"
    tokens.append("}")
    rest = iter(tokens)
    message = _message(rest)
    assert next(rest, None) is None, "a brace too many"
    return message


def _message(tokens: Iterator[str]) -> dict[str, list[Any]]:
    fields: dict[str, list[Any]] = {}
    for name in tokens:
        if name == "}":
            return fields
        if name == ",":
            continue
        assert re.fullmatch(r"[a-z_]\w*", name), f"`{name}` is no field"
        value = next(tokens)
        colon = value == ":"
        value = next(tokens) if colon else value
        found = list(_list(tokens)) if value == "[" else [_value(value, tokens)]
        assert colon or all(isinstance(one, dict) for one in found), f"no colon after `{name}`"
        fields.setdefault(name, []).extend(found)
    raise AssertionError("a message has no end")


def _list(tokens: Iterator[str]) -> Iterator[Any]:
    for token in tokens:
        if token == "]":
            return
        if token != ",":
            yield _value(token, tokens)


def _value(token: str, tokens: Iterator[str]) -> Any:
    if token == "{":
        return _message(tokens)
    if token[0] == '"':
        return re.sub(r"\\(.)", lambda escaped: {"n": "\n"}.get(escaped[1], escaped[1]), token[1:-1])
    return token if token[0].isalpha() else float(token) if "." in token else int(token)
