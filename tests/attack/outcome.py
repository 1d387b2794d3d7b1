"""What an attempt is, and what can be wrong with what comes of it."""

from __future__ import annotations

import random
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["BAD", "Attempt", "Invalid", "Kind", "Lost", "Outcome", "Row", "tried"]

Kind = Literal["accepted", "refused", "crash", "hang", "invalid", "lost"]

BAD: tuple[Kind, ...] = ("crash", "hang", "invalid", "lost")
"""What must not happen."""

Attempt = Callable[[int, random.Random, Path], bool]
"""Tries one input, by its number, with a source of chance and a folder of its own. Returns whether it was accepted."""


class Invalid(Exception):  # noqa: N818 - what was found, not a failure of the test
    """Output that no one should get, or a message without a place."""


class Lost(Exception):  # noqa: N818 - the same
    """A version, or a file of others, that is gone."""


class Row(NamedTuple):
    """One row of the table."""

    name: str
    what: str
    times: int
    """How many attempts the full attack makes."""
    attempt: Attempt


class Outcome(NamedTuple):
    """What one attempt led to."""

    row: str
    number: int
    kind: Kind
    seconds: float = 0.0
    why: str = ""


def tried(row: Row, number: int, seed: int, folder: Path) -> tuple[Kind, str]:
    """Make one attempt in a new folder, which stays if something is wrong."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / ".git").mkdir(parents=True)
    kind, why = _judged(row, number, seed, folder)
    if kind in BAD:
        (folder / "why.txt").write_text(why, encoding="utf-8", errors="backslashreplace")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return kind, why


def _judged(row: Row, number: int, seed: int, folder: Path) -> tuple[Kind, str]:
    try:
        accepted = row.attempt(number, random.Random(f"{seed}/{row.name}/{number}"), folder)
    except Invalid as wrong:
        return "invalid", str(wrong)
    except Lost as wrong:
        return "lost", str(wrong)
    except (Exception, SystemExit):  # noqa: BLE001 - whatever it is, it is the finding
        return "crash", traceback.format_exc()
    return "accepted" if accepted else "refused", ""
