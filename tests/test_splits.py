"""Splits and folds: what they promise, by property and by hand."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.data.split import PARTS, Parts, folds, split

DAY = 86_400
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def config(strategy: str, seed: int = 17, folds: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    columns = [{"name": "id", "dtype": "int64", "unique": True}]
    about = {"strategy": strategy, **SHARES, **more}
    return {"seed": seed, "data": {"split": about, "columns": columns}, "training": {"crossValidation": folds}}


def parts_of(parts: Parts) -> list[str]:
    """The part of each row; `-` for a row in none."""
    made = ["-"] * len(parts.train)
    for name in PARTS:
        for row in np.flatnonzero(getattr(parts, name)):
            assert made[row] == "-"
            made[row] = name
    return made


# Random


def test_a_random_split_has_about_the_shares_of_the_spec() -> None:
    counts = Counter(parts_of(split(config("random"), {"id": range(20_000)})))
    # five standard errors of a binomial: 5 * sqrt(20000 * 0.7 * 0.3) = 324
    assert abs(counts["train"] - 14_000) < 324
    assert abs(counts["test"] - 3_000) < 253
    assert sum(counts.values()) == 20_000
    assert counts["-"] == 0


@settings(max_examples=30, deadline=None)
@given(
    ids=st.lists(st.integers(), unique=True, min_size=2, max_size=50), seed=st.integers(0, 2**31), cut=st.integers(1)
)
def test_rows_that_are_appended_or_reordered_move_no_row_of_a_random_split(ids: list[int], seed: int, cut: int) -> None:
    names = [str(id_) for id_ in ids]
    given_ = config("random", seed)
    all_ = dict(zip(names, parts_of(split(given_, {"id": names})), strict=True))
    fewer = names[: cut % len(names) + 1][::-1]
    assert parts_of(split(given_, {"id": fewer})) == [all_[name] for name in fewer]


def test_equal_rows_are_in_one_part_if_nothing_identifies_a_row() -> None:
    table: dict[str, list[Any]] = {"a": [n % 40 for n in range(400)], "b": ["x"] * 400}
    of: dict[int, set[str]] = {}
    for value, part in zip(table["a"], parts_of(split(config("random"), table)), strict=True):
        of.setdefault(value, set()).add(part)
    assert all(len(parts) == 1 for parts in of.values())


def test_the_key_of_a_random_split_can_be_given() -> None:
    table = {"id": range(100), "card": [n % 5 for n in range(100)]}
    made = parts_of(split(config("random"), table, key=["card"]))
    assert all(made[n] == made[n % 5] for n in range(100))


def test_a_split_is_the_same_in_another_process_and_with_another_hash_seed() -> None:
    code = (
        "from mlspec.runtime.data.split import split\n"
        f"print(split({config('grouped', column='g')!r}, {{'g': [str(n) for n in range(50)]}}).train.tolist())"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(made) == 1


def test_another_seed_is_another_split() -> None:
    one, two = (parts_of(split(config("random", seed), {"id": range(100)})) for seed in (1, 2))
    assert one != two


# Grouped and stratified


def test_all_rows_of_a_group_are_in_one_part() -> None:
    cards = [f"card-{n % 300}" for n in range(3000)]
    made = parts_of(split(config("grouped", column="card"), {"card": cards}))
    assert all(part == made[n % 300] for n, part in enumerate(made))
    assert {*made} == {*PARTS}


@settings(max_examples=60, deadline=None)
@given(rare=st.integers(1, 400), common=st.integers(0, 2000), seed=st.integers(0, 1000))
def test_each_stratum_is_divided_as_the_spec_says_however_rare_it_is(rare: int, common: int, seed: int) -> None:
    classes = ["rare"] * rare + ["common"] * common
    order = np.random.default_rng(seed).permutation(len(classes))
    table = {"y": [classes[n] for n in order]}
    made = Counter(zip(table["y"], parts_of(split(config("stratified", seed, column="y"), table)), strict=True))
    for name, size in (("rare", rare), ("common", common)):
        for part in PARTS:
            assert abs(made[name, part] - SHARES[part] * size) < 3  # a random split would be off by ten and more


def test_rows_that_are_appended_move_no_row_of_a_stratified_split() -> None:
    classes = [["a", "b", None][n % 7 % 3] for n in range(900)]
    given_ = config("stratified", column="y")
    assert parts_of(split(given_, {"y": classes}))[:500] == parts_of(split(given_, {"y": classes[:500]}))


def test_a_row_without_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match="1 rows have no card, which decides their part"):
        split(config("grouped", column="card"), {"card": ["a", None]})


# Temporal


def test_a_split_by_time_leaves_gaps_by_hand() -> None:
    # 101 daily rows span 100 days. Two gaps of 5 days leave 90: 63 train, 13.5 validate, and 13.5 test
    made = parts_of(split(config("temporal", column="at", gap=5 * DAY), {"at": [n * DAY for n in range(101)]}))
    assert made[:63] == ["train"] * 63  # days 0 to 62
    assert made[63:68] == ["-"] * 5
    assert made[68:82] == ["validation"] * 14  # 68 <= day < 81.5
    assert made[82:87] == ["-"] * 5
    assert made[87:] == ["test"] * 14  # from 86.5


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.integers(0, 10**6), min_size=2, max_size=60).filter(lambda times: max(times) - min(times) > 200),
    gap=st.integers(0, 100),
)
def test_every_test_row_is_later_than_every_training_row_by_more_than_the_gap(times: list[int], gap: int) -> None:
    parts = split(config("temporal", column="at", gap=gap), {"at": times})
    at = np.array(times)
    for earlier, later in (("train", "validation"), ("validation", "test"), ("train", "test")):
        before, after = at[getattr(parts, earlier)], at[getattr(parts, later)]
        if len(before) and len(after):
            assert after.min() - before.max() > 0
            assert after.min() - before.max() >= gap
    assert parts.test[at.argmax()]


def test_times_are_read_in_every_unit() -> None:
    days = [datetime(2026, 1, 1, tzinfo=UTC).timestamp() + n * DAY for n in range(101)]
    made = [
        parts_of(split(config("temporal", column="at", gap=5 * DAY), {"at": values}))
        for values in (
            pa.array([int(t) for t in days], pa.timestamp("s", "UTC")),
            pa.array([int(t * 1e9) for t in days], pa.timestamp("ns")),
            pa.array([int(t // DAY) for t in days], pa.date32()),
        )
    ]
    assert made[0] == made[1] == made[2]


def test_a_part_that_is_not_wanted_has_no_gap() -> None:
    given_ = config("temporal", column="at", gap=10, train=0.5, validation=0, test=0.5)
    made = parts_of(split(given_, {"at": range(111)}))
    assert Counter(made) == {"train": 50, "-": 10, "test": 51}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"at": [0, 100]}, "the rows span 100 seconds, and the gaps of the split use up 200 of them"),
        ({"at": ["yesterday"]}, "needs times, dates, or numbers, and the column is string"),
        ({"at": [1, None]}, "1 rows have no at"),
        ({"other": [1]}, "needs the column at, and the table does not have it"),
    ],
)
def test_rows_that_cannot_be_split_by_time(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        split(config("temporal", column="at", gap=100), table)


def test_the_split_is_recorded() -> None:
    parts = split(config("temporal", column="at", gap=5), {"at": range(101)})
    document = parts.document()
    assert document["rows"] == {"train": 63, "validation": 14, "test": 14}
    assert document["ranges"] == {"train": [0.0, 62.0], "validation": [68.0, 81.0], "test": [87.0, 100.0]}
    assert document == split(config("temporal", column="at", gap=5), {"at": range(101)}).document()


@pytest.mark.parametrize("given_", [{}, [], {"data": {"split": {"strategy": "alphabetical"}}}, {"data": {"split": 3}}])
def test_a_configuration_without_a_split(given_: Any) -> None:
    with pytest.raises(Unreadable, match=r"no `data\.split` with a known strategy"):
        split(given_, {"id": [1]})


# Folds


def every(rows: int) -> np.ndarray:
    return np.ones(rows, dtype=np.bool_)


@pytest.mark.parametrize("strategy", ["random", "grouped", "stratified"])
def test_each_row_is_validated_on_once(strategy: str) -> None:
    table = {"id": range(600), "g": [n % 60 for n in range(600)]}
    some = np.arange(600) % 6 > 0
    made = list(folds(config(strategy, column="g", folds={"folds": 5}), table, some))
    assert len(made) == 5
    assert (np.sum([fold.validation for fold in made], axis=0) == some).all()
    for fold in made:
        assert ((fold.train | fold.validation) == some).all()
        assert not (fold.train & fold.validation).any()
        assert fold.validation.sum() > 20
        if strategy == "grouped":
            groups = np.array(table["g"])
            assert not {*groups[fold.train]} & {*groups[fold.validation]}
        if strategy == "stratified":  # 10 rows in each stratum: 2 in each fold
            each = Counter(np.array(table["g"])[fold.validation].tolist())
            assert max(each.values()) - min(each.values()) <= 3


def test_folds_do_not_repeat_the_split_of_a_random_split() -> None:
    """With the same numbers, the training rows of the split would all be in the first folds."""
    table = {"id": range(2000)}
    given_ = config("random", folds={"folds": 4})
    sizes = [fold.validation.sum() for fold in folds(given_, table, split(given_, table).train)]
    assert min(sizes) > 250  # of about 350


def test_folds_forward_in_time_by_hand() -> None:
    given_ = config("temporal", column="at", gap=2, folds={"folds": 3, "order": "forward"})
    made = list(folds(given_, {"at": range(8)}, every(8)))
    assert [np.flatnonzero(fold.validation).tolist() for fold in made] == [[2, 3], [4, 5], [6, 7]]
    # a gap of 2 before the time 2 leaves nothing, before 4 the times 0 and 1, and before 6 those up to 3
    assert [np.flatnonzero(fold.train).tolist() for fold in made] == [[], [0, 1], [0, 1, 2, 3]]


def test_folds_that_know_the_future_are_refused() -> None:
    given_ = config("temporal", column="at", folds={"folds": 3, "order": "rotated"})
    with pytest.raises(Unreadable, match="trains on rows from after those that it validates on"):
        list(folds(given_, {"at": range(8)}, every(8)))
