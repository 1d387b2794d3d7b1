"""What a run has to say, in the one shape that every format is a pure function of."""

from __future__ import annotations

import os
import re
from typing import Any

from ...compiler.diagnostics import Diagnostic, merged
from ...compiler.record import Record
from ...compiler.words import visible

__all__ = ["Report", "Subject", "document", "note", "sentences"]

_RANK = {"error": 0, "warning": 1, "info": 2}


class Subject(Record):
    """One spec, or another file that was looked at, and what was found in it."""

    name: str
    """As people typed it."""
    found: tuple[Diagnostic, ...] = ()


class Report(Record):
    """Everything that was found, and what a format needs to know beside it."""

    subjects: tuple[Subject, ...]
    """In the order in which they were asked for; also those in which nothing was found."""
    status: int = 0
    """The exit status of the run."""
    color: bool = False
    here: str = "/"
    """The working directory, which the names of files are relative to."""
    root: str = "/"
    """The folder that other systems take paths to be relative to: the repository's, else the working directory."""
    version: str = ""
    """Of mlspec."""

    @property
    def found(self) -> tuple[Diagnostic, ...]:
        """All findings by subject. One in a file that subjects share is found in each."""
        return tuple(found for subject in self.subjects for found in subject.found)

    @property
    def ranked(self) -> list[Diagnostic]:
        """Each finding once, the worst first, because others cut what is too much for them at the end."""
        return sorted(merged(self.found), key=lambda found: _RANK[found.severity])

    def path(self, name: str) -> str:
        """A file relative to the root, with `/`; no absolute path tells which machine it was. What is no file, such as
        `--set`, keeps its name below the working directory.
        """
        path = os.path.relpath(os.path.join(self.here, name), self.root)
        return path.replace(os.sep, "/")


def note(found: Diagnostic) -> str:
    """Why it matters, and in which environments, unless it holds in all of them."""
    where = ", ".join(found.environments)
    there = f"found in {where}" if found.environments and where != "default" else ""
    return "; ".join(part for part in (found.note, there) if part)


def sentences(found: Diagnostic) -> list[str]:
    """What a finding says without its source: the message, and why and what to write if it says so. No line holds what
    a terminal or a reader of lines would obey.
    """
    parts = (("", found.message), ("note: ", note(found)), ("help: ", found.help))
    return [visible(f"{head}{text}") for head, text in parts if text]


_HALF = re.compile("[\ud800-\udfff]")


def document(data: Any) -> str:
    """Data as JSON in ASCII, which every terminal takes. Halves of characters, which names of files may hold, are
    replaced: strict readers refuse a document with one.
    """
    from json import dumps  # people read text, which needs none of it

    return dumps(_whole(data), indent=2) + "\n"


def _whole(data: Any) -> Any:
    if isinstance(data, str):
        return _HALF.sub("\ufffd", data)
    if isinstance(data, dict):
        return {key: _whole(value) for key, value in data.items()}
    return [_whole(item) for item in data] if isinstance(data, (list, tuple)) else data
