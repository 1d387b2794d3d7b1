"""Compare the live objects with the output, by a dry run on the server, which fills in defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import unified_diff

import yaml

from ...compiler.conventions import MANAGED_BY
from ...compiler.record import Record
from .access import Cluster, Object, RefusedError, key, told
from .fields import fields
from .hold import Holds, sent
from .order import ordered, written

__all__ = ["Difference", "differences"]


class Difference(Record):
    """One object, and whether its live state differs from the output."""

    name: str
    state: str
    """`new`, `changed`, `unchanged`, `refused`, `removed` from the output, or `kept` for earlier versions."""
    lines: tuple[str, ...] = ()
    """The unified diff of a changed object."""
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether the cluster differs from the output."""
        return self.state not in ("unchanged", "kept")


def differences(cluster: Cluster, bodies: Sequence[Object], system: str) -> Iterator[Difference]:
    """Every object of the output, then what is in the cluster and not in the output any more."""
    in_order = ordered(bodies)
    holds = Holds(cluster, in_order)
    for body in in_order:
        try:
            yield _difference(cluster, body, holds)
        except RefusedError as error:
            state = "new" if error.namespace is not None else "refused"
            yield Difference(name=key(body), state=state, notes=tuple(told(body, error)))
    yield from _removed(cluster, in_order, system)


def _difference(cluster: Cluster, body: Object, holds: Holds) -> Difference:
    one = holds.prepare(body)
    notes = [one.refused] if one.refused else []
    try:
        after = sent(cluster, one, dry_run=True)
    except RefusedError as error:
        if not error.conflicts:
            raise
        notes += [f"{line}: apply it with --force-conflicts" for line in told(body, error)]
        after = cluster.apply(one.body, force=True, dry_run=True)
    if one.live is None:
        return Difference(name=key(body), state="new", notes=tuple(notes))
    lines = tuple(_diff(one.live, after))
    return Difference(name=key(body), state="changed" if lines else "unchanged", lines=lines, notes=tuple(notes))


def _diff(live: Object, after: Object) -> Iterator[str]:
    before, now = (
        yaml.safe_dump(fields(body), sort_keys=True, allow_unicode=True, width=1000).splitlines()
        for body in (live, after)
    )
    yield from unified_diff(before, now, f"live/{key(live)}", f"output/{key(live)}", lineterm="")


def _removed(cluster: Cluster, bodies: Sequence[Object], system: str) -> Iterator[Difference]:
    """What carries the labels of mlspec and of the system, belongs to no other object, and is not in the output."""
    labels = {"app.kubernetes.io/managed-by": MANAGED_BY, "app.kubernetes.io/part-of": system}
    known = {(key(body), cluster.namespace_of(body)) for body in bodies}
    namespaces = sorted({cluster.namespace_of(body) for body in bodies})
    for namespace in namespaces:
        for version, kind in written(bodies):
            for live in _listed(cluster, version, kind, namespace, labels):
                if (key(live), namespace) not in known and not live["metadata"].get("ownerReferences"):
                    yield _left_over(live)


def _listed(cluster: Cluster, version: str, kind: str, namespace: str, labels: dict[str, str]) -> Iterable[Object]:
    try:
        return list(cluster.listed(version, kind, namespace, labels))
    except RefusedError as error:
        if error.status in (403, 404, 405):  # someone may read only what the output has
            return []
        raise


def _left_over(live: Object) -> Difference:
    if live["kind"] == "ConfigMap" and live.get("immutable"):
        return Difference(name=key(live), state="kept", notes=("of an earlier version, which may still use it",))
    return Difference(name=key(live), state="removed")
