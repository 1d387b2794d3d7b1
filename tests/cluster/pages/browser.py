"""Debian's Chromium, which Playwright drives, and axe-core: what they see on pages."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ..environments import environment
from ..programs import MissingError, make, run

__all__ = ["CONTRAST", "PAPER", "VIEWS", "View", "looked", "versions"]

HERE = Path(__file__).parent

PAPER = 680
"""The CSS pixels between the margins of A4: 21 cm less twice 1.5 cm, at 96 per inch."""


class View(NamedTuple):
    """One way to look at a page."""

    media: str
    scheme: str
    width: int
    rules: str = ""
    """Which of axe's rules are asked: `all`, `structure` for all but contrast, or none."""

    def __str__(self) -> str:
        return f"{self.media}, {self.scheme}, {self.width} px"


VIEWS = (
    View("screen", "light", 360, "structure"),
    View("screen", "light", 900),
    View("screen", "light", 1440, "structure"),
    View("screen", "dark", 1440),
    View("print", "dark", PAPER),
)
"""A phone, the narrowest window in which a table has columns, a desk, and paper."""

CONTRAST = (View("screen", "light", 1440, "all"), View("screen", "dark", 1440, "all"))
"""In which axe also judges the contrast, which takes it long."""


@cache
def chromium() -> Path:
    """The browser."""
    found = shutil.which("chromium")
    if found is None:
        raise MissingError("Chromium: on Debian, apt-get install chromium")
    return Path(found)


@cache
def packages() -> Path:
    """The virtual environment of Playwright and axe-core."""
    return environment("browser", HERE / "browser.txt")


@cache
def axe() -> Path:
    """The script of axe-core."""
    (found,) = packages().glob("lib/python*/site-packages/axe_playwright_python/axe.min.js")
    return found


def looked(pages: Mapping[str, Path], views: tuple[View, ...] = VIEWS) -> dict[tuple[str, View], dict[str, Any]]:
    """What is seen of each page in each view; look.py says which keys there are."""
    request = {"pages": {name: str(path) for name, path in pages.items()}, "views": [view._asdict() for view in views]}
    command = [packages() / "bin" / "python", HERE / "look.py", chromium(), axe()]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return {
        (one["page"], View(one["media"], one["scheme"], one["width"], one["rules"])): one
        for one in json.loads(done.stdout)
    }


def versions() -> list[tuple[str, str, str]]:
    """What looks at the pages: each program, its version, and where it is from."""
    said = run([str(chromium()), "--version"], HERE).split()
    with axe().open() as script:
        first = script.readline().split()
    locked = (HERE / "browser.txt").read_text().partition("\nplaywright==")[2].split()[0]
    return [
        ("Chromium", next(word for word in said if word[0].isdigit()), "Debian's package"),
        ("Playwright", locked, "the Python package"),
        ("axe-core", first[-1].removeprefix("v"), "the Python package axe-playwright-python"),
    ]


def _ready(_: str) -> None:
    chromium()
    axe()


if __name__ == "__main__":
    make(_ready, ["browser"])
