"""The verdicts of the gate of a training run, against numbers calculated by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.runtime.conditions import Unreadable, wilson
from mlspec.runtime.verdict import Reason, judge

from .gates import config, measured
from .support import ROOT


def one(gate: dict[str, Any], metrics: Any, **evaluation: Any) -> Reason:
    (reason,) = judge(config(gate, **evaluation), metrics).reasons
    return reason


def whole(gate: dict[str, Any], value: Any) -> str:
    return one(gate, measured(recall={"value": value}, rmse={"value": value})).verdict


# Bounds


@pytest.mark.parametrize(
    ("gate", "value", "answer"),
    [
        ({"metric": "recall", "min": 0.6}, 0.6, "pass"),
        ({"metric": "recall", "min": 0.6}, 0.5999, "fail"),
        ({"metric": "rmse", "max": 18}, 18.0, "pass"),
        ({"metric": "rmse", "max": 18}, 18.001, "fail"),
        # a margin is how much better the model must be: higher if the metric is maximized ...
        ({"metric": "recall", "versus": "champion", "margin": 0.01}, 0.71, "pass"),
        ({"metric": "recall", "versus": "champion", "margin": 0.01}, 0.709, "fail"),
        ({"metric": "recall", "versus": "champion", "margin": -0.01}, 0.69, "pass"),
        ({"metric": "recall", "versus": "champion", "margin": -0.01}, 0.689, "fail"),
        ({"metric": "recall", "versus": "champion"}, 0.7, "pass"),
        # ... and lower if it is minimized
        ({"metric": "rmse", "versus": "champion", "margin": 2}, 18, "pass"),
        ({"metric": "rmse", "versus": "champion", "margin": 2}, 18.1, "fail"),
        ({"metric": "rmse", "versus": "champion", "margin": -2}, 22, "pass"),
        ({"metric": "rmse", "versus": "champion", "margin": -2}, 22.1, "fail"),
        # as a share of the rival's value: 10% of 20 is 2, and 10% of 0.5 is 0.05
        ({"metric": "rmse", "versus": "champion", "margin": 0.1, "relative": True}, 18, "pass"),
        ({"metric": "rmse", "versus": "champion", "margin": 0.1, "relative": True}, 18.1, "fail"),
        ({"metric": "recall", "versus": "naive", "margin": 0.1, "relative": True}, 0.55, "pass"),
        ({"metric": "recall", "versus": "naive", "margin": 0.1, "relative": True}, 0.549, "fail"),
    ],
)
def test_a_bound(gate: dict[str, Any], value: float, answer: str) -> None:
    assert whole(gate, value) == answer


def test_a_margin_on_a_negative_rival_still_requires_an_improvement() -> None:
    """R² may be negative: 10% better than -0.5 is -0.45."""
    asked = config({"metric": "r2", "versus": "champion", "margin": 0.1, "relative": True})
    asked["metrics"]["r2"] = {"direction": "maximize"}
    asked["rivals"] = {"champion": {"r2": -0.5}}
    assert judge(asked, measured(r2={"value": -0.46})).passed is False
    assert judge(asked, measured(r2={"value": -0.45})).passed is True


def test_arithmetic_is_decimal() -> None:
    """In binary, 0.943 - 0.002 is 0.9409999999999999, and 0.1 + 0.2 is more than 0.3."""
    asked = config({"metric": "recall", "versus": "champion", "margin": 0.2})
    asked["rivals"] = {"champion": {"recall": 0.1}}
    assert judge(asked, measured(recall={"value": 0.3})).passed is True


def test_a_result_on_the_same_rows_takes_precedence() -> None:
    """The champion has degraded to 0.65, so a model with 0.66 is better, although the release file says 0.70."""
    gate = {"metric": "recall", "versus": "champion"}
    rivals = {"champion": {"recall": {"value": 0.65}}}
    reason = one(gate, measured(recall={"value": 0.66}, rivals=rivals))
    assert (reason.verdict, reason.words) == ("pass", "0.66")
    assert reason.bound.words == "at least 0.65: 0.65 of champion on the same rows, margin 0"
    assert one(gate, measured(recall={"value": 0.66})).verdict == "fail"


def test_a_metric_of_one_output() -> None:
    reason = one({"metric": "recall", "of": "score", "min": 0.6}, measured(**{"recall:score": {"value": 0.7}}))
    assert (reason.metric, reason.verdict) == ("recall:score", "pass")


# Too few samples, missing values, not a number


@pytest.mark.parametrize(
    ("entry", "gate", "evaluation", "answer"),
    [
        ({"value": 0.7, "samples": 20000}, {}, {"minSamples": 20000}, "pass"),
        ({"value": 0.7, "samples": 19999}, {}, {"minSamples": 20000}, "too-few"),
        ({"value": 0.7}, {}, {"minSamples": 20000}, "too-few"),  # the number of samples is unknown
        ({"value": 0.7}, {}, {"minSamples": 0}, "pass"),
        # a gate's own minimum applies to events, and replaces the minimum of the evaluation
        ({"value": 0.7, "samples": 90000, "events": 399}, {"minSamples": 400}, {"minSamples": 1}, "too-few"),
        ({"value": 0.7, "samples": 1000, "events": 400}, {"minSamples": 400}, {"minSamples": 20000}, "pass"),
        ({"value": 0.7, "samples": 400}, {"minSamples": 400}, {}, "pass"),
        (
            {"value": 0.1, "samples": 3},
            {},
            {"minSamples": 20000},
            "too-few",
        ),  # bad, but there is too little data to know
    ],
)
def test_too_few_samples_are_not_a_pass(
    entry: Any, gate: dict[str, Any], evaluation: dict[str, Any], answer: str
) -> None:
    assert one({"metric": "recall", "min": 0.6, **gate}, measured(recall=entry), **evaluation).verdict == answer


@pytest.mark.parametrize(
    "entry",
    [
        None,
        0.7,
        [],
        {},
        {"value": None},
        {"value": "0.7"},
        {"value": True},
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": 1e301},
        {"value": 0.7, "samples": -1},
        {"value": 0.7, "samples": 1.5},
        {"value": 0.7, "events": "many"},
        {"value": 0.7, "low": 0.6},
        {"value": 0.7, "low": 0.8, "high": 0.9},
        {"value": 0.7, "low": 0.6, "high": 0.8, "confidence": 1},
    ],
    ids=str,
)
def test_a_value_that_is_missing_or_not_a_number_fails(entry: Any) -> None:
    assert one({"metric": "recall", "min": 0.6}, measured(recall=entry)).verdict == "fail"


def test_without_a_gate_no_model_passes() -> None:
    assert judge(config(), measured()).passed is False


def test_one_failed_gate_is_enough() -> None:
    asked = config({"metric": "recall", "min": 0.6}, {"metric": "rmse", "max": 18})
    assert judge(asked, measured(recall={"value": 0.7}, rmse={"value": 17})).passed is True
    assert judge(asked, measured(recall={"value": 0.7}, rmse={"value": 19})).passed is False


# Impossible values


@pytest.mark.parametrize(
    ("gate", "value", "words"),
    [
        (
            {"metric": "recall", "min": 0.6},
            94,
            "94 is outside the range of the metric, which is between 0 and 1 (write 0.94, not 94)",
        ),
        ({"metric": "recall", "min": 0.6}, 1.0000001, "1.0000001 is outside the range of the metric, which is"),
        ({"metric": "recall", "min": 0.6}, 1e299, "1e+299 is outside the range of the metric, which is"),
        ({"metric": "recall", "max": 0.6}, -0.1, "-0.1 is outside the range of the metric, which is"),
        ({"metric": "rmse", "max": 18}, -1, "-1 is outside the range of the metric, which is at least 0"),
    ],
)
def test_trap_a_percentage_passes_every_minimum(gate: dict[str, Any], value: float, words: str) -> None:
    reason = one(gate, measured(recall={"value": value}, rmse={"value": value}))
    assert reason.verdict == "fail"
    assert reason.words.startswith(words)


def test_an_impossible_value_of_a_segment_fails() -> None:
    assert by_country({"value": 64, "events": 420, "low": 63, "high": 65}, 1).verdict == "fail"


def test_trap_a_rival_measured_in_percent_lets_every_lower_error_pass() -> None:
    """At most 94 is no bound on a Brier score."""
    asked = config({"metric": "brier_score", "versus": "champion"})
    asked["metrics"]["brier_score"] = {"direction": "minimize", "unit": "ratio", "min": 0.0, "max": 1.0}
    rivals = {"champion": {"brier_score": {"value": 94}}}
    with pytest.raises(Unreadable, match=r"write 0\.94, not 94"):
        judge(asked, measured(brier_score={"value": 0.9}, rivals=rivals))


def test_more_events_than_samples_are_a_contradiction() -> None:
    entry = {"value": 0.7, "samples": 10, "events": 100_000_000}
    reason = one({"metric": "recall", "min": 0.6, "minSamples": 400}, measured(recall=entry))
    assert (reason.verdict, reason.words) == (
        "fail",
        "its `events` in metrics.json are more than its `samples`: 100,000,000 of 10",
    )


def test_a_segment_has_no_more_samples_than_the_whole_test_set() -> None:
    part = {"value": 0.9, "samples": 1001, "events": 900}
    segments = {"country": {"DE": {"recall": part}}}
    assert one(BY_COUNTRY, measured(segments, recall={"value": 0.9, "samples": 1001})).verdict == "pass"
    assert one(BY_COUNTRY, measured(segments, recall={"value": 0.9, "samples": 1000})).verdict == "fail"


@pytest.mark.parametrize("version", [True, 1.0, "1", 2, None])
def test_another_version_is_refused_whatever_equals_one(version: object) -> None:
    for documents in (
        ({**config(GATE), "version": version}, measured(recall={"value": 0.7})),
        (config(GATE), {**measured(recall={"value": 0.7}), "version": version}),
    ):
        with pytest.raises(Unreadable, match="version 1"):
            judge(*documents)


# Segments


def test_the_score_interval_of_a_proportion() -> None:
    """Wilson (1927): for 7 of 10 at 1.96 standard errors, it is 0.397 to 0.892."""
    low, high = wilson(0.7, 10, 1.959964)
    assert (round(low, 3), round(high, 3)) == (0.397, 0.892)
    assert wilson(0.0, 10, 1.959964)[0] == 0.0
    assert round(wilson(0.0, 10, 1.959964)[1], 4) == 0.2775  # the normal interval would have zero width
    assert wilson(1.0, 10, 1.959964)[1] == pytest.approx(1.0)


BY_COUNTRY = {"metric": "recall", "segment": "country", "min": 0.6}


def by_country(entry: Any, count: int) -> Reason:
    return one(BY_COUNTRY, measured(segments={"country": {f"c{n}": {"recall": entry} for n in range(count)}}))


def test_for_segments_the_end_of_the_interval_is_compared() -> None:
    """0.64 of 400 events is above 0.6, but its lower confidence limit is not: one-sided at 5%, with z = 1.645, it is
    0.5997. For 420 events, it is 0.6007.
    """
    assert by_country({"value": 0.64, "events": 400}, 1).verdict == "fail"
    assert by_country({"value": 0.64, "events": 420}, 1).verdict == "pass"


def test_trap_among_many_segments_one_looks_bad_by_chance() -> None:
    """Bonferroni: for ten values, each is tested at 0.5%, with z = 2.576 instead of 1.645."""
    entry = {"value": 0.64, "events": 600}
    assert by_country(entry, 1).verdict == "pass"
    reason = by_country(entry, 10)
    assert reason.verdict == "fail"
    assert reason.values is not None
    surely = reason.values["c0"].surely
    assert surely is not None
    assert round(float(surely), 3) == 0.588


def test_an_upper_bound_is_held_to_the_upper_end() -> None:
    gate = {"metric": "recall", "segment": "country", "max": 0.66}
    (reason,) = judge(
        config(gate), measured(segments={"country": {"DE": {"recall": {"value": 0.64, "events": 400}}}})
    ).reasons
    assert reason.verdict == "fail"  # the upper confidence limit is 0.678


def test_a_given_interval_is_rescaled() -> None:
    """0.58 to 0.70 at 95% is 1.96 standard errors of 0.0306 on each side; at 1.645, the low end is 0.5896."""
    entry = {"value": 0.64, "low": 0.58, "high": 0.70}
    reason = by_country(entry, 1)
    assert reason.values is not None
    surely = reason.values["c0"].surely
    assert surely is not None
    assert round(surely, 4) == Decimal("0.5896")
    ninety = by_country({**entry, "confidence": 0.9}, 1)  # then it is exactly the required interval
    assert ninety.values is not None
    assert ninety.values["c0"].surely is not None
    assert round(ninety.values["c0"].surely, 4) == Decimal("0.58")


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({}, "fail"),
        ({"DE": {"recall": {"value": 0.9, "events": 500}}}, "pass"),
        ({"DE": {"recall": {"value": 0.9, "events": 500}}, "FR": {}}, "fail"),
        ({"DE": {"recall": {"value": 0.9, "events": 500}}, "FR": None}, "fail"),
        ({"DE": {"recall": {"value": 0.9, "events": 500}}, "FR": {"recall": {"value": 0.9, "events": 0}}}, "too-few"),
        ({"DE": {"recall": {"value": 0.9}}}, "fail"),  # there is no confidence interval
    ],
)
def test_a_segment_is_as_good_as_its_worst_value(values: Any, answer: str) -> None:
    assert one(BY_COUNTRY, measured(segments={"country": values})).verdict == answer


def test_a_segment_of_a_metric_without_bounds_needs_an_interval() -> None:
    """The mean of an error does not determine its variance."""
    gate = {"metric": "rmse", "segment": "country", "max": 18}
    for entry, answer in (({"value": 12, "events": 900}, "fail"), ({"value": 12, "low": 11, "high": 13}, "pass")):
        assert one(gate, measured(segments={"country": {"DE": {"rmse": entry}}})).verdict == answer


def test_a_long_list_of_values_is_shortened() -> None:
    words = by_country({"value": 0.1, "events": 500}, 12).words
    assert words.endswith("; and 7 more")


# The published schema matches what the gate accepts

SCHEMA = jsonschema_rs.validator_for(json.loads((ROOT / "runtime" / "metrics.schema.json").read_text()))

NUMBERS = st.one_of(st.integers(-2, 3), st.floats(-2, 2, allow_nan=False), st.just("x"), st.none(), st.booleans())
ENTRIES = st.fixed_dictionaries(
    {"value": NUMBERS},
    optional=dict.fromkeys(("samples", "events", "low", "high", "confidence"), NUMBERS),
)


@given(ENTRIES)
@settings(max_examples=300)
def test_a_file_that_violates_the_schema_never_passes(entry: dict[str, Any]) -> None:
    document = measured(recall=entry)
    if not SCHEMA.is_valid(document):
        assert one({"metric": "recall", "min": -9}, document).verdict == "fail"


@pytest.mark.parametrize(
    "document",
    [
        measured(recall={"value": 0.7}),
        measured(recall={"value": 0.7, "samples": 1, "events": 1, "low": 0.6, "high": 0.8, "confidence": 0.9}),
        measured(segments={"country": {"DE": {"recall": {"value": 0.7, "events": 10}}}}, recall={"value": 1}),
        measured(rivals={"champion": {"recall": {"value": 0.7}}}, recall={"value": 0.7}),
    ],
)
def test_a_file_that_satisfies_the_schema_is_read(document: Any) -> None:
    assert SCHEMA.is_valid(document)
    assert one({"metric": "recall", "min": 0.6}, document).verdict == "pass"


# Hostile configurations

GATE = {"metric": "recall", "min": 0.6}


@pytest.mark.parametrize(
    "change",
    [
        {"evaluation": None},
        {"evaluation": {"gates": 7}},
        {"evaluation": {"gates": [7]}},
        {"evaluation": {"gates": [{"min": 1}]}},
        {"evaluation": {"gates": [{"metric": ["recall"], "min": 1}]}},
        {"evaluation": {"gates": [{"metric": "recall"}]}},
        {"evaluation": {"gates": [{"metric": "recall", "min": "x"}]}},
        {"evaluation": {"gates": [{"metric": "recall", "versus": "unknown"}]}},
        {"evaluation": {"gates": [{"metric": "recall", "versus": ["champion"]}]}},
        {"evaluation": {"gates": [{"metric": "recall", "versus": "champion", "margin": "x"}]}},
        {"evaluation": {"gates": [{**GATE, "minSamples": "many"}]}},
        {"evaluation": {"gates": [{"metric": "recall", "min": "0.9", "versus": "champion"}]}},
        {"evaluation": {"gates": [{"metric": "recall", "versus": "champion", "relative": "true"}]}},
        {"metrics": {"recall": {"direction": "up"}}, "evaluation": {"gates": [GATE]}},
        {"metrics": {"recall": {"direction": "maximize", "max": "1"}}, "evaluation": {"gates": [GATE]}},
        {"evaluation": {"gates": [GATE], "minSamples": None}},
        {"rivals": 7, "evaluation": {"gates": [{"metric": "recall", "versus": "champion"}]}},
        {
            "rivals": {"champion": {"recall": 1e300}},
            "evaluation": {"gates": [{"metric": "recall", "versus": "champion", "margin": 1e300, "relative": True}]},
        },
    ],
    ids=str,
)
def test_a_broken_configuration_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        judge({**config(GATE), **change}, measured(recall={"value": 0.7}))
