"""The one list of rules. A new one is one function and one line here."""

from __future__ import annotations

from ..lint import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
