"""Lines in the log of a container."""

from __future__ import annotations

from typing import TextIO

__all__ = ["say"]


def say(stream: TextIO, line: str) -> None:
    """Write a line, whatever the stream can encode and the inputs contain."""
    encoding = stream.encoding or "ascii"
    stream.write(f"{line.encode(encoding, 'backslashreplace').decode(encoding)}\n")
    stream.flush()
