"""Providers: pure functions that create the objects of one product, registered under the name of its catalog entry.

The entry (`platform.providers`) is data for the planner; the functions create the objects. The subclasses of `Provider`
in `targets/providers.py` define which functions there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from .because import Because
from .finding import refusal
from .kinds import Kind
from .record import Record

__all__ = ["Provider", "Providers"]


class Provider(Record):
    """One product."""

    name: str
    """The name in `platform.providers`."""
    kinds: Mapping[str, Kind] = {}
    """The kinds of objects that only this provider writes."""


P = TypeVar("P", bound=Provider)


class Providers:
    """All providers: built-in ones, and those of plugins."""

    def __init__(self, providers: Iterable[Provider] = ()) -> None:
        self._known = {(type(provider), provider.name): provider for provider in providers}

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._known.values())

    def chosen(self, type_: type[P], name: Because[str]) -> P:
        """The provider with a name. Refuses a catalog entry without an implementation."""
        found = self._known.get((type_, name.value))
        if not isinstance(found, type_):
            raise refusal(
                "MLS012",
                f"`{name.value}` has no implementation",
                name,
                note="`platform.providers` declares its capabilities, but neither mlspec nor a plugin implements it",
                help="add the plugin that implements it under `platform.plugins`, or choose another provider",
            )
        return found
