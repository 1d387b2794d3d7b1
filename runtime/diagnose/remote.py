"""The first step of a training run: ask the process that measures for its diagnosis.

The run has no rights to read predictions and labels, and the process has measured them already. A process that does not
answer is a monitor that is silent: it blocks a run that an alert asks for, and not one of the schedule, which would
otherwise end with the process that watches it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from ...compiler.record import Record
from ..conditions import Unreadable
from ..lines import say
from ..measure.measured import json_of, write_json
from .diagnosis import BROKEN, VERSION

__all__ = ["Request", "of_the_job", "run"]

DONE, UNREADABLE, NO = 0, 1, 42
TRIES, PAUSE, TIMEOUT = 4, 15.0, 20.0
LARGEST = 8 * 2**20


class Request(Record):
    """What the command line asks for."""

    url: str
    out: str
    in_job: bool = False
    pause: float = PAUSE
    """Seconds between two tries."""

    def run(self) -> int:
        """Get the diagnosis, and return the exit status."""
        return run(self)


def of_the_job(url: str) -> Request | None:
    """The request at the paths of the training contract; None outside a job."""
    own = os.environ.get("MLSPEC_OUTPUT")
    return Request(url=url, out=str(Path(own) / "diagnosis.json"), in_job=True) if own else None


def run(request: Request, wait: Callable[[float], None] = time.sleep) -> int:
    """Get the diagnosis, write and print it, and return the exit status."""
    try:
        found = _asked(request, wait)
        write_json(Path(request.out), found)
    except (Unreadable, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime diagnose: {wrong}")
        return NO if request.in_job and isinstance(wrong, Unreadable) else UNREADABLE
    for line in _lines(found):
        say(sys.stdout, line)
    if request.in_job:
        return NO if found["verdict"] in BROKEN else DONE
    return DONE if found["retrain"] else NO


def _asked(request: Request, wait: Callable[[float], None]) -> dict[str, Any]:
    """The diagnosis, or that the process is silent. Raises Unreadable for an answer that is none."""
    why = ""
    for tries in range(TRIES):
        if tries:
            wait(request.pause)
        try:
            with urlopen(request.url, timeout=TIMEOUT) as answer:
                return _checked(json_of(answer.read(LARGEST + 1), request.url, LARGEST), request.url)
        except (OSError, HTTPException) as wrong:
            why = str(wrong) or type(wrong).__name__
    return {
        "version": VERSION,
        "time": int(time.time()),
        "verdict": "fix-monitoring",
        "cause": "silent-monitor",
        "retrain": False,
        "evidence": [{"says": f"{request.url} does not answer: {why}"}],
        "ruledOut": [],
        "action": "fix the process that measures; a scheduled run goes on without its diagnosis",
    }


def _checked(document: Any, url: str) -> dict[str, Any]:
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise Unreadable(f"{url} does not answer with a diagnosis of version {VERSION}")
    if not isinstance(document.get("verdict"), str) or not isinstance(document.get("retrain"), bool):
        raise Unreadable(f"{url} answers with a diagnosis without `verdict` or `retrain`")
    return document


def _lines(found: dict[str, Any]) -> list[str]:
    """The verdict, what shows it, and what to do."""
    cause = found.get("cause")
    evidence = found.get("evidence")
    listed = evidence if isinstance(evidence, list) else []
    said = [f"- {_plain(str(one.get('says')))}" for one in listed if isinstance(one, dict)]
    head = _plain(found["verdict"]) + (f": {_plain(cause)}" if isinstance(cause, str) else "")
    return [head, *said, f"action: {_plain(str(found.get('action', '')))}"]


def _plain(text: str) -> str:
    """One line, whatever another process wrote."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
