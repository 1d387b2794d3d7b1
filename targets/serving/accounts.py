"""ServiceAccounts: each is written once, even if several services run as it.

All services that use an access share the account that it names. The account then has what they have in common: their
labels, and the one cloud identity that it can be bound to.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from ...compiler.because import Because
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.dump import plain
from ...compiler.plan import Plan
from . import objects

__all__ = ["service_accounts"]


def service_accounts(plan: Plan) -> Iterator[Artifact]:
    """The accounts of all services."""
    asked = chain(
        chain.from_iterable(objects.service_account(service) for service in plan.online.values()),
        chain.from_iterable(_of_batch(plan)),
    )
    by_name: dict[str, list[Artifact]] = {}
    for account in asked:
        by_name.setdefault(_metadata(account)["name"].value, []).append(account)
    for same in by_name.values():
        yield same[0] if len(same) == 1 else _shared(same)


def _of_batch(plan: Plan) -> Iterator[Iterator[Artifact]]:
    if plan.batch:
        from . import batch

        yield from map(batch.service_account, plan.batch.values())


def _metadata(account: Artifact) -> Body:
    assert account.object is not None
    found: Body = account.object["metadata"]
    return found


def _shared(same: list[Artifact]) -> Artifact:
    """One account for several services."""
    first, names = same[0], [_metadata(account)["name"] for account in same]
    name = names[0].also(names[1:])
    metadata = {**_metadata(first), "name": name, "labels": _labels(same), "annotations": _annotations(same)}
    why = first.why.also([account.why for account in same[1:]])
    return first.but(body={**(first.object or {}), "metadata": metadata}, why=why)


def _labels(same: list[Artifact]) -> Body:
    """The labels that all of them share: an account of two services belongs to neither."""
    first, *others = [_metadata(account)["labels"] for account in same]
    return {
        key: value for key, value in first.items() if all(plain(other.get(key)) == plain(value) for other in others)
    }


def _annotations(same: list[Artifact]) -> Body | None:
    """The cloud identity of the account, which is the same for all services."""
    tied: dict[str, list[Because[Any]]] = {}
    for account in same:
        for key, identity in (_metadata(account)["annotations"] or {}).items():
            tied.setdefault(key, []).append(identity)
    return {key: given[0].also(given[1:]) for key, given in tied.items()} or None
