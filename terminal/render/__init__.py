"""Rendering is a leaf: findings and answers to text.

Here is the one list of formats that findings have. A format is one file beside this one with a function `render`, which
makes text of a `Report` and does nothing else, and one line below; the first sentence of the file is its documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .report import Report

__all__ = ["FORMATS", "Format", "named", "rendered"]


class Format(NamedTuple):
    """One way to show findings."""

    name: str
    """What `--format` calls it, and the name of its module."""
    document: bool = True
    """One text for the whole run, also when nothing was found, and a result: it goes to standard output. Otherwise
    findings are told to people as they come, on standard error.
    """
    explains: bool = False
    """Whether explanations have it too. In a document they are data."""


FORMATS = (
    Format("text", document=False, explains=True),
    Format("concise", document=False, explains=True),
    Format("json", explains=True),
    Format("sarif"),
    Format("github"),
    Format("gitlab"),
    Format("junit"),
)


def named(name: str) -> Format:
    """The format of a name in the list."""
    return next(one for one in FORMATS if one.name == name)


def rendered(form: Format, report: Report) -> str:
    """A report in one format. Only the module of that format is imported: most runs need `text` alone."""
    render: Callable[[Report], str] = import_module(f"{__name__}.{form.name}").render
    return render(report)
