"""`mlspec init`: write a starter spec, and never over anything."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from ...schema.scalars import SCALARS
from ...schema.units import UnitError
from ..console import Console
from ..workspace import PLATFORM, SPEC

__all__ = ["TEMPLATES", "init"]

TEMPLATES = ("online", "llm", "batch", "platform")
STANDS_FOR_THE_NAME = "my-system"


def init(name: str | None, template: str, console: Console) -> int:
    """Write a starter: in a folder of the system's name, or here when no name is given."""
    folder = Path(name) if name is not None else Path()
    try:
        system = SCALARS["system-name"].parse(folder.resolve().name)
    except UnitError as error:
        console.complain(f"error: `{folder.resolve().name}` {error}: give a name, as in mlspec init fraud-scorer")
        return 2
    path = folder / (PLATFORM if template == "platform" else SPEC)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(_text(template).replace(STANDS_FOR_THE_NAME, system))
    except FileExistsError:
        console.complain(f"error: {path} exists, and nothing is overwritten")
        return 1
    except OSError as error:
        console.complain(f"error: {path} cannot be written: {error.strerror}")
        return 2
    console.result(os.fspath(path))
    if template != "platform":
        console.say(f"next: mlspec lint {path}, then mlspec compile {path}")
    return 0


def _text(template: str) -> str:
    return (resources.files("mlspec.terminal.templates") / f"{template}.yaml").read_text(encoding="utf-8")
