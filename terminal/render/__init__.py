"""Rendering: findings and answers to text.

This module has the one list of output formats. A format is one file in this folder and one line below. The file has a
pure function `render` from a `Report` to text. Its first sentence is the documentation of the format.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from ...compiler.row import Row

if TYPE_CHECKING:
    from .report import Report

__all__ = ["FORMATS", "Format", "named", "rendered"]


class Format(Row):
    """One output format."""

    name: str
    """The value of `--format`, and the name of the module."""
    document: bool = True
    """Whether it is one document per run, even without findings. A document is a result and goes to standard output.
    Other formats are for people: they print each finding right away, on standard error.
    """
    explains: bool = False
    """Whether explanations have this format too."""


FORMATS = (
    Format("text", document=False, explains=True),
    Format("concise", document=False),
    Format("json", explains=True),
    Format("sarif"),
    Format("github"),
    Format("gitlab"),
    Format("junit"),
)


def named(name: str) -> Format:
    """The format with this name."""
    return next(one for one in FORMATS if one.name == name)


def rendered(form: Format, report: Report) -> str:
    """A report in one format. Imports only the module of that format, because most runs need only `text`."""
    render: Callable[[Report], str] = import_module(f"{__name__}.{form.name}").render
    return render(report)
