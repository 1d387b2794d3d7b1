"""Fill the feature store: compute the views, register them, and copy their newest values to the online store.

`feast materialize-incremental` continues where it ended the last time. It never returns to an earlier time, so it must
not end later than the data: a record that arrives a minute late would never reach the online store. So each view ends
at its own newest record, and not at the time of the run.
"""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .tables import MICROSECONDS, BrokenError, Place, compact, newest_of_table, read, span, write, write_text
from .windows import aggregated, between, moments

__all__ = ["main"]

DONE, UNREADABLE, USAGE, NO = 0, 1, 2, 42

NEWEST = "newest.json"
"""The result of the last run, which the process that measures reads every minute."""
SECOND = 1_000_000
DAY = 86_400 * SECOND


def main(arguments: list[str]) -> int:
    """Run the job for a configuration. Returns 0 if it is done, 1 for what a retry may solve, 2 for a wrong call, and
    42 for data or code that a retry would find the same.
    """
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m feature_store.job FILE\n")
        return USAGE
    try:
        config = json.loads(Path(arguments[0]).read_text())
        return _filled(config, Path(arguments[0]).parent)
    except BrokenError as why:
        sys.stderr.write(f"error: {why}\n")
        return NO
    except (OSError, ValueError, KeyError, pa.ArrowException, subprocess.CalledProcessError) as why:
        sys.stderr.write(f"error: {' '.join(str(why).split()) or type(why).__name__}\n")
        return UNREADABLE


def _filled(config: dict[str, Any], folder: Path) -> int:
    now = time.time()
    ends = {view["name"]: _prepared(view, int(now * SECOND)) for view in config["views"]}
    with tempfile.TemporaryDirectory() as work:
        # A mounted ConfigMap has each file twice, once in a hidden folder, whose name Feast cannot import.
        for name in ("feature_store.yaml", "features.py"):
            shutil.copyfile(folder / name, Path(work) / name)
        _feast(work, "apply")
        for name, end in ends.items():
            if end is not None and config["online"]:
                _feast(work, "materialize-incremental", _iso(end), "--views", name)
            elif end is None:
                sys.stderr.write(f"{name}: there is no record yet\n")
    _measured(config, ends, int(now))
    return DONE


def _feast(folder: str, *words: str) -> None:
    subprocess.run(["feast", *words], cwd=folder, check=True)


def _iso(moment: int) -> str:
    """A time for Feast, which reads one without a zone as UTC."""
    return datetime.fromtimestamp(moment / SECOND, UTC).replace(tzinfo=None).isoformat()


def _measured(config: dict[str, Any], ends: dict[str, int | None], now: int) -> None:
    series = [
        {"name": "mlspec_feature_newest_timestamp_seconds", "labels": {"view": name}, "value": end / SECOND}
        for name, end in ends.items()
        if end is not None
    ]
    result = {"version": 1, "monitor": "features", "time": now, "window": {"start": now, "end": now}, "series": series}
    for name in (f"features-{now}.json", NEWEST):  # with a fixed name, one read finds it
        write_text(Place.of(config["measured"]), name, json.dumps(result))


# One view


def _prepared(view: dict[str, Any], now: int) -> int | None:
    """Compute what is new in a view. Returns until when it has values, in microseconds; None if there is no record."""
    source = Place.of(view["source"])
    begin, end = span(source, view["timestamp"], now - view["lag"] * SECOND)
    if begin is None or end is None or "table" not in view:
        return end
    table = Place.of(view["table"])
    known = newest_of_table(table)
    start = known if known is not None else begin - 1
    piece = max(DAY, *(feature["window"] * SECOND for feature in view["features"]))
    while start < end:  # in pieces, so that the first run fits into memory, and resumes where it was killed
        until = min(start + piece, end)
        found = _computed(view, source, start, until)
        if len(found):
            write(table, found, until)
        start = until
    compact(table)
    return start


def _computed(view: dict[str, Any], source: Place, start: int, end: int) -> Any:
    """The values of a view at each moment in (start, end] at which one of them changes."""
    key, stamp, features = view["key"], view["timestamp"], view["features"]
    widths = [feature["window"] * SECOND for feature in features]
    # Code looks back from each row, and a moment looks back to the row that holds then.
    back = max(width * (2 if "code" in one else 1) for one, width in zip(features, widths, strict=True))
    rows = read(source, view["columns"], stamp, start - back, end)
    rows = rows.filter(pc.and_(rows.column(key).is_valid(), rows.column(stamp).is_valid()))
    names = rows.column(key).combine_chunks().dictionary_encode()
    keys = np.asarray(names.indices, np.int64)
    times = np.asarray(rows.column(stamp), np.int64)
    order = np.lexsort((times, keys))
    rows, keys, times = rows.take(pa.array(order)), keys[order], times[order]
    entities, at = moments(keys, times, widths, start, end)
    # Feast's Dask store drops rows of training that come before all rows of their entity.
    entities, at = np.concatenate([np.unique(entities), entities]), np.concatenate([np.unique(entities) * 0, at])
    columns = {key: names.dictionary.take(pa.array(entities)), stamp: pa.array(at).cast(MICROSECONDS)}
    for feature, width in zip(features, widths, strict=True):
        low, high = between(keys, times, entities, at, width)
        columns[feature["name"]] = _column(feature, rows, stamp, low, high)
    return pa.table(columns)


def _column(feature: dict[str, Any], rows: Any, stamp: str, low: Any, high: Any) -> Any:
    if "code" in feature:
        kind, values = "last", _of_code(feature, rows, stamp)
    else:
        kind = feature["aggregate"]
        values = _array(rows.column(feature["column"])) if "column" in feature else None
    try:
        found, missing = aggregated(kind, values, low, high)
        return pa.array(found, mask=missing, from_pandas=True).cast(feature["type"])
    except (TypeError, ValueError) as why:  # pyarrow's errors about values are of these, too
        raise BrokenError(f"the feature {feature['name']} is not {feature['type']}: {why}") from None


def _array(column: Any) -> Any:
    """A column as an array, where a missing number is NaN, and any other missing value None."""
    return column.combine_chunks().to_numpy(zero_copy_only=False)


def _of_code(feature: dict[str, Any], rows: Any, stamp: str) -> Any:
    """The value of the author's function for each row."""
    module, _, name = feature["code"].rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as why:
        raise BrokenError(f"the image has no {feature['code']}: {why}") from None
    place = rows.schema.get_field_index(stamp)
    frame = rows.set_column(place, stamp, rows.column(stamp).cast(MICROSECONDS)).to_pandas()
    frame = frame.sort_values(stamp, kind="stable")
    values = np.asarray(function(frame.reset_index(drop=True)))
    if values.shape != (len(frame),):
        raise BrokenError(f"{feature['code']} returned {values.shape} values for {len(frame)} rows")
    back = np.empty_like(values)
    back[frame.index.to_numpy()] = values
    return back


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
