"""Back-ends: the targets and the providers that a system is compiled with, as one value."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from ..kinds import KUBERNETES, Kind
from ..provider import Provider, Providers
from ..record import Record
from .artifact import SystemTarget, Target

__all__ = ["Backend", "Backends"]

Backend = Target | SystemTarget | Provider
"""What a plugin can be."""


class Backends(Record):
    """Targets in the order in which they emit, and the providers that they make objects with."""

    targets: tuple[Target, ...] = ()
    system_targets: tuple[SystemTarget, ...] = ()
    providers: tuple[Provider, ...] = ()

    def also(self, added: Iterable[Backend]) -> Backends:
        """These, and those of plugins after them."""
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
        """Everything that is known of kinds of objects."""
        known = dict(KUBERNETES)
        backends: tuple[Backend, ...] = (*self.targets, *self.system_targets, *self.providers)
        for one in backends:
            known.update(one.kinds)
        return known
