"""The text of modules of mlspec that run in a cluster, from a ConfigMap."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["shipped"]


@cache
def shipped(module: str) -> str:
    """A file of the package, such as `runtime/fine_tune.py`, without its last newline.

    `importlib.resources` would do the same, and would load 15 modules of the standard library for it.
    """
    return (Path(__file__).parents[1] / module).read_text(encoding="utf-8").rstrip("\n")
