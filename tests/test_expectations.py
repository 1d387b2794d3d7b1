"""Expectations of columns: which contradict their type, and how listed values are compared with those of a column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlspec.runtime.measure.columns import reading
from mlspec.runtime.measure.expectations import Checked

from .rules import findings

COLUMN = "data: {columns: [{name: part, %s}]}\n"


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("dtype: string, min: 1", "a `string` has no `min`"),
        ("dtype: category, max: 1", "a `category` has no `max`"),
        ("dtype: timestamp, min: 1", "a `timestamp` has no `min`"),
        ("dtype: bool, max: 1", "a `bool` has no `max`"),
        ("dtype: int8, values: {oneOf: [a]}", "no `int8` is `a`"),
        ("dtype: int8, values: {oneOf: [1, 2.0]}", "no `int8` is `2.0`"),
        ("dtype: uint8, values: {oneOf: [007]}", "no `uint8` is `007`"),
        ("dtype: float32, values: {oneOf: [0.5, high]}", "no `float32` is `high`"),
        ("dtype: bool, values: {oneOf: [yes]}", "no `bool` is `yes`"),
        ("dtype: string, nullable: false, nullShare: 5%", "`nullShare: 5%` contradicts `nullable: false`"),
        ("dtype: string, values: {oneOf: [a, b, c], max: 2}", "`oneOf` lists 3 values, and `max` allows 2"),
    ],
)
def test_trap_a_contract_that_no_data_meets_stops_every_run(column: str, said: str, tmp_path: Path) -> None:
    assert [found.message for found in findings(tmp_path, "MLS115", COLUMN % column)] == [said]


@pytest.mark.parametrize(
    "column",
    [
        "dtype: float64, min: 0, max: 1",
        "dtype: uint8, min: 0, values: {oneOf: [0, 1, 12]}",
        "dtype: int64, values: {oneOf: [-1, 1]}",
        "dtype: float32, values: {oneOf: [0.5, 1.0, -1e3]}",
        "dtype: bool, values: {oneOf: [true]}",
        "dtype: category, values: {oneOf: [1, b], max: 2}",
        "dtype: string, pattern: '[0-9]+', nullable: false, nullShare: 0%",
        "dtype: string, nullShare: 5%",
        "dtype: string, values: {max: 1}",
    ],
)
def test_a_contract_that_data_can_meet(column: str, tmp_path: Path) -> None:
    assert findings(tmp_path, "MLS115", COLUMN % column) == []


@pytest.mark.parametrize(
    ("dtype", "listed", "values", "wrong"),
    [
        ("float64", ["0.5", "1.0"], pa.array([0.5, 1.0, 1.5]), 1),
        ("float32", ["0.1", "2"], pa.array([0.1, 2.0, 0.2], pa.float32()), 1),
        ("int64", ["1", "2"], pa.array([1, 2, 3]), 1),
        ("bool", ["true"], pa.array([True, True, False]), 1),
        ("string", ["1.0"], pa.array(["1.0", "1"]), 1),
    ],
)
def test_trap_a_listed_number_is_written_otherwise_than_that_of_a_column(
    dtype: str, listed: list[str], values: Any, wrong: int
) -> None:
    column = Checked({"name": "part", "dtype": dtype, "values": {"oneOf": listed}})
    column.add(reading(values), there=True)
    assert column.broken.get("values.oneOf", 0) == wrong
