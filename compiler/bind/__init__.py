"""Bind a tree to a typed `System`, reporting every mistake at its own node.

One walk, driven by the generated table. In *partial* mode, used on a file before layering, nothing is required and
`null` may mean removal; the merged tree is then bound in full. An invalid value stays unset. Reading it later raises
`Unavailable`, so only what depends on it is skipped.
"""

from __future__ import annotations

from typing import cast

from .. import system
from ..diagnostics import Diagnostic
from ..layer import Layered
from ..record import Record
from ..tree import Mapping
from .binder import Binder, Known, Reference, short_forms
from .lost import Lost, hidden
from .recognized import another

__all__ = ["Binder", "Bound", "Known", "Lost", "Reference", "another", "bind", "check_as_written", "hidden"]


class Bound(Record):
    """A system, with the names that it uses, and its mistakes."""

    system: system.MLSystem
    references: list[Reference]
    found: list[Diagnostic]
    unread: list[str]
    """The paths of values that a mistake hides."""


def bind(layered: Layered, known: Known | None = None, lost: Lost | None = None) -> Bound:
    """Bind the merged tree of one environment, and reuse the pieces that are already `known`; leave unset what is
    `lost`.
    """
    binder = Binder(layered, short_forms(layered.tree), known, lost=lost)
    part = binder.object("MLSystem", layered.tree, "")
    made = cast("system.MLSystem", part)
    return Bound(system=made, references=binder.references, found=binder.found, unread=binder.unread)


def check_as_written(tree: Mapping, type_name: str, known: Known | None = None) -> list[Diagnostic]:
    """The mistakes in one file as it was written, before layering."""
    binder = Binder(None, short_forms(tree), known, partial=type_name == "MLSystem", tree=tree)
    binder.object(type_name, tree, "")
    return binder.found
