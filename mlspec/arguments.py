"""What the Python API refuses before it works: dates, and the options of a simulation outside of their ranges."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["COUNTS", "LOAD", "LOSS", "RANGES", "checked_day", "checked_simulation"]

LOAD = ("peak", "mean", "trough", "day")
"""The traffic of a simulation."""

LOSS = ("replica", "zone")
"""What it may lose."""

COUNTS: dict[str, tuple[int, int | None]] = {
    "requests": (1000, None),
    "seed": (0, None),
    "runs": (1, 100),
    "rollouts": (1, 100_000),
}
"""The least and the most of its whole numbers; None without a limit."""

RANGES: dict[str, tuple[float, float]] = {"hours": (0.01, 168), "bad": (0, 1), "slow": (1e-6, 1e6)}
"""The least and the most of its other numbers."""


def checked_day(today: object) -> str | None:
    """The day as it is. Raises TypeError for anything that does not compare with the dates of a spec."""
    if today is None or (isinstance(today, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", today)):
        return today
    raise TypeError("today takes a date as text, such as '2026-11-23'")


def checked_simulation(**options: Any) -> None:
    """Raise TypeError for what the command refuses, too."""
    for name, words in (("at", LOAD), ("lose", LOSS)):
        if options[name] is not None and options[name] not in words:
            raise TypeError(f"{name} takes {' or '.join(map(repr, words))}")
    for name, (least, most) in {**COUNTS, **RANGES}.items():
        given, kinds = options[name], (int,) if name in COUNTS else (int, float)
        number = isinstance(given, kinds) and not isinstance(given, bool)
        if given is not None and not (number and least <= given and (most is None or given <= most)):
            what = "whole number" if name in COUNTS else "number"
            raise TypeError(f"{name} takes a {what} from {least:g}" + (f" to {most:g}" if most is not None else ""))
