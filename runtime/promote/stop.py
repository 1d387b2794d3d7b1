"""Why a promotion stops: each has one clear line, and an exit status."""

from __future__ import annotations

__all__ = ["FailedError", "RefusedError", "line_of"]

LONGEST = 300
"""Characters of a server's message that a line repeats."""


class RefusedError(Exception):
    """A final answer: another try would end in the same way."""


class FailedError(Exception):
    """A failure that may pass, such as a server that does not answer."""


def line_of(text: str) -> str:
    """What a server says, as one short line."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
