"""How often the process that measures looks at something, and how long it waits for records. The process itself and the
rules on bounds share these numbers.
"""

from __future__ import annotations

__all__ = ["settles"]

LONGEST = 900.0
"""The most seconds that records may take to arrive: three times as long as a recorder keeps a file open."""


def settles(period: float) -> float:
    """How long after the end of a window its records are complete, in seconds."""
    return min(LONGEST, period / 4)
