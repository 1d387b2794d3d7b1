"""`mlspec runtime check-split`: whether a run used the split of its spec."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlspec.runtime.data.obeyed import Files, check_split
from mlspec.runtime.data.split import split, write

Check = Callable[..., tuple[int, list[str]]]


def config(strategy: str, **more: Any) -> dict[str, Any]:
    about = {"strategy": strategy, "train": 0.6, "validation": 0.2, "test": 0.2, **more}
    return {"seed": 17, "data": {"split": about, "columns": [{"name": "id", "dtype": "int64", "unique": True}]}}


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    def run(
        used: dict[str, Any], asked: dict[str, Any], table: pa.Table, tests: pa.Table | None = None, **changed: Any
    ) -> tuple[int, list[str]]:
        """Split a table as `used`, predict the test rows or `tests`, and compare with the configuration `asked`."""
        files = Files(
            config=tmp_path / "training.json",
            split=tmp_path / "split.json",
            predictions=tmp_path / "predictions.parquet",
        )
        parts = split(used, table)
        write(files.split, parts)
        if changed:
            files.split.write_text(json.dumps({**json.loads(files.split.read_text()), **changed}))
        files.config.write_text(json.dumps(asked))
        pq.write_table(table.filter(pa.array(parts.test)) if tests is None else tests, files.predictions)
        status = check_split(files)
        said = capsys.readouterr()
        return status, (said.out + said.err).splitlines()

    return run


TABLE = pa.table({"id": range(200), "at": [n * 10 for n in range(200)], "card": [n % 40 for n in range(200)]})
SPLITS = [config("temporal", column="at", gap=50), config("grouped", column="card"), config("random")]


@pytest.mark.parametrize("given", [*SPLITS, config("stratified", column="card")])
def test_a_run_that_used_its_split_passes(check: Check, given: dict[str, Any]) -> None:
    status, said = check(given, given, TABLE)
    assert (status, said[-1]) == (0, "pass")
    assert len(said) == (2 if given["data"]["split"]["strategy"] == "stratified" else 1)


@pytest.mark.parametrize("given", SPLITS)
def test_training_rows_among_the_test_rows_are_found(check: Check, given: dict[str, Any]) -> None:
    parts = split(given, TABLE)
    wrong = pa.concat_tables(
        [TABLE.filter(pa.array(parts.test)).slice(3), TABLE.filter(pa.array(parts.train)).slice(0, 3)]
    )
    status, said = check(given, given, TABLE, wrong)
    assert status == 42
    assert said[0].startswith(f"test: 3 of {wrong.num_rows} test rows are")


def test_a_gap_that_the_run_left_out_is_found(check: Check) -> None:
    status, said = check(config("temporal", column="at", gap=0), SPLITS[0], TABLE)
    assert status == 42
    assert said[0] == "gap: the run used 0, and the configuration has 50"
    assert said[1] == "gap: validation begins 10 s after train ends, and the gap is 50 s"


def test_another_seed_or_strategy_is_found(check: Check) -> None:
    assert (
        check({**SPLITS[2], "seed": 3}, SPLITS[2], TABLE)[1][0] == "seed: the run used 3, and the configuration has 17"
    )
    assert "strategy: the run used random, and the configuration has grouped" in check(SPLITS[2], SPLITS[1], TABLE)[1]


def test_more_test_rows_than_the_split_has_are_found(check: Check) -> None:
    status, said = check(SPLITS[1], SPLITS[1], TABLE, pa.concat_tables([TABLE.select(["id"])] * 2))
    assert status == 42
    assert "the predictions have 400 rows" in said[0]
    assert "note: the predictions have no column card, so the test rows are not checked" in said


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"version": 2}, "split.json needs `version: 1`"),
        ({"ranges": {"train": "x"}}, "split.json needs `ranges`"),
        ({"ranges": None}, "split.json needs `ranges`"),
    ],
)
def test_a_record_that_cannot_be_read(check: Check, changed: dict[str, Any], words: str) -> None:
    status, said = check(SPLITS[0], SPLITS[0], TABLE, **changed)
    assert status == 1
    assert words in said[0]
    assert len(said) == 1


def test_a_file_that_is_not_parquet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in (("c.json", json.dumps(SPLITS[0])), ("s.json", "{}"), ("p.parquet", "nonsense")):
        (tmp_path / name).write_text(content)
    files = Files(config=tmp_path / "c.json", split=tmp_path / "s.json", predictions=tmp_path / "p.parquet")
    assert check_split(files) == 1
    assert check_split(files, in_job=True) == 42
    assert len(capsys.readouterr().err.splitlines()) == 2
