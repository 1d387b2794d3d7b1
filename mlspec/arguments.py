"""What the Python API refuses before it works: dates, and the options of a simulation outside of their ranges."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["checked_day", "checked_simulation"]

_ONE_OF = {"at": ("peak", "mean", "trough", "day"), "lose": ("replica", "zone")}
_RANGES = {
    "hours": (0.01, 168.0, "a number of hours"),
    "requests": (1000, float("inf"), "a number of requests"),
    "seed": (0, float("inf"), "a number"),
    "runs": (1, 100, "a number"),
    "rollouts": (1, 100_000, "a number"),
    "bad": (0, 1, "a share, such as 0.05,"),
    "slow": (1e-6, 1e6, "a factor"),
}
"""The ranges of the options of `mlspec simulate`."""


def checked_day(today: object) -> str | None:
    """The day as it is. Raises TypeError for anything that does not compare with the dates of a spec."""
    if today is None or (isinstance(today, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", today)):
        return today
    raise TypeError("today takes a date as text, such as '2026-11-23'")


def checked_simulation(**options: Any) -> None:
    """Raise TypeError for what the command refuses, too."""
    for name, words in _ONE_OF.items():
        if options[name] is not None and options[name] not in words:
            raise TypeError(f"{name} takes {' or '.join(map(repr, words))}")
    for name, (least, most, what) in _RANGES.items():
        given = options[name]
        number = isinstance(given, (int, float)) and not isinstance(given, bool)
        if given is not None and not (number and least <= given <= most):
            raise TypeError(f"{name} takes {what} {f'from {least:g} to {most:g}' if most < 1e9 else f'from {least:g}'}")
