"""Whether learning is frozen: the process that measures says so, and without its answer it is."""

from __future__ import annotations

from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

from ..conditions import Unreadable
from ..measure.measured import json_of

__all__ = ["why_frozen"]

TIMEOUT = 20.0
LARGEST = 8 * 2**20


def why_frozen(url: str) -> str | None:
    """Why nothing may be learned now; None if something may.

    Learning needs a diagnosis without any signal: what drifts, or is broken, would be learned before an engineer or a
    gate sees it. A model that learned less is as good as before, so every doubt freezes it.
    """
    try:
        with urlopen(url, timeout=TIMEOUT) as answer:
            found: Any = json_of(answer.read(LARGEST + 1), url, LARGEST)
    except (OSError, HTTPException, Unreadable, ValueError) as wrong:
        return f"{url} does not answer with a diagnosis: {str(wrong) or type(wrong).__name__}"
    signals = found.get("signals") if isinstance(found, dict) else None
    if not isinstance(signals, list):
        return f"{url} does not say which signals are raised"
    if signals:
        return f"{found.get('verdict')}: {', '.join(map(str, signals))}"
    return None
