"""The virtual environments of the libraries of the loop, from locked packages."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..environments import environment as built
from ..programs import make

__all__ = ["NAMES", "environment"]

LISTS = Path(__file__).parent / "requirements"
NAMES = tuple(sorted(path.stem for path in LISTS.glob("*.txt")))


@cache
def environment(name: str) -> Path:
    """The folder of a virtual environment; builds it when needed."""
    return built(f"loop-{name}", LISTS / f"{name}.txt")


if __name__ == "__main__":
    make(environment, NAMES)
