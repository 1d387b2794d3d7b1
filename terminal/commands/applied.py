"""Where a GitOps tool finds the output, compared with the folder that a command writes or checks."""

from __future__ import annotations

import os
from pathlib import Path

from ..console import Console
from ..places import repository
from .outcome import Outcome

__all__ = ["say_where_applied"]


def say_where_applied(system: Outcome, folder: Path, console: Console) -> None:
    """Say if the repository of the output has the folder that the tool applies, and this is another one.

    What is in this one would never reach the cluster, and a check of it says nothing about what does.
    """
    root = repository(str(folder))
    for environment, tool, path in system.applied:
        there, here = os.path.join(root, path), str(folder / environment)
        if os.path.isdir(there) and os.path.realpath(there) != os.path.realpath(here):
            console.complain(f"note: {tool} applies {os.path.relpath(there)}, not {here}{_way(system, there)}")
            return


def _way(system: Outcome, there: str) -> str:
    out, name = os.path.split(os.path.dirname(there))
    return f": pass -o {os.path.relpath(out)}" if name == system.name else ""
