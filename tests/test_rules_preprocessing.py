"""Preprocessing that cannot be fitted: what the rules refuse fails in the library, and what they accept does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.data.prepare import fit

from .rules import laid_over
from .support import dumped

COLUMNS = [
    {"name": "amount", "dtype": "float64"},
    {"name": "code", "dtype": "category", "values": {"oneOf": ["1", "2", "3"]}},
    {"name": "country", "dtype": "category", "values": {"max": 250}},
    {"name": "seen_at", "dtype": "timestamp"},
    {"name": "units", "dtype": "float64"},
]
TABLE = pa.table(
    {
        "amount": [1.0, 2.0, None, 4.0],
        "code": pa.array([1, 2, 3, 1], pa.int8()),
        "country": ["de", "fr", None, "de"],
        "seen_at": pa.array([1, 2, 3, 4], pa.timestamp("s")),
        "units": [1.0, 0.0, 1.0, 0.0],
    }
)


def found(tmp_path: Path, steps: list[dict[str, Any]], **data: object) -> list[str]:
    over = dumped({"data": {"columns": COLUMNS, "preprocessing": steps, **data}})
    return [f"{one.id} {one.message}" for one in laid_over(tmp_path, over) if one.id in ("MLS110", "MLS112")]


def fitted(steps: list[dict[str, Any]]) -> None:
    fit({"data": {"preprocessing": steps}}, TABLE, np.ones(4, dtype=np.bool_))


UNFIT: dict[str, list[dict[str, Any]]] = {
    "`median` needs numbers, and `country` is a category": [{"step": "impute", "columns": ["amount", "country"]}],
    "`constant` needs numbers, and `country` is a category": [
        {"step": "impute", "columns": ["country"], "strategy": "constant", "value": 0}
    ],
    "`constant` has no `value`": [{"step": "impute", "columns": ["amount"], "strategy": "constant"}],
    "`scale` needs numbers, and `country` is a category": [{"step": "scale", "columns": ["country"]}],
    "`scale` needs numbers, and `seen_at` is a timestamp": [{"step": "scale", "columns": ["seen_at"]}],
    "`clip` needs numbers, and `country` is a category": [{"step": "clip", "columns": ["country"], "min": 0}],
    "`quantiles` of `clip` are not a lower one and an upper one": [
        {"step": "clip", "columns": ["amount"], "quantiles": [0.99]}
    ],
    "`quantiles` of `clip` are not a lower one and an upper one ": [
        {"step": "clip", "columns": ["amount"], "quantiles": [0.01, 1.2]}
    ],
    "`scale` names no columns": [{"step": "scale", "columns": []}],
    "the target encoding has no labels to learn from": [{"step": "encode", "columns": ["country"], "method": "target"}],
    "`impute` needs `country`, which `one-hot` has replaced with a column for each value": [
        {"step": "encode", "columns": ["country"]},
        {"step": "impute", "columns": ["country"], "strategy": "mode"},
    ],
}


def written(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps as a spec has them: with percentages, and without an empty list."""
    made = [{**one, "columns": one["columns"]} if one["columns"] else {"step": one["step"]} for one in steps]
    return [
        {**one, "quantiles": [f"{100 * q:g}%" for q in one["quantiles"]]} if "quantiles" in one else one for one in made
    ]


@pytest.mark.parametrize("message", UNFIT)
def test_trap_a_step_that_fails_in_every_run(message: str, tmp_path: Path) -> None:
    assert found(tmp_path, written(UNFIT[message])) == [f"MLS110 {message.rstrip()}"]
    with pytest.raises((ValueError, Unreadable)):
        fitted(UNFIT[message])


RIGHT: list[list[dict[str, Any]]] = [
    [{"step": "impute", "columns": ["country"], "strategy": "mode"}, {"step": "encode", "columns": ["country"]}],
    [{"step": "encode", "columns": ["country"], "method": "ordinal"}, {"step": "scale", "columns": ["country"]}],
    [{"step": "scale", "columns": ["code", "amount"]}, {"step": "clip", "columns": ["amount"], "min": -3, "max": 3}],
    [{"step": "clip", "columns": ["amount"], "quantiles": [0.01, 0.99]}],
    [{"step": "impute", "columns": ["amount"], "strategy": "constant", "value": 0}],
]


@pytest.mark.parametrize("steps", RIGHT)
def test_a_step_that_can_be_fitted_is_no_finding(steps: list[dict[str, Any]], tmp_path: Path) -> None:
    assert found(tmp_path, written(steps)) == []
    fitted(steps)


def test_trap_a_clip_without_a_range_does_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, [{"step": "clip", "columns": ["amount"]}]) == ["MLS110 `clip` has no range"]


@pytest.mark.parametrize(
    ("step", "messages"),
    [
        ({"strategy": "mean"}, ["MLS112 `impute` makes up the missing labels in `units`"]),
        ({"strategy": "constant", "value": 0}, []),
    ],
)
def test_trap_missing_labels_that_are_made_up(step: dict[str, Any], messages: list[str], tmp_path: Path) -> None:
    """A missing value may have a meaning, such as a day without a sale, so a constant is no finding."""
    steps = [{"step": "impute", "columns": ["units"], **step}]
    assert found(tmp_path, steps, labels={"column": "units"}) == messages
