"""The one list of rules. A new one is one function and one line here."""

from __future__ import annotations

from ..lint import Rule
from . import data, evaluation, features, llm, monitoring, places, reproducibility, retraining, rollout, security, split

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    split.random_split_over_time,
    split.overlapping_parts,
    split.split_through_entities,
    split.no_test_rows,
    data.outcome_as_input,
    data.fitted_on_all_rows,
    data.nothing_expected,
    data.without_owner,
    data.data_without_version,
    features.idle_feature,
    evaluation.no_baseline,
    evaluation.no_gate,
    evaluation.no_segments,
    evaluation.gate_without_samples,
    evaluation.accuracy_of_rare_events,
    evaluation.no_business_metric,
    reproducibility.unpinned_image,
    reproducibility.training_without_seed,
    monitoring.no_runbook,
    monitoring.unbounded_label,
    rollout.nothing_to_judge,
    rollout.judged_by_late_labels,
    rollout.shapes_its_own_data,
    monitoring.drift_without_reference,
    retraining.unattended_promotion,
    retraining.no_age_limit,
    retraining.ignored_scale,
    llm.no_token_limit,
    llm.unversioned_prompt,
    security.credential,
    places.plain_text,
    places.foreign_place,
)
