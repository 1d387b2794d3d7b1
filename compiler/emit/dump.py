"""The dumper: converts a body with reasons to YAML, and returns the reasons of every line.

Unwrapping and writing happen in one pass, so lines and reasons cannot get out of sync. Keys keep the order in which the
target built them, and a value of None omits its key. Strings that a YAML 1.1 parser, such as kubectl's, would read as
another type are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from ..because import Because, Derived
from ..words import CONTROLS, escaped

__all__ = ["Line", "Lines", "Reasons", "dump", "plain", "shape"]

Reasons = tuple[Because[Any], ...]


Line = str | Because[str]


class Lines:
    """A multi-line text, such as a configuration file, whose lines have their own reasons."""

    __slots__ = ("_lines", "_make", "causes", "manifest", "most")

    causes: object
    """What the lines depend on: the lines themselves, or what they will be made of."""
    most: int | None
    """At most so many bytes, if that is known before the lines are made."""
    manifest: bool
    """Whether it is an object that something creates in the cluster, so that its names refer to others."""

    def __init__(self, *lines: Line) -> None:
        self._lines: list[Line] | None = [part for line in lines for part in _split(line)]
        self._make: Callable[[], Iterable[Line]] | None = None
        self.causes, self.most, self.manifest = self._lines, None, False

    @classmethod
    def later(cls, make: Callable[[], Iterable[Line]], causes: object, most: int | None = None) -> Lines:
        """Lines that are made when they are read: many commands only ask what a file depends on."""
        made = cls()
        made._lines, made._make, made.causes, made.most = None, make, causes, most
        return made

    @property
    def lines(self) -> list[Line]:
        """Each line, without its newline."""
        if self._lines is None:
            assert self._make is not None
            self._lines = [part for line in self._make() for part in _split(line)]
        return self._lines

    def text(self) -> str:
        """The whole text, with a trailing newline."""
        return "".join(f"{line.value if isinstance(line, Because) else line}\n" for line in self.lines)


def _split(line: Line) -> list[Line]:
    if "\n" not in (line.value if isinstance(line, Because) else line):
        return [line]
    if isinstance(line, Because):
        return [Because(part, line.why, line.sources, line.kind, line.path) for part in line.value.split("\n")]
    return list(line.split("\n"))


# A plain scalar that no YAML 1.1 or 1.2 parser reads as a number, a boolean, a date, or an indicator.
_SAFE = re.compile(
    r"[A-Za-z_/][A-Za-z0-9_./+@-]*(?::[A-Za-z0-9_./+@-]+)*(?: [A-Za-z0-9_./+(-][A-Za-z0-9_./+()%,;=-]*)*"
    r"|--?[a-z][A-Za-z0-9_./=,:-]*(?<!:)"  # an option of a command
    r"|[1-9][0-9]*(?:\.[0-9]+)?(?:ms|[smhd]|[KMGT]i?)"  # a quantity with its unit
)
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))


# Characters that only survive a round trip if they are escaped, and those that would show a reviewer another text. They
# are listed one by one, because the complement, which YAML defines, takes seven times as long to compile.
_ESCAPED = f"[{CONTROLS}\ufffe\uffff]"


def _readable(text: str) -> bool:
    """Whether a text survives a round trip without escapes. ASCII text, the common case, needs no pattern."""
    return text.isprintable() if text.isascii() else re.search(_ESCAPED, text) is None


def scalar(value: object) -> str:
    """One leaf as YAML."""
    if isinstance(value, str):
        return _string(value)
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return repr(value)
    if isinstance(value, float):  # YAML 1.1 reads 1e-05 as a string because it has no decimal point
        whole, exponent, power = repr(value).partition("e")
        return f"{whole}{'' if '.' in whole or not exponent else '.0'}{exponent}{power}"
    raise TypeError(f"{type(value).__name__} cannot be a leaf of an object: {value!r}")


@lru_cache(maxsize=1024)  # the same keys and names repeat
def _string(text: str) -> str:
    if _SAFE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if _readable(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_ESCAPES.get(c) or (c if _readable(c) else _escape(c)) for c in text) + '"'


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def dump(body: object, why: Because[Any], header: str = "") -> tuple[str, list[Reasons]]:
    """YAML, and the reasons of each line, innermost first. Header lines only have the reason of the object."""
    writer = _Writer((why,))
    for line in header.removesuffix("\n").split("\n") if header else ():
        writer.line(escaped(line), writer.scope)
    writer.block(body, "", writer.scope)
    return "\n".join(writer.lines) + "\n", writer.reasons


def written(body: dict[str, Any] | Lines, why: Because[Any], header: str = "") -> tuple[str, list[Reasons]]:
    """A file and the reasons of each line: YAML below the header, or plain lines."""
    if isinstance(body, Lines):
        reasons: list[Reasons] = [(line, why) if isinstance(line, Because) else (why,) for line in body.lines]
        return escaped(body.text()), reasons
    return dump(body, why, header)


_BARE = (bool, int, float, Derived)
"""What has no reason and needs one."""


class _Writer:
    def __init__(self, scope: Reasons) -> None:
        self.scope = scope
        self.lines: list[str] = []
        self.reasons: list[Reasons] = []

    def line(self, text: str, reasons: Reasons) -> None:
        self.lines.append(text)
        self.reasons.append(reasons)

    def block(self, value: object, indent: str, scope: Reasons) -> None:
        """A mapping or a list that starts on a new line."""
        if type(value) is Because:
            scope = (value, *scope)
            value = value.value
        if isinstance(value, dict):
            lines, reasons = self.lines, self.reasons
            for key, child in value.items():
                if type(child) is str and "\n" not in child:  # most values
                    lines.append(f"{indent}{_string(key)}: {_string(child)}")
                    reasons.append(scope)
                elif child is not None:
                    self.entry(f"{indent}{_string(key)}:", child, indent, scope)
        elif isinstance(value, (list, tuple)):
            for child in value:
                self.item(child, indent, scope)
        else:
            raise TypeError(f"a body must be a mapping or a list, not {type(value).__name__}")

    def entry(self, head: str, value: object, indent: str, scope: Reasons) -> None:
        """`key: value`, with nested values on the lines below. Lists are not indented, as in kubectl's output."""
        if type(value) is Because:
            scope = (value, *scope)
            value = value.value
            if value is None:
                return
        elif isinstance(value, _BARE):
            raise TypeError(f"{head.strip()} {value!r} has no reason: use fixed() or a decision")
        if type(value) is str and "\n" not in value:
            self.line(f"{head} {_string(value)}", scope)
        elif isinstance(value, dict):
            self.nested(head, value, indent + "  ", scope)
        elif isinstance(value, (list, tuple)):
            self.nested(head, value, indent, scope)
        elif isinstance(value, Lines):
            self.text(head, value, indent + "  ", scope)
        elif isinstance(value, str) and "\n" in value:
            self.string(head, value, indent + "  ", scope)
        else:
            self.line(f"{head} {scalar(value)}", scope)

    def nested(self, head: str, value: Any, indent: str, scope: Reasons) -> None:
        if not value:
            self.line(f"{head} {'{}' if isinstance(value, dict) else '[]'}", scope)
        else:
            self.line(head, scope)
            self.block(value, indent, scope)

    def item(self, value: object, indent: str, scope: Reasons) -> None:
        """`- value`, with the first line of a nested value next to the dash."""
        if type(value) is Because:
            scope = (value, *scope)
            value = value.value
        elif isinstance(value, _BARE):
            raise TypeError(f"- {value!r} has no reason: use fixed() or a decision")
        if type(value) is str and "\n" not in value:
            self.line(f"{indent}- {_string(value)}", scope)
        elif isinstance(value, dict) and value:
            start = len(self.lines)
            self.block(value, indent + "  ", scope)
            if start == len(self.lines):
                raise TypeError(f"every key of {value!r} is None")
            self.lines[start] = f"{indent}- {self.lines[start][len(indent) + 2 :]}"
        elif isinstance(value, (dict, list, tuple)) and not value:
            self.line(f"{indent}- {'{}' if isinstance(value, dict) else '[]'}", scope)
        elif isinstance(value, (list, tuple)):
            raise TypeError("Kubernetes objects have no nested lists")
        elif isinstance(value, str) and "\n" in value:
            self.string(f"{indent}-", value, indent + "  ", scope)
        elif isinstance(value, Lines):
            self.text(f"{indent}-", value, indent + "  ", scope)
        else:
            self.line(f"{indent}- {scalar(value)}", scope)

    def string(self, head: str, value: str, indent: str, scope: Reasons) -> None:
        """A multi-line string; uses `|-` if it does not end with a newline."""
        if value.strip("\n") and value[0] not in " \n" and not value.endswith("\n\n") and _readable_lines(value):
            mark = "|" if value.endswith("\n") else "|-"
            self.literal(f"{head} {mark}", Lines(value.removesuffix("\n")), indent, scope)
        else:
            self.line(f"{head} {_string(value)}", scope)

    def text(self, head: str, value: Lines, indent: str, scope: Reasons) -> None:
        """A text whose lines have their own reasons; a text that a literal block cannot hold loses them."""
        whole = value.text()
        if not whole.strip("\n") or whole[0] in " \n" or whole.endswith("\n\n") or not _readable_lines(whole):
            self.line(f"{head} {_string(whole)}", scope)
        else:
            self.literal(f"{head} |", value, indent, scope)

    def literal(self, head: str, value: Lines, indent: str, scope: Reasons) -> None:
        self.line(head, scope)
        for line in value.lines:
            own = (line, *scope) if isinstance(line, Because) else scope
            content = line.value if isinstance(line, Because) else line
            self.line(f"{indent}{content}" if content else "", own)


def _readable_lines(text: str) -> bool:
    return _readable(text.replace("\n", ""))


def shape(value: Any) -> Any:
    """The same as `plain`, for who only looks at names: other texts of several lines are left out, and not made."""
    return plain(value, _names)


def _text(lines: Lines) -> str:
    return lines.text()


def _names(lines: Lines) -> str:
    return lines.text() if lines.manifest else ""


def plain(value: Any, text: Callable[[Lines], str] = _text) -> Any:
    """A body as plain data, as a parser of the file would return it."""
    while type(value) is Because:
        value = value.value
    if type(value) is str:
        return value
    if isinstance(value, dict):
        made = {}
        for key, child in value.items():
            known = child if type(child) is str else plain(child, text)
            if known is not None:
                made[key] = known
        return made
    if isinstance(value, (list, tuple)):
        return [plain(child, text) for child in value]
    return text(value) if isinstance(value, Lines) else value
