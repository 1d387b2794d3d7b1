"""Texts inside Markdown."""

from __future__ import annotations

from ...compiler.words import escaped

__all__ = ["cell"]

MARKUP = str.maketrans({one: f"\\{one}" for one in "\\`*_[]|"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " "})


def cell(said: str) -> str:
    """A text of a spec or a server as one line that Markdown prints as it is, in a table, too."""
    return escaped(said).translate(MARKUP)
