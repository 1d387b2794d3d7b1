"""Limits on how much one system can declare, at the first entry beyond them. Nothing beyond a limit is compiled."""

from __future__ import annotations

from ..diagnostics import Diagnostic
from ..limits import ENVIRONMENTS, PATCHES, SERVICES, Limit
from ..tree import Mapping, Node, Sequence

__all__ = ["Bounds"]


class Bounds:
    """What the environments of one system have declared so far."""

    def __init__(self, found: list[Diagnostic]) -> None:
        self.found = found
        self.services = 0
        self._reported: set[Limit] = set()

    def environments(self, declared: Mapping) -> dict[str, Node]:
        """The environments that are compiled."""
        return self._first(declared, ENVIRONMENTS.most, ENVIRONMENTS).entries

    def within(self, tree: Mapping) -> Mapping:
        """The merged tree of the next environment, without what is beyond a limit."""
        services, patches = tree.entries.get("services"), tree.entries.get("patches")
        kept: dict[str, Node] = {}
        if isinstance(services, Mapping):
            left = max(SERVICES.most - self.services, 0)
            self.services += len(services.entries)
            if len(services.entries) > left:
                kept["services"] = self._first(services, left, SERVICES)
        if isinstance(patches, Sequence) and len(patches.items) > PATCHES.most:
            self._report(patches.items[PATCHES.most], PATCHES)
            kept["patches"] = Sequence(patches.place, patches.items[: PATCHES.most])
        return Mapping(tree.place, tree.keys, {**tree.entries, **kept}) if kept else tree

    def _first(self, mapping: Mapping, most: int, limit: Limit) -> Mapping:
        names = list(mapping.entries)
        if len(names) <= most:
            return mapping
        self._report(mapping.keys[names[most]], limit)
        first = names[:most]
        return Mapping(
            mapping.place, {name: mapping.keys[name] for name in first}, {name: mapping.entries[name] for name in first}
        )

    def _report(self, at: Node, limit: Limit) -> None:
        if limit in self._reported:
            return  # one finding is enough: the next environment has the same entries
        self._reported.add(limit)
        self.found.append(
            Diagnostic(
                id="MLS002",
                severity="error",
                message=f"the spec has more than {limit.most:,} {limit.of.removesuffix(' of a spec')}",
                span=at.span,
                label="the first one beyond the limit",
                note=f"the time and the memory of a run are limited: {limit.why}",
                help="split it into several systems",
            )
        )
