"""Preprocessing: fitted once, and the same in training and in serving to the last bit."""

from __future__ import annotations

import ast
import json
import math
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.data import prepared
from mlspec.runtime.data.prepare import Fitted, distinct_rows, fit, fit_transform

from .support import ROOT


def config(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"seed": 17, "data": {"preprocessing": list(steps)}}


def fitted(step: dict[str, Any], values: Any, labels: Any = None) -> dict[str, Any]:
    made = fit(config({**step, "columns": ["x"]}), {"x": values}, np.ones(len(values), dtype=bool), labels)
    columns: dict[str, Any] = made.document["steps"][0]["columns"]["x"]
    return columns


# What each step learns, worked by hand


@pytest.mark.parametrize(
    ("step", "values", "learned"),
    [
        ({"step": "impute", "strategy": "mean"}, [1.0, 2.0, None, 6.0], {"fill": 3.0}),
        ({"step": "impute", "strategy": "median"}, [1.0, 2.0, float("nan"), 6.0, 7.0], {"fill": 4.0}),
        ({"step": "impute", "strategy": "mode"}, [2.0, 1.0, 2.0, 1.0], {"fill": 1.0}),  # a tie: the smaller one
        ({"step": "impute", "strategy": "mode"}, ["b", "a", "b", None], {"fill": "b"}),
        ({"step": "impute", "strategy": "constant", "value": -1}, [2.0], {"fill": -1.0}),
        ({"step": "impute"}, [1.0, float("inf"), 2.0], {"fill": 1.5}),  # an infinity would make every mean one
        ({"step": "clip", "quantiles": [0.25, 0.75]}, [0.0, 1.0, 2.0, 3.0, 4.0], {"low": 1.0, "high": 3.0}),
        ({"step": "clip", "min": 0}, [-5.0, 5.0], {"low": 0.0, "high": None}),
        ({"step": "clip", "quantiles": [0, 1], "max": 3}, [0.0, 4.0], {"low": 0.0, "high": 3.0}),
        ({"step": "scale"}, [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], {"center": 5.0, "scale": 2.0}),
        ({"step": "scale", "method": "min-max"}, [3.0, 5.0, 11.0], {"center": 3.0, "scale": 8.0}),
        ({"step": "scale", "method": "robust"}, [0.0, 1.0, 2.0, 3.0, 100.0], {"center": 2.0, "scale": 2.0}),
        ({"step": "scale"}, [7.0, 7.0], {"center": 7.0, "scale": 1.0}),  # a constant becomes 0, not a division by it
        ({"step": "scale"}, [0.1] * 3, {"center": 0.1, "scale": 1.0}),
        ({"step": "encode"}, ["b", None, "a"], {"values": ["a", "b"]}),
        ({"step": "encode", "method": "ordinal"}, [10, 9, None, 10], {"positions": {"9": 0, "10": 1}}),
        ({"step": "encode"}, [True, False], {"values": ["0", "1"]}),
        ({"step": "encode", "method": "hash"}, ["a"], {"buckets": 1024}),
    ],
)
def test_what_a_step_learns(step: dict[str, Any], values: list[Any], learned: dict[str, Any]) -> None:
    assert fitted(step, values) == learned


def test_a_target_encoding_is_pulled_toward_the_mean_of_all_rows() -> None:
    # 20 rows of `a`, all positive, and 20 of `b`, none: the mean is 0.5, and 20 rows weigh as much as the prior
    learned = fitted({"step": "encode", "method": "target"}, ["a"] * 20 + ["b"] * 20, [True] * 20 + [False] * 20)
    assert learned == {"mean": 0.5, "means": {"a": 0.75, "b": 0.25}}


def test_a_training_row_does_not_see_its_own_label_in_a_target_encoding() -> None:
    """With one row per category, its own label would be in its encoding; out of fold, nothing but the mean is."""
    rows = 200
    names, labels = [f"c{n}" for n in range(rows)], [n % 2 == 0 for n in range(rows)]
    step = {"step": "encode", "method": "target", "columns": ["x"]}
    train = np.arange(rows) < 150
    made, features = fit_transform(config(step), {"x": names}, train, labels)
    for label in (True, False):
        own = features["x"][train & (np.array(labels) == label)]
        assert set(np.round(own, 12)) <= set(np.round(features["x"][train & (np.array(labels) != label)], 12))
    leaky = made.apply({"x": names})["x"][train]
    assert leaky[0] > leaky[1]  # which is why serving's own encoding is not used for training rows
    np.testing.assert_array_equal(features["x"][~train], made.apply({"x": names})["x"][~train])


def test_a_step_is_fitted_on_training_rows_unless_the_spec_says_all() -> None:
    step = {"step": "scale", "method": "min-max", "columns": ["x"]}
    table, train = {"x": [0.0, 1.0, 9.0]}, np.array([True, True, False])
    learned = [
        fit(config({**step, "fitOn": rows}), table, train).document["steps"][0]["columns"]["x"]["scale"]
        for rows in ("train", "all")
    ]
    assert learned == [1.0, 9.0]


def test_a_step_is_fitted_on_what_the_steps_before_it_made() -> None:
    steps: list[dict[str, Any]] = [
        {"step": "impute", "columns": ["x"], "strategy": "constant", "value": 100},
        {"step": "clip", "columns": ["x"], "max": 10},
        {"step": "scale", "columns": ["x"], "method": "min-max"},
    ]
    made = fit(config(*steps), {"x": [0.0, None, 5.0]}, np.ones(3, dtype=bool))
    assert made.apply({"x": [None, 5.0]})["x"].tolist() == [1.0, 0.5]


def test_duplicates_are_dropped_before_the_split() -> None:
    table = {"a": ["x", "x", "y", None, None], "b": [1, 1, 1, 2, 2]}
    everything = config({"step": "deduplicate", "columns": []})
    assert distinct_rows(everything, table).tolist() == [True, False, True, True, False]
    assert distinct_rows(config({"step": "deduplicate", "columns": ["b"]}), table).tolist() == [True] + [False] * 2 + [
        True,
        False,
    ]
    assert distinct_rows(config(), table).all()


# Training and serving agree

FLOATS = st.one_of(st.none(), st.floats(), st.sampled_from([0.0, -0.0, -1.0, 1e308, 5e-324, 0.1, 3.0]))
TEXTS = st.one_of(st.none(), st.text(max_size=4), st.sampled_from(["DE", "AT", "NaN", "None", "1", ""]))
INTEGERS = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
NUMERIC: list[dict[str, Any]] = [
    {"step": "impute", "strategy": "mean"},
    {"step": "impute", "strategy": "median"},
    {"step": "impute", "strategy": "mode"},
    {"step": "impute", "strategy": "constant", "value": -0.5},
    {"step": "clip", "quantiles": [0.05, 0.95]},
    {"step": "clip", "min": 0.0},
    {"step": "scale"},
    {"step": "scale", "method": "min-max"},
    {"step": "scale", "method": "robust"},
    {"step": "scale", "method": "log"},
]
CATEGORIES: list[dict[str, Any]] = [
    {"step": "encode"},
    {"step": "encode", "method": "ordinal"},
    {"step": "encode", "method": "target"},
    {"step": "encode", "method": "hash"},
]


def bits(value: Any) -> bytes:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return b"missing"
    return struct.pack("<d", value) if isinstance(value, float) else repr(value).encode()


def agree(made: Fitted, table: dict[str, pa.Array]) -> None:
    batch = made.apply(table)
    rows = len(next(iter(table.values())))
    for index in range(rows):
        one = made.one({name: values[index].as_py() for name, values in table.items()})
        assert set(one) == set(batch)
        for name, values in batch.items():
            assert bits(one[name]) == bits(values[index : index + 1].tolist()[0]), (name, index)


@settings(max_examples=150, deadline=None)
@given(
    seen=st.lists(st.tuples(FLOATS, TEXTS, INTEGERS), min_size=1, max_size=12),
    sent=st.lists(st.tuples(FLOATS, TEXTS, INTEGERS), min_size=1, max_size=12),
    numeric=st.lists(st.sampled_from(NUMERIC), max_size=4),
    category=st.sampled_from(CATEGORIES),
    whole=st.sampled_from([*NUMERIC, *CATEGORIES]),
)
def test_a_table_and_a_single_request_agree_to_the_last_bit(
    seen: list[Any], sent: list[Any], numeric: list[Any], category: Any, whole: Any
) -> None:
    """On missing values, NaN, infinities, unseen categories, and whole numbers beyond 2^53."""

    def table(rows: list[Any]) -> dict[str, pa.Array]:
        number, text, integer = zip(*rows, strict=True)
        return {
            "x": pa.array(number, pa.float64()),
            "c": pa.array(text, pa.string()),
            "n": pa.array(integer, pa.int64()),
            "untouched": pa.array(text, pa.string()),
        }

    steps = [{**step, "columns": ["x"]} for step in numeric]
    steps += [{**category, "columns": ["c"]}, {**whole, "columns": ["n"]}]
    train, labels = np.ones(len(seen), dtype=bool), [index % 2 for index in range(len(seen))]
    try:
        made = fit(config(*steps), table(seen), train, labels)
    except ValueError:  # for example no finite value to take the mean of
        return
    agree(made, table(sent))


def test_the_property_above_is_not_vacuous() -> None:
    """Nearly all steps can be fitted on ordinary rows, so agreement is checked and not skipped."""
    rows = 500
    random = np.random.default_rng(7)
    table = {
        "x": pa.array(random.lognormal(0, 3, rows)),
        "c": pa.array([["a", "b", None][n] for n in random.integers(0, 3, rows)]),
    }
    labels = random.integers(0, 2, rows)
    for step in NUMERIC:
        agree(fit(config({**step, "columns": ["x"]}), table, np.ones(rows, dtype=bool)), table)
    for step in CATEGORIES:
        agree(fit(config({**step, "columns": ["c"]}), table, np.ones(rows, dtype=bool), labels), table)


def test_numpy_rounds_logarithms_differently_than_the_c_library_so_neither_form_uses_it() -> None:
    values = np.random.default_rng(3).lognormal(0, 4, 20_000)
    batch = fit(
        config({"step": "scale", "method": "log", "columns": ["x"]}), {"x": values}, np.ones(20_000, dtype=bool)
    )
    assert batch.apply({"x": values})["x"].tolist() == [math.log1p(value) for value in values.tolist()]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"x": "12"}, "`x` is str, and was a number in training"),
        ({"x": 10**400}, "`x` is too large for a double"),
        ({"x": [1]}, "`x` is list, and was a number in training"),
        ({"x": 1.0, "c": 3}, "`c` is int, and was text in training"),
    ],
)
def test_a_request_with_a_wrong_kind_of_value_is_refused(request_: dict[str, Any], words: str) -> None:
    steps = [{"step": "scale", "columns": ["x"]}, {"step": "encode", "columns": ["c"]}]
    made = fit(config(*steps), {"x": [1.0, 2.0], "c": ["a", "b"]}, np.ones(2, dtype=bool))
    with pytest.raises(ValueError, match=words):
        made.one(request_)


# The file


def test_a_second_fit_writes_the_same_bytes_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    values, names = random.lognormal(0, 2, 1000), random.choice(["a", "b", "c"], 1000)
    steps = [{"step": "scale", "columns": ["x"]}, {"step": "encode", "columns": ["c"]}]
    for name, order in (("one", np.arange(1000)), ("two", random.permutation(1000))):
        table = {"x": values[order], "c": names[order].tolist()}
        fit(config(*steps), table, np.ones(1000, dtype=bool)).write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_changed_file_is_not_served(tmp_path: Path) -> None:
    made = fit(config({"step": "scale", "columns": ["x"]}), {"x": [1.0, 3.0]}, np.ones(2, dtype=bool))
    path = tmp_path / "preprocessing.json"
    made.write(path)
    assert prepared.load(str(path))({"x": 3.0}) == {"x": 1.0}
    changed = json.loads(path.read_text())
    changed["steps"][0]["columns"]["x"]["center"] = 0.0
    path.write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="does not match its digest"):
        prepared.load(str(path))


def test_serving_needs_one_file_and_the_standard_library(tmp_path: Path) -> None:
    source = ROOT / "runtime" / "data" / "prepared.py"
    imports = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    }
    assert {str(name).partition(".")[0] for name in imports} <= set(sys.stdlib_module_names) | {"__future__"}
    made = fit(config({"step": "scale", "columns": ["x"]}), {"x": [1.0, 3.0]}, np.ones(2, dtype=bool))
    made.write(tmp_path / "preprocessing.json")
    (tmp_path / "prepared.py").write_bytes(source.read_bytes())
    code = "from prepared import load; print(load('preprocessing.json')({'x': 3}))"
    run = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout == "{'x': 1.0}\n"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"step": "tokenize", "columns": ["x"], "tokenizer": "t"}, "`tokenize` needs a tokenizer.*your training code"),
        ({"step": "resize", "columns": ["x"]}, "`resize` needs an image library"),
        ({"step": "custom", "columns": ["x"], "code": "a.b"}, "`custom` needs your own function"),
        ({"step": "whiten", "columns": ["x"]}, "unknown preprocessing step whiten"),
        ({"step": "scale", "columns": []}, "`scale` names no columns"),
    ],
)
def test_a_step_that_the_library_does_not_do_is_refused_by_name(step: dict[str, Any], words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        fit(config(step), {"x": [1.0]}, np.ones(1, dtype=bool))


@pytest.mark.parametrize(
    ("step", "values", "words"),
    [
        ({"step": "scale"}, ["a"], "`scale` needs numbers, and the column x is text"),
        ({"step": "impute"}, [None, float("inf")], "the column x has no finite value"),
        ({"step": "encode", "method": "target"}, ["a"], "the target encoding of x needs `labels`"),
        ({"step": "scale"}, [1e308, -1e308], "the values of x are too large"),
        ({"step": "impute", "strategy": "constant"}, [1.0], "no `value`"),
    ],
)
def test_a_step_that_cannot_be_fitted_says_why(step: dict[str, Any], values: list[Any], words: str) -> None:
    table = {"x": pa.array(values, pa.string() if isinstance(values[0], str) else pa.float64())}
    with pytest.raises(ValueError, match=words):
        fit(config({**step, "columns": ["x"]}), table, np.ones(len(values), dtype=bool))
