"""The version of a source at the time of a run."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.data.contract import Source
from mlspec.runtime.data.version import version_of

NOW = 1_764_000_000.0


def version(path: Path, form: str = "parquet", at: float = NOW, lag: float = 0) -> str:
    return version_of(Source(name="rows", uri=str(path), format=form, lag=lag), at)


def write(path: Path, content: str = "x", age: float = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (NOW - age, NOW - age))
    return path


def test_the_version_of_a_file_is_its_digest(tmp_path: Path) -> None:
    made = version(write(tmp_path / "rows.csv", "a,b\n"), "csv")
    assert made == f"sha256:{hashlib.sha256(b'a,b' + bytes([10])).hexdigest()}"


def test_the_version_of_a_folder_by_hand(tmp_path: Path) -> None:
    for name in ("b.parquet", "a/c.parquet", "_SUCCESS", ".part/d.parquet"):
        write(tmp_path / name, name)
    lines = [
        f"{name}\0{len(name)}\0sha256:{hashlib.sha256(name.encode()).hexdigest()}\n"
        for name in ("a/c.parquet", "b.parquet")
    ]
    assert version(tmp_path) == f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def test_the_version_changes_with_a_name_and_with_content_of_the_same_size(tmp_path: Path) -> None:
    seen = set()
    for name, content in (("a", "x"), ("a", "y"), ("b", "y")):
        for old in tmp_path.iterdir():
            old.unlink()
        write(tmp_path / name, content)
        seen.add(version(tmp_path))
    assert len(seen) == 3


def test_a_second_attempt_finds_the_version_of_the_first(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet")
    first = version(tmp_path)
    write(tmp_path / "b.parquet", age=-60)  # arrived between the attempts
    assert version(tmp_path) == first


def test_an_iceberg_snapshot_is_text_because_its_64_bits_do_not_fit_a_double(tmp_path: Path) -> None:
    id_ = 3821550127947089009
    assert float(id_) != id_
    log = [{"timestamp-ms": int((NOW - age) * 1000), "snapshot-id": id_ - age} for age in (9000, 5000, 0)]
    write(tmp_path / "metadata" / "v9.metadata.json", json.dumps({"snapshot-log": log[:1]}))
    write(tmp_path / "metadata" / "v10.metadata.json", json.dumps({"snapshot-log": log}))  # 10 is newer than 9
    assert version(tmp_path, "iceberg") == str(id_)
    assert version(tmp_path, "iceberg", lag=3600) == str(id_ - 5000)


def test_a_delta_commit_from_before_the_run(tmp_path: Path) -> None:
    for number, age in ((9, 9000), (10, 5000), (11, -60)):
        info = {"commitInfo": {"timestamp": int((NOW - age) * 1000)}}
        write(tmp_path / "_delta_log" / f"{number:020}.json", f'{json.dumps(info)}\n{{"add": {{}}}}\n')
    write(tmp_path / "_delta_log" / f"{10:020}.checkpoint.parquet")
    assert version(tmp_path, "delta") == "10"
    assert version(tmp_path, "delta", lag=6000) == "9"


def test_a_delta_commit_that_does_not_state_its_time_has_that_of_its_file(tmp_path: Path) -> None:
    write(tmp_path / "_delta_log" / f"{3:020}.json", '{"add": {}}\n', age=100)
    assert version(tmp_path, "delta") == "3"


@pytest.mark.parametrize(
    ("form", "files", "words"),
    [
        ("parquet", {}, "holds no files from before the run"),
        ("iceberg", {}, "does not exist"),
        ("iceberg", {"metadata/x.json": "{}"}, "has no Iceberg metadata"),
        ("iceberg", {"metadata/v1.metadata.json": "{"}, "is not JSON"),
        ("iceberg", {"metadata/v1.metadata.json": "[]"}, "has no snapshot from before the run"),
        ("iceberg", {"metadata/v1.metadata.json": '{"snapshot-log": [{"snapshot-id": -1}]}'}, "has no snapshot"),
        ("delta", {"_delta_log/x.json": "{}"}, "has no commit from before the run"),
        ("delta", {f"_delta_log/{1:020}.json": "nonsense"}, "is not a Delta commit"),
    ],
)
def test_a_table_without_a_version(tmp_path: Path, form: str, files: dict[str, Any], words: str) -> None:
    for name, content in files.items():
        write(tmp_path / name, content)
    with pytest.raises(Unreadable, match=words):
        version(tmp_path, form)


def test_a_place_that_a_pod_cannot_read() -> None:
    with pytest.raises(Unreadable, match="cannot be read from the pod: kafka://broker/clicks"):
        version_of(Source(name="clicks", uri="kafka://broker/clicks", format="avro"), NOW)
