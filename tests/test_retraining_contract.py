"""The data contract of a training run: the Pandera schema in its ConfigMap, and mlspec's own `validate` step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .retraining import PLATFORM, SPEC, compiled, environment, objects, plan, spec, steps, told
from .validation import load

STEPS = {name: step for name, step in SPEC["training"]["steps"].items() if name != "validate"}
SOURCE = {
    "name": "payments",
    "ingestion": "batch",
    "uri": "s3://lake/payments",
    "access": "lake",
    "format": "parquet",
    "owner": "payments",
    "version": {"kind": "as-of-run"},
    "volume": {"daily": "2M"},
}
OURS: dict[str, Any] = {"training__steps": STEPS, "data__sources": [SOURCE]}
"""A spec whose only source a pod can read, and which leaves the check to mlspec."""


def columns(tmp_path: Path, *given: dict[str, Any]) -> dict[str, Any]:
    """The columns of the schema of the only source."""
    more = {"name": "event_time", "dtype": "timestamp"}
    labels = {"name": "is_fraud", "dtype": "bool", "available": "after-outcome"}
    made = [{"name": "country", "dtype": "category"}] if all(c["name"] != "country" for c in given) else []
    data = objects(tmp_path, **OURS, data__columns=[more, labels, *made, *given])["ConfigMap"]["data"]
    found: dict[str, Any] = load(data["schema-payments.yaml"])["columns"]
    return found


# The schema


@pytest.mark.parametrize(
    ("column", "body"),
    [
        ({"dtype": "float64", "min": 0, "max": 5}, {"dtype": "float64", "nullable": True, "checks": {
            "greater_than_or_equal_to": 0, "less_than_or_equal_to": 5}}),
        ({"dtype": "int64", "nullable": False}, {"dtype": "int64", "nullable": False}),
        # pandas reads integers with nulls as float64
        ({"dtype": "uint8"}, {"dtype": "UInt8", "nullable": True, "coerce": True}),
        ({"dtype": "bool"}, {"dtype": "boolean", "nullable": True, "coerce": True}),
        ({"dtype": "string", "unique": True}, {"dtype": "str", "nullable": True, "unique": True}),
        # `str_matches` accepts what follows the match
        ({"dtype": "string", "pattern": "a|b"}, {"dtype": "str", "nullable": True, "checks": {
            "str_matches": r"(?:a|b)\Z"}}),
        ({"dtype": "int8", "nullable": False, "values": {"oneOf": ["1", "2"]}},
         {"dtype": "int8", "nullable": False, "checks": {"isin": [1, 2]}}),
        ({"dtype": "bool", "nullable": False, "values": {"oneOf": ["true"]}},
         {"dtype": "bool", "nullable": False, "checks": {"isin": [True]}}),
        ({"dtype": "bfloat16"}, {"nullable": True}),
    ],
)  # fmt: skip
def test_a_column_in_pandera(tmp_path: Path, column: dict[str, Any], body: dict[str, Any]) -> None:
    assert columns(tmp_path, {"name": "x", **column})["x"] == {"required": True, **body}


def test_what_pandera_cannot_say_is_said_in_a_comment(tmp_path: Path) -> None:
    more = [
        {"name": "a", "dtype": "float64", "nullShare": "1%"},
        {"name": "b", "dtype": "string", "values": {"max": 9}},
    ]
    data = objects(tmp_path, **OURS, data__columns=[*SPEC["data"]["columns"], *more])["ConfigMap"]["data"]
    assert data["schema-payments.yaml"].startswith(
        "# Pandera cannot say this in YAML; `mlspec runtime validate` checks it: a.nullShare, b.values.max\n"
    )


def test_each_source_has_a_schema_of_its_own_columns(tmp_path: Path) -> None:
    given = [{**column, "from": "payments"} for column in SPEC["data"]["columns"][:2]]
    given.append({**SPEC["data"]["columns"][2], "from": "chargebacks"})
    data = objects(tmp_path, data__columns=given)["ConfigMap"]["data"]
    assert sorted(data) == ["schema-chargebacks.yaml", "schema-payments.yaml", "training.json"]
    assert list(load(data["schema-chargebacks.yaml"])["columns"]) == ["is_fraud"]


def test_columns_of_no_source_have_no_schema(tmp_path: Path) -> None:
    assert list(objects(tmp_path)["ConfigMap"]["data"]) == ["training.json"]


# The step


def test_the_contract_is_checked_before_the_model_is_trained(tmp_path: Path) -> None:
    made = steps(tmp_path, **OURS)
    assert list(made) == ["validate", "train", "evaluate", "gate", "register"]
    assert made["validate"]["command"] == ["mlspec", "runtime", "validate", "--in-job"]
    assert made["validate"]["image"] == PLATFORM["platform"]["images"]["runtime"]


def test_the_step_has_the_credentials_of_the_sources_and_nothing_of_the_author(tmp_path: Path) -> None:
    own = environment(steps(tmp_path, **OURS)["validate"])
    assert own["AWS_REGION"] == "eu-central-1"
    assert own["MLSPEC_STEP"] == "validate"
    assert not {"LOG_LEVEL", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME"} & set(own)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"training__steps": SPEC["training"]["steps"]}, "the spec has its own `validate` step"),
        ({"data__columns": []}, "the spec has no data contract"),
        (
            {"data__sources": [{**SOURCE, "format": "avro"}]},
            "a pod can read none of the sources that the contract describes",
        ),
        (
            {"data__sources": [{**SOURCE, "uri": "kafka://broker:9093/payments"}]},
            "a pod can read none of the sources that the contract describes",
        ),
        ({"training__steps": {**STEPS, "contract": False}}, ""),
    ],
)
def test_the_step_is_not_added_where_it_would_surprise(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    given = {**OURS, **changes}
    if "data__columns" in changes:
        given["data__labels"] = given["data__split"] = None
    decided = plan(tmp_path, **given).checks_contract
    assert (decided.value, decided.reason) == (False, why)


def test_without_the_image_a_run_works_as_before(tmp_path: Path) -> None:
    made = compiled(tmp_path, spec(**{**OURS, "evaluation": None, "training__steps": {"train": STEPS["train"]}}), None)
    assert told(made) == []
    decided = made.environments[0].plan.training
    assert decided is not None
    assert decided.checks_contract.reason == "`platform.images.runtime`, which runs the check, is not set"


def test_asking_for_the_step_without_the_image_is_an_error(tmp_path: Path) -> None:
    given = spec(**OURS, evaluation=None)
    given["training"]["steps"] = {"train": STEPS["train"], "contract": True}
    (found,) = told(compiled(tmp_path, given, None))
    assert found == "MLS035: the check of the data contract needs mlspec's own image"


def test_two_steps_of_one_name_are_an_error(tmp_path: Path) -> None:
    (found,) = told(compiled(tmp_path, spec(training__steps={**SPEC["training"]["steps"], "contract": True})))
    assert found == "MLS012: `contract: true` adds a step `validate`, and the spec has its own"


@pytest.mark.parametrize("contract", [True, False])
def test_saying_it_has_an_effect(tmp_path: Path, contract: bool) -> None:
    """Also `false`, which leaves nothing in the output that could cite it."""
    given = {**OURS, "training__steps": {**STEPS, "contract": contract}}
    assert [found for found in compiled(tmp_path, spec(**given)).found if "contract" in found.message] == []
    assert ("validate" in steps(tmp_path, **given)) == contract


def test_asking_for_the_step_without_a_source_that_it_can_read_is_an_error(tmp_path: Path) -> None:
    given = spec(**{**OURS, "data__sources": [{**SOURCE, "format": "avro"}]})
    given["training"]["steps"] = {**STEPS, "contract": True}
    (found,) = told(compiled(tmp_path, given))
    assert found == "MLS012: `contract: true` adds a step that could check nothing"
