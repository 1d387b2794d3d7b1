"""The virtual environments of the servers, from locked packages."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..environments import environment as built
from ..programs import make

__all__ = ["NAMES", "environment", "version_of"]

LISTS = Path(__file__).parent / "requirements"
NAMES = tuple(sorted(path.stem for path in LISTS.glob("*.txt")))


@cache
def environment(name: str) -> Path:
    """The folder of a server's virtual environment; builds it when needed."""
    return built(f"servers-{name}", LISTS / f"{name}.txt")


def version_of(package: str) -> str:
    """The locked version of a server's package."""
    lines = [line for name in NAMES for line in (LISTS / f"{name}.txt").read_text().splitlines()]
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))


if __name__ == "__main__":
    make(environment, NAMES)
