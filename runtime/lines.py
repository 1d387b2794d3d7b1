"""Lines in the log of a container."""

from __future__ import annotations

from typing import TextIO

__all__ = ["duration", "say"]


def say(stream: TextIO, line: str) -> None:
    """Write a line, whatever the stream can encode and the inputs contain."""
    encoding = stream.encoding or "ascii"
    stream.write(f"{line.encode(encoding, 'backslashreplace').decode(encoding)}\n")
    stream.flush()


def duration(seconds: float) -> str:
    """A duration for people, in its two largest units: `3 d 4 h`, `20 min`, `12 s`."""
    left = round(seconds)
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
