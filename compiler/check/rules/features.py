"""Rules on the feature store."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import Feature, MLSystem
from ..lint import rule

__all__ = ["features_of_one_name", "idle_feature"]


@rule("MLS111", "warning", "features.views.*.features.*.name", "features.views.*.features.*.available")
def idle_feature(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Feature that is unused, or unknown at prediction time.

    Why: an unused feature still costs compute, and still breaks. One that is known only after the outcome is empty when
    the model needs it.

    Bad:
        data:
          columns: [{name: card_id, dtype: string}]
          sources: [{name: transactions, ingestion: streaming, owner: payments-core}]
        features:
          entities: [{name: card, key: card_id}]
          views:
            - name: card_activity
              entity: card
              source: transactions
              owner: payments-ml
              features: [{name: tx_count_1h, dtype: int64}]
    Good:
        data:
          columns: [{name: card_id, dtype: string}]
          sources: [{name: transactions, ingestion: streaming, owner: payments-core}]
        features:
          entities: [{name: card, key: card_id}]
          views:
            - name: card_activity
              entity: card
              source: transactions
              owner: payments-ml
              features: [{name: tx_count_1h, dtype: int64}]
        model:
          signature:
            inputs: [{name: tx_count_1h, dtype: int64, from: features.card_activity.tx_count_1h}]
    """
    if system.features is None or all(model.signature is None for model in system.models.values()):
        return
    used = _origins(system)
    grouped_by = {name.value for name in _segments(system)}
    for view in system.features.views:
        for feature in view.features:
            origin = used.get(f"features.{view.name.value}.{feature.name.value}")
            if origin is None and feature.name.value not in grouped_by:
                yield _idle(feature)
            elif origin is not None and feature.available.value == "after-outcome":
                yield _too_late(feature, origin)


def _origins(system: MLSystem) -> dict[str, Because[str]]:
    """The origins of the inputs of all models."""
    signatures = [model.signature for model in system.models.values() if model.signature is not None]
    return {tensor.from_.value: tensor.from_ for signature in signatures for tensor in signature.inputs}


def _segments(system: MLSystem) -> Iterator[Because[str]]:
    yield from system.monitoring.segments
    yield from system.evaluation.segments if system.evaluation is not None else ()


def _idle(feature: Feature) -> Diagnostic:
    return finding(
        "MLS111",
        f"no model uses the feature `{feature.name.value}`",
        feature.name,
        note="it is still computed and stored, and still breaks",
        help="remove it, or add it to `model.signature.inputs`",
    )


def _too_late(feature: Feature, origin: Because[str]) -> Diagnostic:
    return finding(
        "MLS111",
        f"the feature `{feature.name.value}` is unknown at prediction time",
        origin,
        others=((feature.available, "known only after the outcome"),),
        note="it leaks the answer in training, and is missing in production",
        help="remove the input, and train without it",
    )


@rule("MLS116", "info", "features.materialization", "models.*.signature.inputs.*.from")
def features_of_one_name(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Features of one name in two views that a model reads.

    Why: Feast looks up the features of a model by their names, without those of their views. It refuses a lookup in
    which a name comes twice, in training and in serving, unless code asks for full names. Those have the view in front.

    Bad:
        access: {lake: {kind: s3, region: eu-central-1}}
        data:
          columns: [{name: paid_at, dtype: timestamp, nullable: false}, {name: card_id, dtype: string}]
          sources: [{name: paid, ingestion: batch, uri: "s3://lake/p", access: lake, format: parquet, owner: data}]
        features:
          entities: [{name: card, key: card_id}]
          materialization:
            image: registry.example.com/features@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            tables: {uri: "s3://lake/features", access: lake}
          views:
            - {name: hour, entity: card, source: paid, owner: data, schedule: "*/15 * * * *", features: [
                {name: payments, dtype: int64, transform: {aggregate: count, window: 1h}}]}
            - {name: week, entity: card, source: paid, owner: data, schedule: "*/15 * * * *", features: [
                {name: payments, dtype: int64, transform: {aggregate: count, window: 7d}}]}
        model:
          signature:
            inputs:
              - {name: a, dtype: int64, from: features.hour.payments}
              - {name: b, dtype: int64, from: features.week.payments}
    Good:
        access: {lake: {kind: s3, region: eu-central-1}}
        data:
          columns: [{name: paid_at, dtype: timestamp, nullable: false}, {name: card_id, dtype: string}]
          sources: [{name: paid, ingestion: batch, uri: "s3://lake/p", access: lake, format: parquet, owner: data}]
        features:
          entities: [{name: card, key: card_id}]
          materialization:
            image: registry.example.com/features@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            tables: {uri: "s3://lake/features", access: lake}
          views:
            - {name: cards, entity: card, source: paid, owner: data, schedule: "*/15 * * * *", features: [
                {name: payments_1h, dtype: int64, transform: {aggregate: count, window: 1h}},
                {name: payments_7d, dtype: int64, transform: {aggregate: count, window: 7d}}]}
        model:
          signature:
            inputs:
              - {name: a, dtype: int64, from: features.cards.payments_1h}
              - {name: b, dtype: int64, from: features.cards.payments_7d}
    """
    if system.features is None or system.features.materialization is None:
        return
    for model in system.models.values():
        seen: dict[str, Because[str]] = {}
        for tensor in model.signature.inputs if model.signature is not None else ():
            origin = tensor.from_
            if not origin.value.startswith("features."):
                continue
            name = origin.value.rpartition(".")[2]
            other = seen.setdefault(name, origin)
            if other.value != origin.value:
                yield _twice(name, other, origin)


def _twice(name: str, first: Because[str], second: Because[str]) -> Diagnostic:
    return finding(
        "MLS116",
        f"the model reads two features that are called `{name}`",
        second,
        others=((first, "the other one"),),
        note="a lookup of both by their names is refused, in training and in serving",
        help="rename one of them, or ask Feast with `full_feature_names=True` and suppress this finding",
    )
