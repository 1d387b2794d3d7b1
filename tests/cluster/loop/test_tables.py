"""The data contract against the real Pandera, and splits and preprocessing against the real scikit-learn."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlspec.runtime.data.prepare import fit
from mlspec.runtime.data.split import folds
from mlspec.runtime.data.validate import Files, validate

from ...retraining import objects
from ..environments import environment
from ..proof import Proof

TITLE = "Data"
COLUMNS = ("compared with", "what", "seen")

REQUIREMENTS = Path(__file__).parent / "requirements" / "tables.txt"

PANDERA = """
import json, sys
import pandas as pd
import pandera.pandas
from pandera.errors import SchemaErrors
from pandera.io.pandas_io import from_yaml
answers = []
for schema, data in json.load(sys.stdin):
    try:
        from_yaml(schema).validate(pd.read_parquet(data), lazy=True)
        answers.append([])
    except SchemaErrors as found:
        cases = found.failure_cases
        rows = [[str(c), str(k), None if pd.isna(i) else int(i)]
                for c, k, i in zip(cases["column"], cases["check"], cases["index"])]
        # the cases of duplicates leave out rows without a value, and may be empty
        twice = [[error.schema.name, "field_uniqueness", None] for error in found.schema_errors
                 if error.reason_code.name == "SERIES_CONTAINS_DUPLICATES"]
        answers.append(rows + twice)
print(json.dumps(answers))
"""

SKLEARN = """
import json, sys
import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.model_selection import TimeSeriesSplit
from sklearn.preprocessing import (
    MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler, TargetEncoder)
given = json.load(sys.stdin)
x, sent = (np.array([[np.nan if v is None else v] for v in given[k]], dtype=float) for k in ("x", "x_sent"))
full, full_sent = x[~np.isnan(x)].reshape(-1, 1), sent[~np.isnan(sent)].reshape(-1, 1)
c, c_sent = (np.array([[v] for v in given[k]], dtype=object) for k in ("c", "c_sent"))
y = np.array(given["y"])
made = {}
for name in ("mean", "median", "most_frequent"):
    made[name] = SimpleImputer(strategy=name).fit(x).transform(sent)
for name, scaler in (("standard", StandardScaler()), ("min-max", MinMaxScaler()), ("robust", RobustScaler())):
    made[name] = scaler.fit(full).transform(full_sent)
made["ordinal"] = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(c).transform(c_sent)
made["one-hot"] = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(c).transform(c_sent)
made["target"] = TargetEncoder(smooth=20.0, target_type="continuous").fit(c, y).transform(c_sent)
answers = {name: values.tolist() for name, values in made.items()}
answers["folds"] = [[a.tolist(), b.tolist()] for a, b in TimeSeriesSplit(4, gap=given["gap"]).split(np.arange(100))]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def tables() -> Path:
    """The folder of programs of the environment with Pandera and scikit-learn."""
    return environment("loop-tables", REQUIREMENTS) / "bin"


def asked(tables: Path, script: str, given: Any) -> Any:
    done = subprocess.run(
        [str(tables / "python"), "-c", script], input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Pandera

CONTRACT: list[dict[str, Any]] = [
    {"name": "event_time", "dtype": "timestamp", "nullable": False},
    {"name": "country", "dtype": "category", "values": {"oneOf": ["DE", "AT", "FR"]}},
    {"name": "is_fraud", "dtype": "bool", "available": "after-outcome"},
    {"name": "id", "dtype": "string", "unique": True, "nullable": False, "pattern": "[a-z]+-[0-9]{1,4}|none"},
    {"name": "amount", "dtype": "float64", "nullable": False, "min": 0, "max": 1000},
    {"name": "score", "dtype": "float32", "min": -1},
    {"name": "count", "dtype": "int64", "min": 1, "max": 9},
    {"name": "level", "dtype": "int16", "nullable": False, "values": {"oneOf": ["1", "2", "3"]}},
    {"name": "active", "dtype": "bool", "nullable": False},
    {"name": "day", "dtype": "date"},
]
SOURCE = {
    "name": "payments",
    "ingestion": "batch",
    "uri": "s3://lake/payments",
    "access": "lake",
    "format": "parquet",
    "owner": "payments",
    "version": {"kind": "as-of-run"},
}
TYPES = {
    "event_time": pa.timestamp("us", "UTC"),
    "country": pa.string(),
    "is_fraud": pa.bool_(),
    "id": pa.string(),
    "amount": pa.float64(),
    "score": pa.float32(),
    "count": pa.int64(),
    "level": pa.int16(),
    "active": pa.bool_(),
    "day": pa.date32(),
}
GOOD: dict[str, list[Any]] = {
    "event_time": [1_764_000_000_000_000, 0, -1],
    "country": ["DE", "AT", "FR", None],
    "is_fraud": [True, False, None],
    "amount": [0.0, -0.0, 1.5, 1000.0],
    "score": [-1.0, 3.5, None, float("inf")],
    "count": [1, 5, 9, None],
    "level": [1, 2, 3],
    "active": [True, False],
    "day": [20_000, None, 0],
}
BAD: dict[str, list[Any]] = {
    "event_time": [None],
    "country": ["XX", "de", ""],
    "amount": [-0.001, 1000.5, None, float("nan"), float("inf"), float("-inf")],
    "score": [-1.5, float("-inf")],
    "count": [0, 10],
    "level": [4, 0],
}
IDS = ["none", "NONE", "a-12345", "a-1\n", "x a-1", "a-1", "b-1", None]

KINDS = {
    "not_nullable": "nullable",
    "field_uniqueness": "unique",
    "greater_than_or_equal_to": "min",
    "less_than_or_equal_to": "max",
    "str_matches": "pattern",
    "isin": "values.oneOf",
}
"""The checks of Pandera, and the fields of the spec that they come from."""


def generated(seed: int) -> pa.Table:
    """A table of some rows. Every third one has nothing wrong in it."""
    random = np.random.default_rng(seed)
    rows = int(random.integers(1, 40))
    columns: dict[str, list[Any]] = {"id": [f"r-{n}" for n in range(rows)]}
    for name, values in GOOD.items():
        columns[name] = [values[n] for n in random.integers(0, len(values), rows)]
    if seed % 3:
        for name in random.choice([*BAD, "id"], int(random.integers(1, 4)), replace=False):
            for row in random.integers(0, rows, int(random.integers(1, 5))):
                choice = IDS if name == "id" else BAD[name]
                columns[name][row] = choice[int(random.integers(0, len(choice)))]
    return pa.table({name: pa.array(columns[name], TYPES[name], from_pandas=False) for name in TYPES})


def ours(folder: Path, data: Path) -> Counter[tuple[str, str]]:
    """How many rows violate each expectation, by column and field, in mlspec's own check."""
    config = {"data": {"columns": CONTRACT, "sources": [{**SOURCE, "uri": str(data)}]}}
    (folder / "training.json").write_text(json.dumps(config))
    with contextlib.redirect_stdout(io.StringIO()):
        status = validate(Files(config=folder / "training.json", output=folder, at=2e9))
    written = json.loads((folder / "validation.json").read_text())
    found = written["sources"]["payments"]["violations"]
    assert status == (42 if found else 0)
    return Counter({(v.get("column", ""), v["expectation"]): v.get("rows", 0) for v in found})


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schema that mlspec emits for the contract."""
    folder = tmp_path_factory.mktemp("schema")
    steps = {"train": {"command": ["python", "-m", "fraud.train"]}}
    made = objects(
        folder,
        data__sources=[SOURCE],
        data__columns=CONTRACT,
        training__steps=steps,
        evaluation=None,
        data__preprocessing=[],
    )
    path = folder / "schema.yaml"
    path.write_text(made["ConfigMap"]["data"]["schema-payments.yaml"])
    return path


def test_the_schema_fails_exactly_the_rows_that_the_contract_refuses(
    tables: Path, schema: Path, tmp_path: Path, proof: Proof
) -> None:
    given = []
    for seed in range(150):
        path = tmp_path / f"{seed}.parquet"
        pq.write_table(generated(seed), path)
        given.append((str(schema), str(path)))
    bad = 0
    for (_, path_), cases in zip(given, asked(tables, PANDERA, given), strict=True):
        named = [(column, KINDS[check.partition("(")[0]], row) for column, check, row in cases]
        theirs = Counter((column, field) for column, field, row in named if row is not None)
        found = ours(tmp_path, Path(path_))
        assert {(column, field) for column, field, _ in named} == set(found), path_
        if ("id", "unique") in found and found["id", "nullable"] > 1:
            theirs["id", "unique"] += found["id", "nullable"]  # Pandera fails, and does not list these rows
        for key in found:
            assert theirs[key] == found[key], (path_, key)
        bad += bool(found)
    assert 60 < bad < 120
    proof.row(TITLE, COLUMNS, "Pandera", "150 generated tables", f"{bad} refused by both, for the same rows")


@pytest.mark.parametrize(
    ("column", "values", "theirs"),
    [
        ("amount", pa.array([1.0], pa.float32()), False),
        ("amount", pa.array(["1.0"]), False),
        ("level", pa.array([1], pa.int64()), False),
        ("id", pa.array([b"a-1"]), False),
        ("active", pa.array([1], pa.int8()), False),
        # for a column that may have nulls, Pandera has to convert, and converts what mlspec refuses
        ("count", pa.array(["5"]), True),
        ("count", pa.array([5], pa.int32()), True),
        ("is_fraud", pa.array([1], pa.int8()), True),
    ],
)
def test_a_retyped_column(
    tables: Path, schema: Path, tmp_path: Path, column: str, values: pa.Array, theirs: bool
) -> None:
    table = generated(0).slice(0, 1)
    path = tmp_path / "rows.parquet"
    pq.write_table(table.set_column(table.schema.get_field_index(column), column, values), path)
    assert ours(tmp_path, path)[column, "dtype"] == 0
    assert (column, "dtype") in ours(tmp_path, path)
    assert (asked(tables, PANDERA, [(str(schema), str(path))]) == [[]]) == theirs


@pytest.mark.parametrize(("seed", "status"), [(0, 0), (1, 1)])
def test_the_command_line_of_pandera_reads_the_schema(
    tables: Path, schema: Path, tmp_path: Path, seed: int, status: int, proof: Proof
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(generated(seed), path)
    done = subprocess.run(
        [str(tables / "pandera"), "validate", "-s", str(schema), "-d", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert bool(ours(tmp_path, path)) == bool(status)
    proof.row(TITLE, COLUMNS, "pandera validate", f"table {seed}", f"exit status {done.returncode}")


def test_a_column_that_is_missing(tables: Path, schema: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(generated(0).drop_columns(["day"]), path)
    assert ("day", "name") in ours(tmp_path, path)
    assert asked(tables, PANDERA, [(str(schema), str(path))]) != [[]]


# scikit-learn


def test_preprocessing_and_folds_agree_with_scikit_learn(tables: Path, proof: Proof) -> None:
    random = np.random.default_rng(5)
    rows = 400
    x = [None if random.random() < 0.1 else round(float(v), 1) for v in random.lognormal(1, 1, rows)]
    x_sent = [None, *(float(v) for v in random.lognormal(1, 2, 50))]
    c = random.choice(["a", "b", "cc", "D"], rows, p=[0.5, 0.3, 0.19, 0.01]).tolist()
    c_sent = ["a", "b", "cc", "D", "unseen", ""]
    y = random.integers(0, 2, rows).astype(float).tolist()
    told = asked(tables, SKLEARN, {"x": x, "x_sent": x_sent, "c": c, "c_sent": c_sent, "y": y, "gap": 3})
    train = np.ones(rows, dtype=bool)

    def features(step: dict[str, Any], given: list[Any], sent: list[Any]) -> Any:
        config = {"seed": 1, "data": {"preprocessing": [{**step, "columns": ["v"]}]}}
        text = isinstance(given[0], str)
        kind = pa.string() if text else pa.float64()
        fitted = fit(config, {"v": pa.array(given, kind)}, train[: len(given)], y)
        made = fitted.apply({"v": pa.array(sent, kind)})
        return np.column_stack(list(made.values()))

    for ours_, theirs in (("mean", "mean"), ("median", "median"), ("mode", "most_frequent")):
        made = features({"step": "impute", "strategy": ours_}, x, x_sent)
        np.testing.assert_allclose(made, told[theirs], rtol=1e-13)
    full, full_sent = ([v for v in values if v is not None] for values in (x, x_sent))
    for method in ("standard", "min-max", "robust"):
        made = features({"step": "scale", "method": method}, full, full_sent)
        np.testing.assert_allclose(made, told[method], rtol=1e-11, atol=1e-12)
    for method in ("ordinal", "one-hot"):
        np.testing.assert_array_equal(features({"step": "encode", "method": method}, c, c_sent), told[method])
    np.testing.assert_allclose(features({"step": "encode", "method": "target"}, c, c_sent), told["target"], rtol=1e-12)
    # scikit-learn counts a gap in rows. With one row per second, the 3 rows before a block are less than 3 s before it
    forward = {
        "data": {"split": {"strategy": "temporal", "column": "at", "gap": 3}},
        "training": {"crossValidation": {"folds": 4, "order": "forward"}},
    }
    made_folds = [
        [np.flatnonzero(fold.train).tolist(), np.flatnonzero(fold.validation).tolist()]
        for fold in folds(forward, {"at": range(100)}, np.ones(100, dtype=np.bool_))
    ]
    assert made_folds == told["folds"]
    proof.row(TITLE, COLUMNS, "scikit-learn", "3 imputers, 3 scalers, 3 encoders, TimeSeriesSplit", "equal")
