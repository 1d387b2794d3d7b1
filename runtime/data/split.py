"""The split of the rows, as `data.split` says, for training code.

    from mlspec.runtime.data.split import folds, split

    parts = split(config, table)             # config: training.json as a mapping; table: pyarrow, or columns by name
    train = table.filter(parts.train)        # parts.train, parts.validation, parts.test: one boolean per row
    for fold in folds(config, table, parts.train | parts.validation): ...
    write(Path(output, "split.json"), parts)  # `mlspec runtime check-split` compares the test rows with it

The result depends on the configuration's `seed`, and is the same on every machine. See `parts.py` for how rows are
chosen, and what happens when rows are appended.

**Temporal**: the time from the oldest to the newest row, less the gaps, is divided by the shares. A row is in a part if
its time is. Rows in a gap are in no part, and rows of one time are never separated. Parts with a share of 0 are empty
and have no gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...compiler.record import Record
from ..conditions import Unreadable
from ..measure.measured import write_json
from .contract import shown
from .parts import Numbers, columns_of, hashed, keys_of, stratified

__all__ = ["PARTS", "Fold", "Mask", "Parts", "folds", "split", "times_of", "write"]

Mask = npt.NDArray[np.bool_]
PARTS = ("train", "validation", "test")


class Parts(Record):
    """Which rows are in each part. No row is in two; rows in a gap are in none."""

    train: Mask
    validation: Mask
    test: Mask
    ranges: Mapping[str, tuple[float, float]]
    """Of a split by time: the first and the last time of each part that has rows, in seconds since 1970."""
    given: Mapping[str, Any]
    """The `split` of the configuration."""
    seed: int
    key: tuple[str, ...] = ()
    """Of a random split: the columns that identify a row."""

    def document(self) -> dict[str, Any]:
        """What `split.json` holds, so that a later step can check the split that the run used."""
        rows = {name: int(getattr(self, name).sum()) for name in PARTS}
        ranges = {name: list(ends) for name, ends in self.ranges.items()}
        return {
            "version": 1,
            "split": dict(self.given),
            "seed": self.seed,
            "key": list(self.key),
            "rows": rows,
            "ranges": ranges,
        }


class Fold(Record):
    """The rows that one fold of a cross-validation trains on, and those that it is validated on."""

    train: Mask
    validation: Mask


def split(config: Any, table: Any, key: list[str] | None = None) -> Parts:
    """Divide the rows of a table.

    `key` names the columns that identify a row in a random split: by default those that are `unique` in the contract,
    else all columns of the table, so that equal rows are in the same part. Raises ValueError if a column that the split
    needs is missing, or has rows without a value, and `Unreadable` if the configuration has no split.
    """
    given, seed = _given(config)
    columns = columns_of(table)
    shares = [float(given.get(name) or 0) for name in PARTS]
    if any(share < 0 for share in shares) or sum(shares) > 1 + 1e-9:
        raise Unreadable(f"the shares of the split are {shares}, and add up to more than 1 or are negative")
    if given["strategy"] == "temporal":
        times = times_of(_column(columns, given))
        masks = _by_time(times, shares, float(given.get("gap") or 0))
    else:
        masks = _between(_numbers(config, given, columns, seed, key, "split"), shares)
        times = None
    ranges = {n: _ends(times[m]) for n, m in zip(PARTS, masks, strict=True) if times is not None and m.any()}
    names = tuple(_key(config, columns, key)) if given["strategy"] == "random" else ()
    return Parts(train=masks[0], validation=masks[1], test=masks[2], ranges=ranges, given=given, seed=seed, key=names)


def folds(config: Any, table: Any, rows: Mask, key: list[str] | None = None) -> Iterator[Fold]:
    """The folds of `training.crossValidation` over some rows, such as all that are not test rows.

    `rotated`: each row is validated on in one fold, by its group or stratum if the split has one. `forward`: the rows
    are ordered by time and cut into one more block than there are folds. Fold `i` is validated on block `i + 1`, and
    trains on the blocks before it, less the `gap` of the split (as scikit-learn's TimeSeriesSplit, with the gap in
    time). Raises like `split`.
    """
    given, seed = _given(config)
    about = (config.get("training") or {}).get("crossValidation")
    if not isinstance(about, dict) or not isinstance(about.get("folds"), int) or about["folds"] < 2:
        raise Unreadable("the configuration has no `training.crossValidation` with `folds`")
    columns, number = columns_of(table), about["folds"]
    temporal = given["strategy"] == "temporal"
    if about.get("order", "rotated") == "forward":
        if not temporal:
            raise Unreadable("`order: forward` needs a split by time, which names the column to order by")
        yield from _forward(times_of(_column(columns, given)), rows, number, float(given.get("gap") or 0))
        return
    if temporal:
        raise Unreadable("`order: rotated` trains on rows from after those that it validates on; write `forward`")
    chosen = np.flatnonzero(rows)
    picked = {name: values.take(pa.array(chosen)) for name, values in columns.items()}
    at = np.minimum((_numbers(config, given, picked, seed, key, "folds") * number).astype(np.int64), number - 1)
    for index in range(number):
        validated = np.zeros(len(rows), dtype=np.bool_)
        validated[chosen[at == index]] = True
        yield Fold(train=rows & ~validated, validation=validated)


def _given(config: Any) -> tuple[dict[str, Any], int]:
    data = config.get("data") if isinstance(config, dict) else None
    given = data.get("split") if isinstance(data, dict) else None
    if not isinstance(given, dict) or given.get("strategy") not in ("temporal", "random", "stratified", "grouped"):
        raise Unreadable("the configuration has no `data.split` with a known strategy")
    seed = config.get("seed")
    return given, seed if isinstance(seed, int) else 0


def _column(columns: dict[str, pa.Array], given: dict[str, Any]) -> pa.Array:
    name = given.get("column")
    if name not in columns:
        raise ValueError(f"the split needs the column {shown(name)}, and the table does not have it")
    values = columns[name]
    missing = pc.sum(pc.is_null(values, nan_is_null=True)).as_py() or 0
    if missing and given["strategy"] != "stratified":
        raise ValueError(f"{missing:,} rows have no {shown(name)}, which decides their part; drop or fill them first")
    return values


def _numbers(
    config: Any, given: dict[str, Any], columns: dict[str, pa.Array], seed: int, key: list[str] | None, purpose: str
) -> Numbers:
    """A number in [0, 1) for each row, which selects its part or its fold."""
    if given["strategy"] != "random":
        _column(columns, given)
        keys = keys_of(columns, [given["column"]])
        return (stratified if given["strategy"] == "stratified" else hashed)(keys, seed, purpose)
    return hashed(keys_of(columns, _key(config, columns, key)), seed, purpose)


def _key(config: Any, columns: dict[str, pa.Array], key: list[str] | None) -> list[str]:
    """The columns that identify a row."""
    listed = config["data"].get("columns") or []
    unique = [column["name"] for column in listed if column.get("unique") and column["name"] in columns]
    names = key or unique or sorted(columns)
    absent = next((name for name in names if name not in columns), None)
    if absent is not None:
        raise ValueError(f"the split needs the column {shown(absent)}, and the table does not have it")
    return names


def _between(numbers: Numbers, shares: list[float]) -> list[Mask]:
    """The rows of each part: consecutive intervals as long as the shares. The end of the line is 1 exactly."""
    ends = np.cumsum([0.0, *shares])
    ends[np.isclose(ends, 1.0, rtol=0, atol=1e-9)] = 1.0
    return [(numbers >= low) & (numbers < high) for low, high in pairwise(ends)]


def times_of(values: pa.Array) -> Numbers:
    """The times of rows in seconds since 1970; numbers are taken as they are. Raises ValueError for anything else."""
    kind = values.type
    if pa.types.is_date(kind):
        values, scale = values.cast(pa.date32()).cast(pa.int32()), 1 / 86400
    elif pa.types.is_timestamp(kind):
        scale = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
        values = values.cast(pa.int64())
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        scale = 1.0
    else:
        raise ValueError(f"a split by time needs times, dates, or numbers, and the column is {kind}")
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) / scale, dtype=np.float64)


def _by_time(times: Numbers, shares: list[float], gap: float) -> list[Mask]:
    masks = [np.zeros(len(times), dtype=np.bool_) for _ in shares]
    used = [index for index, share in enumerate(shares) if share > 0]
    if not len(times) or not used:
        return masks
    start, end = float(times.min()), float(times.max())
    usable = end - start - gap * (len(used) - 1)
    if usable <= 0:
        raise ValueError(
            f"the rows span {end - start:,.0f} seconds, and the gaps of the split use up "
            f"{gap * (len(used) - 1):,.0f} of them; use more history, or a shorter gap"
        )
    low = start
    total = sum(shares)
    for place, index in enumerate(used):
        last = place == len(used) - 1 and total > 1 - 1e-9
        high = end if last else low + usable * shares[index]
        masks[index] = (times >= low) & ((times <= high) if last else (times < high))
        low = high + gap
    return masks


def _ends(times: Numbers) -> tuple[float, float]:
    return float(times.min()), float(times.max())


def _forward(times: Numbers, rows: Mask, number: int, gap: float) -> Iterator[Fold]:
    chosen = np.flatnonzero(rows)
    order = chosen[np.argsort(times[chosen], kind="stable")]
    size = len(order) // (number + 1)
    if not size:
        raise ValueError(f"{len(order):,} rows are too few for {number} folds")
    first = len(order) - size * number
    for index in range(number):
        block = order[first + index * size : first + (index + 1) * size]
        begins = times[block[0]]
        validated = np.zeros(len(rows), dtype=np.bool_)
        validated[block] = True
        # rows of the time at which the block begins are not from before it
        yield Fold(train=rows & (times < begins - gap), validation=validated)


def write(path: Path, parts: Parts) -> None:
    """Write `split.json` atomically; the same split is the same bytes."""
    write_json(path, parts.document())
