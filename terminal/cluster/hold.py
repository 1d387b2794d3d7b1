"""Leave to a rollout's controller what it changes: the weights of routes and the selectors of Services.

A list such as `spec.rules` belongs to one manager as a whole. Once the controller has changed it, mlspec no longer owns
it, and leaving it out of a request keeps the live value. Before that, leaving it out would remove it, so mlspec sends
the live value, and the server refuses the request if the object has changed in the meantime.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

from ...compiler.conventions import MANAGED_BY
from ...compiler.record import Record
from ...targets.live import rollouts
from .access import Cluster, Object, RefusedError, key

__all__ = ["Holds", "Prepared", "sent"]


class Prepared(Record):
    """An object as it is sent, and why it differs from the output."""

    body: Object
    live: Object | None = None
    rollout: str = ""
    """The Rollout in progress that holds a field of the object."""
    kept: str = ""
    """The field that stays as it is."""
    refused: str = ""
    """Why the object must not be applied now."""
    yields: str = ""
    """The field that the controller owns but does not need now, so that it can be taken over."""


class Holds:
    """The fields that the controllers of some Rollouts change."""

    def __init__(self, cluster: Cluster, bodies: Iterable[Object]) -> None:
        self._cluster = cluster
        self._holds = {
            (one.kind, one.name): (one.field, body)
            for body in bodies
            if body["kind"] == "Rollout"
            for one in rollouts.held(body)
        }

    def prepare(self, body: Object) -> Prepared:
        """The request for an object, given its live state and the state of its Rollout right now."""
        live = self._cluster.find(body)
        field, owner = self._holds.get((body["kind"], body["metadata"]["name"]), ("", None))
        if live is None or owner is None:
            return Prepared(body=body, live=live)
        rollout = self._cluster.find(owner)
        moving = rollout is not None and rollouts.in_progress(rollout)
        if field == "selector":
            return self._selector(body, live, key(owner) if moving else "")
        if not moving:
            return Prepared(body=body, live=live, yields=field)
        kept = Prepared(body=_left(body, live, field), live=live, rollout=key(owner), kept=field)
        wanted = self._cluster.apply(body, force=True, dry_run=True)
        return kept if _same_rules(wanted, live) else kept.but(body=_weighted(body, live), refused=_why(body, owner))

    def _selector(self, body: Object, live: Object, moving: str) -> Prepared:
        """The controller's key stays in the selector, also between rollouts."""
        now: Object = live["spec"].get("selector") or {}
        own = {name: value for name, value in now.items() if name != rollouts.HASH}
        given = body["spec"].get("selector")
        if given is not None and own != given and not moving:
            return Prepared(body=body, live=live)
        kept = "selector" if moving and given is not None else ""
        return Prepared(body=_left(body, live, "selector"), live=live, rollout=moving, kept=kept)


def sent(cluster: Cluster, one: Prepared, *, force: bool = False, dry_run: bool = False) -> Object:
    """Apply a prepared object. Between rollouts, the controller's ownership of the rules is no conflict."""
    try:
        return cluster.apply(one.body, force=force, dry_run=dry_run)
    except RefusedError as error:
        fields = {conflict.field for conflict in error.conflicts}
        if not one.yields or fields != {f".spec.{one.yields}"}:
            raise
        return cluster.apply(one.body, force=True, dry_run=dry_run)


def _left(body: Object, live: Object, field: str) -> Object:
    """The object without a change to a field of its spec."""
    made = copy.deepcopy(body)
    if _owns(live, field) and field in live["spec"]:
        made["spec"][field] = copy.deepcopy(live["spec"][field])
        made["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    else:
        made["spec"].pop(field, None)
    return made


def _owns(live: Object, field: str) -> bool:
    """Whether removing a field from mlspec's requests would remove it from the object."""
    return any(
        f"f:{field}" in entry.get("fieldsV1", {}).get("f:spec", {})
        for entry in live["metadata"].get("managedFields") or []
        if entry.get("manager") == MANAGED_BY and entry.get("operation") == "Apply"
    )


def _same_rules(wanted: Object, live: Object) -> bool:
    one, other = (rollouts.without_weights(body["spec"].get("rules") or []) for body in (wanted, live))
    return one == other


def _weighted(body: Object, live: Object) -> Object:
    """The object with the live weights, which shows only the other differences."""
    made = copy.deepcopy(body)
    weights = {
        ref["name"]: ref["weight"]
        for rule in live["spec"].get("rules") or []
        for ref in rule.get("backendRefs") or []
        if "weight" in ref
    }
    for rule in made["spec"]["rules"]:
        for ref in rule.get("backendRefs") or []:
            ref["weight"] = weights.get(ref["name"], ref.get("weight", 1))
    return made


def _why(body: Object, rollout: Object) -> str:
    name, namespace = rollout["metadata"]["name"], rollout["metadata"].get("namespace", "default")
    return (
        f"{key(body)}: the output changes `spec.rules`, and {key(rollout)} is in the middle of a rollout: wait until "
        f"it ends (`mlspec cluster status`), or roll back with `kubectl argo rollouts abort {name} -n {namespace}`"
    )
