"""`mlspec init`: write a starter spec, and never overwrite a file."""

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
PLACEHOLDER = "my-system"


def init(name: str | None, template: str, console: Console) -> int:
    """Write a starter to a folder with the system's name, or, without a name, to the current folder."""
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
            file.write(_text(template).replace(PLACEHOLDER, system))
    except FileExistsError:
        console.complain(f"error: {path} already exists, and mlspec init does not overwrite it")
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
