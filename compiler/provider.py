"""Providers: what one product does for a service, as pure functions behind the name of its entry in the catalog.

The entry (`platform.providers`) is data, which the planner reads; the functions make the objects. The subclasses of
`Provider` in `targets/providers.py` say which functions there are.
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
    """As in `platform.providers`."""
    kinds: Mapping[str, Kind] = {}
    """The kinds of objects that it alone writes."""


P = TypeVar("P", bound=Provider)


class Providers:
    """All providers that there are: mlspec's own, and those of plugins."""

    def __init__(self, providers: Iterable[Provider] = ()) -> None:
        self._known = {(type(provider), provider.name): provider for provider in providers}

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._known.values())

    def chosen(self, type_: type[P], name: Because[str]) -> P:
        """The provider of a name; a refusal where an entry has that name and nothing makes its objects."""
        found = self._known.get((type_, name.value))
        if not isinstance(found, type_):
            raise refusal(
                "MLS012",
                f"nothing writes the objects of `{name.value}`",
                name,
                note="`platform.providers` says what it can do, but no module of mlspec or of a plugin makes it",
                help="name the plugin that has it under `platform.plugins`, or choose another provider",
            )
        return found
