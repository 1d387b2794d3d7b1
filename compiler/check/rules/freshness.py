"""The rule on the age of features: a value that is always too old is missing, or wrong, when the model needs it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....schema.units import Duration
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import readable
from ...plan.data.freshness import Age
from ...system import MLSystem
from ..lint import rule

__all__ = ["stale_features"]

MINUTE = 60
"""In seconds. Kubernetes starts no job more often."""


@rule(
    "MLS713",
    "warning",
    "features.views.*.maxAge",
    "features.views.*.schedule",
    "features.views.*.source",
    "data.sources.*.name",
    "data.sources.*.freshness",
    "data.sources.*.version",
    "services.*.schedule",
    "services.*.timeZone",
)
def stale_features(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Feature view whose values get older than they may be.

    Why: a value is as old as its source's newest record, plus the time since the view was last materialized. A feature
    store treats a value that is older than its maximum age as missing, and the model predicts from the rest. Without
    `freshness`, only the time since the materialization counts. If the source has a longer `lag`, that is the age of
    the newest record that the job reads.

    Bad:
        data:
          columns: [{name: card_id, dtype: string}]
          sources: [{name: transactions, ingestion: batch, owner: payments-core, freshness: 6h}]
        features:
          entities: [{name: card, key: card_id}]
          views:
            - name: card_activity
              entity: card
              source: transactions
              owner: payments-ml
              maxAge: 24h
              schedule: "0 3 * * *"
    Good:
        data:
          columns: [{name: card_id, dtype: string}]
          sources: [{name: transactions, ingestion: batch, owner: payments-core, freshness: 6h}]
        features:
          entities: [{name: card, key: card_id}]
          views:
            - name: card_activity
              entity: card
              source: transactions
              owner: payments-ml
              maxAge: 30h
              schedule: "0 3 * * *"
    """
    for age in plan.freshness.views if system.features is not None else ():
        view, oldest, least = age.view, age.oldest, "at least " if age.least else ""
        if view.max_age is not None and oldest.value > view.max_age.value:
            late = _longer(age, view.max_age.value.amount - MINUTE)
            yield finding(
                "MLS713",
                f"values of `{view.name.value}` get {least}{readable(oldest.value)} old, but may be "
                f"{view.max_age.value} at most",
                view.max_age,
                others=(
                    (view.schedule, "when they are materialized"),
                    (age.lag, "the job leaves out newer records"),
                    *((age.given[name], "the age of the newest record") for name in late if name == "freshness"),
                ),
                note=f"{oldest.reason}; the model would predict without them",
                help=f"write `maxAge: {_hours(float(oldest.value))}h`{' or more' if age.least else ''}, "
                f"{_sooner(age, view.max_age.value, late)}",
            )


def _longer(age: Age, limit: Decimal | int) -> list[str]:
    """The fields of the source that are longer than a time in seconds."""
    return [name for name, value in age.given.items() if value.value.amount > limit]


def _sooner(age: Age, most: Duration, late: list[str]) -> str:
    """What makes the values younger. To materialize them more often does not help as long as the source is too late."""
    if not late:
        return "or materialize them more often"
    minutes = int(most.amount - age.oldest.value.amount + age.newest) // MINUTE
    if minutes > 0:
        time = f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
        shorter = " and ".join(f"`{name}: {time}`" for name in _longer(age, minutes * MINUTE))
        return f"or write {shorter} if records arrive within that time"
    shorter = " and a shorter ".join(f"`{name}`" for name in late)
    return f"or materialize them more often, and write a shorter {shorter} if records arrive sooner"


def _hours(seconds: float) -> int:
    return -(-int(seconds) // 3600)
