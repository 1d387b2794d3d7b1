"""The rule on the age of features: a value that is always too old is missing, or wrong, when the model needs it."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import readable
from ...plan.data.freshness import Age
from ...system import MLSystem
from ..lint import rule

__all__ = ["stale_features"]


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
            yield finding(
                "MLS713",
                f"values of `{view.name.value}` get {least}{readable(oldest.value)} old, but may be "
                f"{view.max_age.value} at most",
                view.max_age,
                others=((view.schedule, "when they are materialized"), (age.lag, "the job leaves out newer records")),
                note=f"{oldest.reason}; the model would predict without them",
                help=f"write `maxAge: {_hours(float(oldest.value))}h`{' or more' if age.least else ''}, "
                f"{_sooner(age, view.max_age.value)}",
            )


def _sooner(age: Age, most: Duration) -> str:
    """What makes the values younger. To materialize them more often does not help as long as the lag is too long."""
    if age.lag is None or age.lag.value < most:
        return "or materialize them more often"
    minutes = int(most.amount - age.oldest.value.amount + age.lag.value.amount) // 60
    if minutes > 0:
        lag = f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
        return f"or write `lag: {lag}` if records arrive within that time"
    return "or materialize them more often, and write a shorter `lag` if records arrive sooner"


def _hours(seconds: float) -> int:
    return -(-int(seconds) // 3600)
