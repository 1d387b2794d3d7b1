"""Backends: the targets and the providers that compile a system, as one value."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from ..kinds import KUBERNETES, Kind
from ..provider import Provider, Providers
from ..record import Record
from .artifact import SystemTarget, Target

__all__ = ["Backend", "Backends"]

Backend = Target | SystemTarget | Provider
"""The types of plugin."""


class Backends(Record):
    """The targets, in the order in which they run, and the providers that they use."""

    targets: tuple[Target, ...] = ()
    system_targets: tuple[SystemTarget, ...] = ()
    providers: tuple[Provider, ...] = ()

    def also(self, added: Iterable[Backend]) -> Backends:
        """These backends, followed by those of plugins."""
        found = (*self.targets, *self.system_targets, *self.providers, *added)
        return Backends(
            targets=tuple(one for one in found if isinstance(one, Target)),
            system_targets=tuple(one for one in found if isinstance(one, SystemTarget)),
            providers=tuple(one for one in found if isinstance(one, Provider)),
        )

    @cached_property
    def chosen(self) -> Providers:
        """The providers by name."""
        return Providers(self.providers)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """All known kinds of objects."""
        known = dict(KUBERNETES)
        backends: tuple[Backend, ...] = (*self.targets, *self.system_targets, *self.providers)
        for one in backends:
            known.update(one.kinds)
        return known
