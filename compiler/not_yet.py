"""What the language has and the compiler does not read yet. The list shrinks to nothing as capabilities come."""

from __future__ import annotations

__all__ = ["NOT_YET_READ", "READ_BY_STAGES"]

NOT_YET_READ: dict[str, str] = {}
"""Path, with `*` for one step, to the subject that a warning names."""

READ_BY_STAGES: tuple[str, ...] = (
    "apiVersion",
    "kind",
    "environments",
    "patches.*.target",
)
"""What no output shows because the stages before it act on it: kinds, environments, and what a patch is aimed at."""
