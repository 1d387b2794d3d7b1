"""Where modules may be imported from: installed packages, and never the folder in which mlspec runs.

In CI, that folder is the checkout of a pull request, and Python looks there first for `python -m mlspec`, for an empty
entry in PYTHONPATH, and in a notebook.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

__all__ = ["elsewhere", "from_elsewhere"]


def elsewhere(entries: Iterable[str]) -> list[str]:
    """The entries of a search path that are not the working directory."""
    try:
        here = os.path.realpath(os.getcwd())
    except OSError:  # removed
        here = ""
    return [entry for entry in entries if entry and os.path.realpath(entry) != here]


@contextmanager
def from_elsewhere() -> Iterator[None]:
    """Import only from other folders than the working directory."""
    before = [*sys.path]
    sys.path[:] = elsewhere(before)
    try:
        yield
    finally:
        sys.path[:] = before
