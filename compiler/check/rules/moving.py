"""Names of versions that stand for other content over time."""

from __future__ import annotations

__all__ = ["is_moving"]

MOVING = ("latest", "main", "master", "head", "current")


def is_moving(version: str) -> bool:
    """Whether a version is the name of a branch or of a tag that moves."""
    return version.lower() in MOVING
