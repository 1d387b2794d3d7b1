"""The windows of features, against numbers worked by hand and a plain loop."""

from __future__ import annotations

import random
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlspec.runtime.feature_store import job, tables
from mlspec.runtime.feature_store.windows import aggregated, between, moments


def test_a_value_changes_when_an_event_enters_and_when_it_leaves() -> None:
    entities, at = moments(np.array([0, 0, 1]), np.array([10, 15, 12]), [10], 0, 24)
    assert list(zip(entities.tolist(), at.tolist(), strict=True)) == [(0, 10), (0, 15), (0, 20), (1, 12), (1, 22)]


def test_a_window_includes_its_end_and_not_its_beginning() -> None:
    low, high = between(np.array([0, 0, 0]), np.array([10, 15, 20]), np.array([0, 0]), np.array([20, 25]), 10)
    assert (high - low).tolist() == [2, 1]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("sum", [6.0, 0.0]), ("mean", [3.0, None]), ("min", [2.0, None]), ("max", [4.0, None]), ("count", [2, 0]),
     ("stddev", [2**0.5, None]), ("last", [4.0, None]), ("distinct", [2, 0])],
)  # fmt: skip
def test_aggregates_leave_missing_values_out(kind: str, expected: list[float | None]) -> None:
    values, missing = aggregated(kind, np.array([2.0, np.nan, 4.0]), np.array([0, 1]), np.array([3, 2]))
    assert [None if gone else one for one, gone in zip(values.tolist(), missing.tolist(), strict=True)] == (
        pytest.approx(expected) if None not in expected else [pytest.approx(expected[0]), None]
    )


def test_a_sum_of_booleans_is_a_number_and_one_of_small_integers_does_not_overflow() -> None:
    flags, _ = aggregated("sum", np.array([True, True]), np.array([0]), np.array([2]))
    small, _ = aggregated("sum", np.array([100, 100], np.int8), np.array([0]), np.array([2]))
    assert (flags.tolist(), small.tolist()) == ([2], [200])


@pytest.mark.parametrize("seed", range(5))
def test_every_window_equals_a_plain_loop(seed: int) -> None:
    chance = random.Random(seed)
    rows = sorted((chance.randrange(4), chance.randrange(50), chance.randrange(9)) for _ in range(60))
    keys, times, values = (np.array(column) for column in zip(*rows, strict=True))
    entities, at = moments(keys, times, [7, 20], -1, 60)
    for width in (7, 20):
        low, high = between(keys, times, entities, at, width)
        sums, _ = aggregated("sum", values, low, high)
        spread, missing = aggregated("stddev", values, low, high)
        for index, (entity, end) in enumerate(zip(entities, at, strict=True)):
            seen = [value for key, time, value in rows if key == entity and end - width < time <= end]
            assert sums[index] == sum(seen)
            assert missing[index] == (len(seen) < 2)
            assert missing[index] or spread[index] == pytest.approx(statistics.stdev(seen))


HOUR = 3600


def view(folder: Path) -> dict[str, Any]:
    features = [
        {"name": "n", "type": "int64", "window": HOUR, "aggregate": "count"},
        {"name": "total", "type": "double", "window": 2 * HOUR, "aggregate": "sum", "column": "amount"},
    ]
    return {
        "name": "v", "source": str(folder / "source"), "table": str(folder / "table"), "key": "card", "timestamp": "at",
        "lag": 0, "columns": ["card", "at", "amount"], "features": features,
    }  # fmt: skip


def add(folder: Path, name: str, *rows: tuple[str, float, float]) -> None:
    (folder / "source").mkdir(exist_ok=True)
    cards, hours, amounts = zip(*rows, strict=True)
    at = pa.array([int(hour * HOUR * 10**6) + 10**15 for hour in hours]).cast(pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"card": list(cards), "at": at, "amount": list(amounts)}), folder / "source" / name)


def kept(folder: Path) -> list[tuple[Any, ...]]:
    found = pa.concat_tables([pq.read_table(one) for one in (folder / "table").glob("*.parquet")])
    columns = found.set_column(1, "at", found["at"].cast(pa.int64())).to_pydict()
    return sorted(set(zip(*columns.values(), strict=True)))


NOW = 2 * 10**15


def test_runs_one_after_the_other_write_what_one_run_writes(tmp_path: Path) -> None:
    chance = random.Random(7)
    rows = [(chance.choice("abc"), hour / 3, float(hour)) for hour in range(300)]
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
    add(tmp_path / "one", "all.parquet", *rows)
    job._prepared(view(tmp_path / "one"), NOW)
    for number in range(6):
        add(tmp_path / "many", f"{number}.parquet", *rows[number * 50 : number * 50 + 50])
        job._prepared(view(tmp_path / "many"), NOW)
    assert kept(tmp_path / "many") == kept(tmp_path / "one")


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    add(tmp_path, "1.parquet", ("a", 0, 1.0), ("a", 1, 2.0))
    first = job._prepared(view(tmp_path), NOW)
    files = {one: one.stat().st_mtime_ns for one in (tmp_path / "table").iterdir()}
    assert job._prepared(view(tmp_path), NOW) == first
    assert {one: one.stat().st_mtime_ns for one in (tmp_path / "table").iterdir()} == files


def test_a_file_per_run_does_not_stay_for_years(tmp_path: Path) -> None:
    for hour in range(60):
        add(tmp_path, f"{hour}.parquet", ("a", hour, 1.0))
        job._prepared(view(tmp_path), NOW)
    days = [int(one.stem.removeprefix("until-")) // (86_400 * 10**6) for one in (tmp_path / "table").iterdir()]
    assert all(days.count(day) == 1 for day in set(days) if day != max(days))
    assert len(kept(tmp_path)) == 1 + 60, "each hour one payment enters, and the one before leaves; and the first row"


def test_a_time_in_the_future_does_not_end_the_view(tmp_path: Path) -> None:
    add(tmp_path, "1.parquet", ("a", 0, 1.0), ("a", 10**6, 2.0))
    assert job._prepared(view(tmp_path), NOW) == 10**15


def test_a_killed_write_leaves_nothing_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, "1.parquet", ("a", 0, 1.0))

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            job._prepared(view(tmp_path), NOW)
    assert tables.newest_of_table(tables.Place.of(str(tmp_path / "table"))) is None
    assert job._prepared(view(tmp_path), NOW) == 10**15
    assert len(kept(tmp_path)) == 2


@pytest.mark.parametrize(
    ("arguments", "status"), [([], 2), (["/nowhere/features.json"], 1), (["a", "b"], 2)]
)  # fmt: skip
def test_a_wrong_call_gets_one_line(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert job.main(arguments) == status
    assert len(capsys.readouterr().err.splitlines()) == 1
