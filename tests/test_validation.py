"""`mlspec runtime validate`: the data contract against real files, counted by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlspec.runtime.data.distinct import Duplicates
from mlspec.runtime.data.validate import Files, run_time, validate

DAY = 86_400
RUN = 20_000 * DAY + 4 * 3600
"""04:00 UTC on day 20,000 since 1970."""


def column(name: str = "x", dtype: str = "float64", **expected: Any) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, **expected}


def source(path: Path, form: str = "parquet", **more: Any) -> dict[str, Any]:
    return {"name": "rows", "ingestion": "batch", "uri": str(path), "format": form, **more}


class Run:
    """One run of the command."""

    def __init__(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = tmp_path, capsys

    def __call__(self, config: Any, *, in_job: bool = False) -> tuple[int, list[str]]:
        (self.folder / "training.json").write_text(config if isinstance(config, str) else json.dumps(config))
        files = Files(config=self.folder / "training.json", output=self.folder, at=float(RUN))
        status = validate(files, in_job=in_job)
        said = self.capsys.readouterr()
        return status, (said.out + said.err).splitlines()

    def table(self, columns: list[dict[str, Any]], form: str = "parquet", /, **values: Any) -> tuple[int, list[str]]:
        """Check a file with these values."""
        path = self.folder / f"rows.{form}"
        table = pa.table(values)
        if form == "parquet":
            pq.write_table(table, path, row_group_size=2)
        elif form == "csv":
            pa.csv.write_csv(table, path)
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
        return self({"data": {"columns": columns, "sources": [source(path, form)]}})

    @property
    def written(self) -> Any:
        return json.loads((self.folder / "validation.json").read_text())


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(tmp_path, capsys)


# Each expectation


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(
    ("expected", "values", "line"),
    [
        (column(nullable=False), [1.5, None, None], "nullable: 2 of 3 rows have no value"),
        (
            column(nullShare=0.25),
            [1.5, None, None, 2.5],
            "nullShare: 2 of 4 values are missing (50%), and at most 25% may be",
        ),
        (column(unique=True), [1.5, 2.5, 1.5, 3.5], "unique: 2 of 4 rows share their value with another row"),
        (column(unique=True), [1.5, None, None], "unique: 2 of 3 rows share their value with another row"),
        (column(min=0), [-1.5, 0.0, 1.5, -0.0], "min: 1 of 4 rows are below 0, such as -1.5"),
        (column(max=1), [1.0, 1.5, 2.5, 2.5], "max: 3 of 4 rows are above 1, such as 1.5, 2.5"),
        (column(dtype="int64", min=2), [1, 2, 3], "min: 1 of 3 rows are below 2, such as 1"),
        (column(dtype="string", pattern="[A-Z]{2}"), ["DE", "DEU", "at"], "2 of 3 rows do not match"),
        (
            column(dtype="string", values={"oneOf": ["DE", "AT"]}),
            ["DE", "FR", None],
            "values.oneOf: 1 of 3 rows have a value that is not listed, such as FR",
        ),
        (column(dtype="int64", values={"oneOf": ["1", "2"]}), [1, 2, 30], "such as 30"),
        (column(values={"oneOf": ["0.5", "1.0"]}), [0.5, 1.0, 1.5], "1 of 3 rows have a value that is not listed"),
        (column(dtype="bool", values={"oneOf": ["true"]}), [True, False], "1 of 2 rows"),
        (column(dtype="string", values={"max": 2}), ["a", "b", "c"], "values.max: more than 2 distinct values"),
    ],
)
def test_an_expectation_that_is_violated(run: Run, form: str, expected: Any, values: Any, line: str) -> None:
    status, said = run.table([expected], form, x=values, id=list(range(len(values))))
    assert status == 42
    assert line in "\n".join(said)
    assert said[-1] == "fail"
    assert len(run.written["sources"]["rows"]["violations"]) == 1


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(
    ("expected", "values"),
    [
        (column(nullable=False, min=0, max=1, unique=True), [0.0, 0.5, 1.0]),
        (column(nullShare=0.5), [1.5, None]),
        (column(min=0), [None, 1.5]),  # a missing value has no size
        (column(dtype="string", pattern="[A-Z]{2}"), ["DE", None]),
        (column(dtype="string", values={"oneOf": ["DE"], "max": 1}), ["DE", None, "DE"]),
        (column(dtype="string"), ["1", "2"]),  # a text may look like a number
        (column(values={"oneOf": ["0.50", "1.0", "2e0"]}), [0.5, 1.0, 2.0]),  # numbers are written in several ways
        (column(dtype="int8"), [-128, 127, None]),
        (column(dtype="bool"), [True, None]),
    ],
)
def test_what_meets_the_contract_passes(run: Run, form: str, expected: Any, values: Any) -> None:
    made = pa.array(values, pa.int8()) if expected["dtype"] == "int8" else values
    status, said = run.table([expected], form, x=made, id=list(range(len(values))))
    assert (status, said[-1]) == (0, "pass")
    assert run.written["pass"] is True


def test_a_nan_is_a_missing_value(run: Run) -> None:
    assert run.table([column(nullable=False)], x=[1.0, float("nan")])[0] == 42


def test_an_infinity_is_a_value_that_bounds_refuse(run: Run) -> None:
    status, said = run.table([column(nullable=False, max=10)], x=[1.0, float("inf")])
    assert status == 42
    assert "max: 1 of 2 rows are above 10, such as inf" in said[0]
    assert run.table([column(nullable=False)], x=[1.0, float("inf")])[0] == 0


def test_a_pattern_must_match_the_whole_value(run: Run) -> None:
    """`re.match` alone, which Pandera uses, would accept what follows the match."""
    assert run.table([column(dtype="string", pattern="DE|AT")], x=["DE", "ATX"])[0] == 42
    assert run.table([column(dtype="string", pattern="DE|AT")], x=["DE", "AT\n"])[0] == 42


def test_values_of_personal_columns_are_never_shown(run: Run, tmp_path: Path) -> None:
    expected = column(dtype="string", personal=True, pattern="x", values={"oneOf": ["x"]}, unique=True, nullable=False)
    status, said = run.table([expected], x=["alice@example.com", "alice@example.com", None])
    assert status == 42
    assert len(run.written["sources"]["rows"]["violations"]) == 4
    assert "alice" not in "\n".join(said) + (tmp_path / "validation.json").read_text()


# The schema


@pytest.mark.parametrize(
    ("dtype", "values", "found"),
    [
        ("int64", pa.array([1], pa.int32()), "int32"),
        ("float32", pa.array([1.0], pa.float64()), "double"),
        ("int64", pa.array([1.0, None], pa.float64()), "double"),  # what pandas writes for integers with nulls
        ("float64", pa.array(["1"]), "string"),
        ("timestamp", pa.array(["2026-01-01"]), "string"),
        ("string", pa.array([b"x"]), "binary"),
        ("bool", pa.array([1], pa.int8()), "int8"),
    ],
)
def test_a_column_that_was_retyped(run: Run, dtype: str, values: pa.Array, found: str) -> None:
    status, said = run.table([column(dtype=dtype)], x=values)
    assert status == 42
    assert f"dtype: the file has {found}, and the contract `{dtype}`" in said[0]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("dtype", "values", "wrong"),
    [
        ("int64", ["1", "two", "3"], 1),
        ("int8", [1, 300, -1], 1),
        ("float64", ["1.5", "n/a", "n/a"], 2),
        ("timestamp", ["2026-01-01T00:00:00Z", "yesterday", "2026-13-01T00:00:00Z"], 2),
        ("date", ["2026-01-01", "2026-02-30", "x"], 2),
    ],
)
def test_a_text_that_is_not_a_value_of_the_type(run: Run, form: str, dtype: str, values: Any, wrong: int) -> None:
    if form == "jsonl" and isinstance(values[0], str) and dtype in ("int64", "float64"):
        wrong = len(values)  # in JSON, "1" is a text
    status, said = run.table([column(dtype=dtype)], form, x=values)
    assert status == 42
    assert f"dtype: {wrong} of 3 rows are not `{dtype}`" in said[0]


def test_a_column_that_is_missing_and_one_that_is_new(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    pq.write_table(pa.table({"x": [1.0], "y": [1]}), folder / "a.parquet")
    pq.write_table(pa.table({"y": [1]}), folder / "b.parquet")
    status, said = run({"data": {"columns": [column()], "sources": [source(folder)]}})
    assert status == 42
    assert said[0] == f"rows: column x: name: the column is missing in 1 file, such as {folder / 'b.parquet'}"
    assert "rows: note: columns that are not in the contract: y" in said


def test_a_broken_file_is_a_final_no_and_a_missing_one_is_worth_a_retry(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    config = {"data": {"columns": [column()], "sources": [source(path)]}}
    status, said = run(config)
    assert (status, said) == (1, [f"mlspec runtime validate: {path} does not exist"])
    path.write_bytes(b"PAR1 but not really PAR1")
    status, said = run(config)
    assert status == 42
    assert "is broken" in said[0]


def test_two_columns_of_one_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x,x\n1,2\n")
    status, said = run({"data": {"columns": [column()], "sources": [source(tmp_path / "rows.csv", "csv")]}})
    assert status == 42
    assert "the column x appears twice" in said[0]


def test_a_source_without_rows(run: Run) -> None:
    status, said = run.table([column()], x=pa.array([], pa.float64()))
    assert status == 42
    assert said[0] == "rows: rows: the source holds no rows"


# What arrives


def arriving(run: Run, days: dict[int, int], newest: float, **more: Any) -> tuple[int, list[str]]:
    """A source with so many records on each day before the run, and one more of this age."""
    times = [(20_000 - ago) * DAY + 3600 for ago, count in days.items() for _ in range(count)]
    stamps = pa.array([int(t * 1e6) for t in [*times, RUN - newest]], pa.timestamp("us", "UTC"))
    path = run.folder / "rows.parquet"
    pq.write_table(pa.table({"at": stamps}), path)
    return run({"data": {"columns": [column("at", "timestamp")], "sources": [source(path, **more)]}})


WEEK = dict.fromkeys(range(1, 10), 10)


def test_the_newest_record_may_not_be_older_than_the_freshness(run: Run) -> None:
    assert arriving(run, WEEK, 3600, freshness=3600)[0] == 0
    status, said = arriving(run, {2: 1}, 3 * 3600, freshness=7200)
    assert status == 42
    assert said[0] == "rows: freshness: the newest record is 3 h old, and may be 2 h old"


def test_a_record_from_the_future_does_not_hide_that_a_source_has_stopped(run: Run) -> None:
    status, said = arriving(run, {2: 5}, -DAY, freshness=3600)
    assert status == 42
    assert "freshness: the newest record is 2 d 3 h old" in said[0]
    assert any("1 records are from after the run" in line for line in said)


@pytest.mark.parametrize(("declared", "status"), [(10, 0), (20, 0), (5, 0), (21, 42), (4.9, 42)])
def test_the_volume_of_a_week_is_between_half_and_twice_what_is_declared(
    run: Run, declared: float, status: int
) -> None:
    assert arriving(run, WEEK, 60, volume={"daily": declared})[0] == status


def test_a_weekend_without_records_is_not_a_fault(run: Run) -> None:
    """Five days with 14 records and two with none are 10 a day."""
    assert arriving(run, {**dict.fromkeys(range(1, 10), 14), 2: 0, 3: 0}, 60, volume={"daily": 14})[0] == 0


def test_volume_is_not_judged_by_too_few_records(run: Run) -> None:
    status, said = arriving(run, {9: 1, 2: 1}, 60, volume={"daily": 3.9})
    assert status == 0
    assert "rows: note: volume is not checked: fewer than 28 records are expected in 7 days" in said


def test_records_that_may_still_change_do_not_count_toward_volume(run: Run) -> None:
    """Without the lag, the window would end on a day whose records are still arriving."""
    days = {**dict.fromkeys(range(4, 14), 10), 3: 1, 2: 1, 1: 1}
    version = {"kind": "as-of-run", "lag": 3 * DAY}
    assert arriving(run, days, 60, volume={"daily": 14})[0] == 42
    assert arriving(run, days, 60, volume={"daily": 14}, version=version)[0] == 0
    assert run.written["sources"]["rows"]["notFinal"] == 3


def test_nothing_arrives_in_a_pinned_version(run: Run) -> None:
    version = {"kind": "git", "id": "4e91102"}
    status, said = arriving(run, {100: 1}, 200 * DAY, freshness=60, volume={"daily": 99}, version=version)
    assert status == 0
    assert "rows: note: freshness and volume.daily not checked: the version is pinned, so nothing arrives" in said


def test_the_time_of_a_run_is_in_its_name() -> None:
    now = 1_764_000_000.0
    assert run_time("fraud-scorer-retrain-29399000", now) == 29_399_000 * 60
    assert run_time("fraud-scorer-retrain-1763940000", now) == 1_763_940_000  # a workflow of Argo, in seconds
    assert run_time("fraud-scorer-retrain-1", now) == now  # started by hand
    assert run_time("fraud-scorer-retrain-99999999", now) == now  # not a time


# What cannot be read from a pod


def test_a_source_that_a_pod_cannot_read_is_named(run: Run) -> None:
    kafka = {"name": "clicks", "ingestion": "streaming", "uri": "kafka://broker/clicks", "format": "avro"}
    late = {**kafka, "name": "late", "version": {"kind": "as-of-run", "lag": 0}}
    status, said = run({"data": {"columns": [column(**{"from": "clicks"})], "sources": [kafka, late]}})
    assert status == 0
    assert said == [
        "clicks: not checked: `kafka://` is not a place that holds files",
        "late: not checked: `kafka://` is not a place that holds files",
        "note: late: `train` must record the version that it reads, under `data`",
        "pass: no source can be checked from here",
    ]


def test_a_column_of_no_source_is_named(run: Run, tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "a.parquet")
    two = [{**source(tmp_path / "a.parquet"), "name": name} for name in ("a", "b")]
    columns = [column(**{"from": "a"}), column("y")]
    status, said = run({"data": {"columns": columns, "sources": two}})
    assert status == 0
    assert "note: not checked, because `from` does not name their source: y" in said


# Hostile input


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "the configuration is not a mapping"),
        ('{"data": {"sources": 3}}', "`data.sources` is not a list"),
        (
            '{"data": {"sources": [{"name": "a"}], "columns": [{"name": "x", "dtype": "complex"}]}}',
            "unknown type complex",
        ),
        (
            '{"data": {"sources": [{"name": "a"}], "columns": [{"name": "x", "dtype": "string", "pattern": "("}]}}',
            "not a regular expression",
        ),
        (
            '{"data": {"sources": [{"name": "a"}], "columns": [{"name": "x", "dtype": "string", "min": 1}]}}',
            "has a range",
        ),
        ('{"data": {"sources": [{"name": "a", "version": 3}]}}', "`version` of a is not a mapping"),
        ('{"data": {"sources": [{"name": "a", "freshness": "1d"}]}}', "the freshness of a is not a number"),
        ('{"data": {"sources": [{"name": "a", "freshness": NaN}]}}', "the freshness of a is not a number"),
        ('{"data": {}, "data": {}}', "the key data appears twice"),
    ],
)
def test_a_configuration_that_cannot_be_read(run: Run, config: str, words: str) -> None:
    status, said = run(config)
    assert status == 1
    assert len(said) == 1
    assert words in said[0]
    assert run(config, in_job=True)[0] == 42


def test_times_far_outside_of_history_take_no_memory(run: Run) -> None:
    stamps = pa.array([*range(-(2**62), 2**62, 2**58), RUN * 1_000_000 - 1], pa.timestamp("us"))
    status, said = run.table([column("x", "timestamp")], x=stamps)
    assert (status, said[-1]) == (0, "pass")


# Files


def test_two_runs_write_the_same_bytes(run: Run, tmp_path: Path) -> None:
    version = {"kind": "as-of-run", "lag": 0}
    assert arriving(run, WEEK, 60, version=version, freshness=7200)[0] == 0
    first = [(tmp_path / name).read_bytes() for name in ("validation.json", "data.json")]
    assert arriving(run, WEEK, 60, version=version, freshness=7200)[0] == 0
    assert [(tmp_path / name).read_bytes() for name in ("validation.json", "data.json")] == first
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_a_killed_validation_leaves_nothing_half_written(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [float(n) for n in range(300_000)]}), tmp_path / "rows.parquet")
    config = {"data": {"columns": [column(unique=True)], "sources": [source(tmp_path / "rows.parquet")]}}
    (tmp_path / "training.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "mlspec", "runtime", "validate", "--config", "training.json", "--output", "."]
    for after in (0.1, 0.6, 0.9, 1.2, 1.5):
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
        time.sleep(after)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        for name in ("validation.json", "data.json"):
            if (tmp_path / name).exists():
                json.loads((tmp_path / name).read_text())


# Memory


def test_duplicates_are_counted_exactly_across_files_on_disk() -> None:
    with Duplicates(held=100) as found:
        for start in range(0, 1000, 50):
            found.add(pa.array(range(start, start + 50)))
        assert found.count() == 0
        found.add(pa.array([3, 3, 999, None, None]))
        assert found.count() == 3 + 2 + 2  # three rows of 3, two of 999, and two without a value


def test_equal_numbers_are_equal_whatever_their_sign_of_zero() -> None:
    with Duplicates() as found:
        found.add(pa.array([0.0, -0.0, float("nan"), 1.0]))
        assert found.count() == 2


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_rows(tmp_path: Path) -> None:
    """Ten times the rows, in one row group, and less than 60 MiB more at the peak."""
    peaks = []
    for rows in (200_000, 2_000_000):
        path = tmp_path / f"{rows}.parquet"
        pq.write_table(pa.table({"x": pa.array(range(rows)).cast(pa.float64())}), path, row_group_size=rows)
        config = {"data": {"columns": [column(min=0, max=1e9, nullShare=0.1)], "sources": [source(path)]}}
        (tmp_path / "training.json").write_text(json.dumps(config))
        code = (
            "import sys; from pathlib import Path; from mlspec.runtime.data.validate import Files, validate\n"
            "assert validate(Files(config=Path('training.json'), at=0.0)) == 0\n"
            "hwm = [line for line in open('/proc/self/status') if line.startswith('VmHWM:')]\n"
            "print(hwm[0].split()[1], file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        peaks.append(int(done.stderr))
    assert peaks[1] - peaks[0] < 60 * 1024
