"""The file of a measurement: what it contains, that it is whole or absent, and what a reader refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.measure.measured import Measured, Series, history_name, measured_of, read, write

PSI = {"subject": "feature", "column": "amount", "method": "psi"}


def found() -> Measured:
    series = (Series(name="mlspec_drift_distance", labels=PSI, value=0.013),)
    return Measured(monitor="drift", time=1764000000, window=(1763913600, 1764000000), series=series)


def test_a_file_contains_what_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "drift.json"
    write(path, found())
    assert json.loads(path.read_text()) == {
        "version": 1,
        "monitor": "drift",
        "time": 1764000000,
        "window": {"start": 1763913600, "end": 1764000000},
        "series": [{"name": "mlspec_drift_distance", "labels": PSI, "value": 0.013}],
    }
    assert read(path) == found()
    assert [each.name for each in tmp_path.iterdir()] == ["drift.json"]
    assert history_name(found()) == "drift-1764000000.json"


def test_a_value_is_found_by_its_labels() -> None:
    assert found().value("mlspec_drift_distance", column="amount") == 0.013
    assert found().value("mlspec_drift_distance", column="age") is None


def test_an_infinite_value_leaves_the_last_file(tmp_path: Path) -> None:
    path = tmp_path / "drift.json"
    write(path, found())
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Out of range float"):
        write(path, found().but(series=(Series(name="mlspec_drift_distance", labels=PSI, value=float("nan")),)))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": 2}, "is not a measurement with `version: 1`"),
        ({"monitor": "moon"}, "unknown `monitor`: moon"),
        ({"time": None}, "not a number: None"),
        ({"time": True}, "not a number: True"),
        ({"window": []}, "needs `window` and `series`"),
        ({"series": [{}]}, "a series without a `name`"),
        ({"series": [{"name": "up", "value": 1}]}, "up is not in the metric contract"),
        ({"series": [{"name": "mlspec_null_ratio", "value": 1}]}, "belongs to the monitor data, not drift"),
        ({"series": [{"name": "mlspec_drift_distance", "labels": {"service": "a"}, "value": 1}]}, "the exporter adds"),
        ({"series": [{"name": "mlspec_drift_distance", "labels": {"column": 1}, "value": 1}]}, "are not texts"),
        ({"series": [{"name": "mlspec_drift_distance", "value": "1"}]}, "not a number: 1"),
    ],
)
def test_a_reader_refuses_what_is_not_a_measurement(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        measured_of({**found().document(), **changed}, "drift.json")


@pytest.mark.parametrize("content", ['{"a": 1, "a": 2}', "[" * 100_000, "", "\xff"])
def test_a_reader_refuses_what_is_not_json(tmp_path: Path, content: str) -> None:
    path = tmp_path / "drift.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(Unreadable, match=r"drift\.json is not JSON"):
        read(path)
