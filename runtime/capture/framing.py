"""Where HTTP/1.1 messages begin and end in a stream of bytes that someone else forwards (RFC 9112).

The parser only watches. It raises `Unclear` for anything that two readers could understand differently, such as a
message with two lengths: its connection is then forwarded without being read.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["Body", "Head", "Stream", "Unclear", "framed", "head_of"]

LONGEST_HEAD = 2**16
LONGEST_LINE = 2**12
"""The most bytes of a chunk's size with its extensions, and of a line of trailers."""


class Unclear(Exception):  # noqa: N818 - no error: the bytes are forwarded all the same
    """A stream that is not plain HTTP/1.1."""


class Head:
    """The start line and the headers of a message."""

    __slots__ = ("headers", "start")

    def __init__(self, start: str, headers: dict[str, str]) -> None:
        self.start = start
        self.headers = headers
        """By lowercase name; the values of a repeated one are joined by commas."""


class Body:
    """How a body ends: after some bytes, with its last chunk, or with the connection."""

    __slots__ = ("chunked", "length")

    def __init__(self, length: int | None = 0, *, chunked: bool = False) -> None:
        self.length = length
        """None: unknown, so until the connection ends, unless it is chunked."""
        self.chunked = chunked


def head_of(raw: bytes) -> Head:
    """Parse a head without its empty line at the end."""
    start, *lines = raw.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise Unclear
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Head(start, headers)


def framed(headers: dict[str, str]) -> Body | None:
    """What the headers say about the body; None if they say nothing."""
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if length is not None or coding.lower() != "chunked":
            raise Unclear
        return Body(None, chunked=True)
    if length is None:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", length):
        raise Unclear
    return Body(int(length))


class Stream:
    """One direction of a connection.

    `began` gets each head and returns how its body ends; None means that the connection is not HTTP any more. `part`
    gets pieces of the body without the framing of chunks, and `ended` is called after each message.
    """

    def __init__(
        self, began: Callable[[Head], Body | None], part: Callable[[bytes], None], ended: Callable[[], None]
    ) -> None:
        self._began, self._part, self._ended = began, part, ended
        self._rest = bytearray()
        self._step: Callable[[], bool] = self._head
        self._left = 0

    def feed(self, data: bytes) -> None:
        """Read some more bytes. Raises Unclear."""
        self._rest += data
        while self._step():
            pass

    def end(self) -> None:
        """The other side has closed the connection, which ends a body of unknown length."""
        if self._step == self._all:
            self._step = self._nothing
            self._ended()

    # Each step reads what it can, and returns whether the next one may have something to read

    def _head(self) -> bool:
        while self._rest.startswith(b"\r\n"):  # allowed before a request (RFC 9112, 2.2)
            del self._rest[:2]
        at = self._rest.find(b"\r\n\r\n")
        if at < 0 or at > LONGEST_HEAD:
            if len(self._rest) > LONGEST_HEAD:
                raise Unclear
            return False
        head = head_of(bytes(self._rest[:at]))
        del self._rest[: at + 4]
        body = self._began(head)
        if body is None:
            self._step = self._nothing
        elif body.chunked:
            self._step = self._size
        elif body.length is None:
            self._step = self._all
        else:
            self._left, self._step = body.length, self._some
        return True

    def _some(self) -> bool:
        """A body of known length."""
        self._take()
        if self._left:
            return False
        self._step = self._head
        self._ended()
        return bool(self._rest)

    def _take(self) -> None:
        taken = min(self._left, len(self._rest))
        if taken:
            self._left -= taken
            self._part(bytes(self._rest[:taken]))
            del self._rest[:taken]

    def _all(self) -> bool:
        """A body until the end of the connection."""
        if self._rest:
            self._part(bytes(self._rest))
            self._rest.clear()
        return False

    def _line(self) -> bytes | None:
        at = self._rest.find(b"\r\n")
        if at < 0 or at > LONGEST_LINE:
            if len(self._rest) > LONGEST_LINE:
                raise Unclear
            return None
        line = bytes(self._rest[:at])
        del self._rest[: at + 2]
        return line

    def _size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        digits = line.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", digits):
            raise Unclear
        self._left = int(digits, 16)
        self._step = self._chunk if self._left else self._trailer
        return True

    def _chunk(self) -> bool:
        self._take()
        if self._left or len(self._rest) < 2:
            return False
        if self._rest[:2] != b"\r\n":
            raise Unclear
        del self._rest[:2]
        self._step = self._size
        return True

    def _trailer(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if line:
            return True
        self._step = self._head
        self._ended()
        return bool(self._rest)

    def _nothing(self) -> bool:
        self._rest.clear()
        return False
