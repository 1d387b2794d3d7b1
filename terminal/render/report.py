"""The input of every output format: all findings of a run, with their context."""

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
    """One spec, or another file that mlspec checked, with its findings."""

    name: str
    """The name that the user typed."""
    found: tuple[Diagnostic, ...] = ()


class Report(Record):
    """All findings of a run, and the context that formats need."""

    subjects: tuple[Subject, ...]
    """In the order of the request, including subjects without findings."""
    status: int = 0
    """The exit status of the run."""
    color: bool = False
    here: str = "/"
    """The working directory: file names are relative to it."""
    root: str = "/"
    """The folder that CI systems resolve paths against: the repository root, or else the working directory."""
    version: str = ""
    """The version of mlspec."""

    @property
    def found(self) -> tuple[Diagnostic, ...]:
        """All findings by subject. A finding in a shared file appears once per subject."""
        return tuple(found for subject in self.subjects for found in subject.found)

    @property
    def ranked(self) -> list[Diagnostic]:
        """Each finding once, the most severe first, because CI systems cut long lists at the end."""
        return sorted(merged(self.found), key=lambda found: _RANK[found.severity])

    def path(self, name: str) -> str:
        """A path relative to the root, with `/`, so that the output is the same on every machine. Other sources, such
        as `--set`, appear under the working directory.
        """
        path = os.path.relpath(os.path.join(self.here, name), self.root)
        return path.replace(os.sep, "/")


def note(found: Diagnostic) -> str:
    """Why the finding matters, and its environments unless it applies to all of them."""
    where = ", ".join(found.environments)
    there = f"found in {where}" if found.environments and where != "default" else ""
    return "; ".join(part for part in (found.note, there) if part)


def sentences(found: Diagnostic) -> list[str]:
    """The text of a finding: the message, the note, and the help, one line each. The lines contain no control
    characters.
    """
    parts = (("", found.message), ("note: ", note(found)), ("help: ", found.help))
    return [visible(f"{head}{text}") for head, text in parts if text]


_HALF = "[\ud800-\udfff]"


def document(data: Any) -> str:
    """Data as ASCII JSON, which works on every terminal. Replaces lone surrogates, which file names can contain,
    because strict readers reject them.
    """
    from json import dumps  # the text format does not need it

    return dumps(_whole(data), indent=2) + "\n"


def _whole(data: Any) -> Any:
    if isinstance(data, str):
        return re.sub(_HALF, "\ufffd", data)
    if isinstance(data, dict):
        return {key: _whole(value) for key, value in data.items()}
    return [_whole(item) for item in data] if isinstance(data, (list, tuple)) else data
