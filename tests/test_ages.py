"""Ages that alerts compare with a bound, sampled as the process that measures samples them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlspec
from mlspec.api import Result
from mlspec.compiler.exported import CONTRACT, Exported, Monitor
from mlspec.compiler.plan import Plan
from mlspec.compiler.plan.looks import Seen
from mlspec.compiler.plan.measuring import seen
from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.exporter.ages import Age, Ages, ages_of
from mlspec.runtime.exporter.history import History
from mlspec.runtime.exporter.jobs import NEWEST, Job
from mlspec.runtime.exporter.rounds import Rounds
from mlspec.runtime.feature_store import job as feature_job
from mlspec.runtime.measure import tables
from mlspec.runtime.measure.measured import Measured, Series, write
from mlspec.runtime.quality import sources

from .support import EXAMPLES, ROOT, changed, compile_text, dumped, files, loaded

DAY = 86_400.0
NOW = 1_764_028_800.0
MINUTE = 60.0

AGES = [one for one in CONTRACT if one.since == "age"]


def example() -> Result:
    [spec] = [path for path in EXAMPLES if path.name == "fraud-scorer"]
    return mlspec.compile(spec / "mlspec.yaml")


def plan_of(result: Result) -> Plan:
    return next(one.plan for one in result._compiled.environments if one.name == "production")


def read_again(one: Exported, how: Seen, value: Callable[[float], float], folder: Path) -> Callable[[float], float]:
    """What the process exports at a time, with its own pace."""
    monitor: Monitor = one.monitor or "labels"

    def series(at: float) -> tuple[Series, ...]:
        return (Series(name=one.name, labels={}, value=value(at)),)

    every = float(how.every.value.amount)
    if one.looks:
        ages = Ages((Age(monitor=monitor, every=every, read=series),), print)

        def look(now: float) -> float:
            ages.look(now)
            return ages.over(())[0].series[0].value

        return look

    def measure(at: float) -> tuple[Measured, ...]:
        return (Measured(monitor=monitor, time=at, window=(at - every, at), series=series(at)),)

    history = History(folder)
    rounds = Rounds((Job(name=monitor, monitors=(monitor,), period=every, measure=measure),), history, print)

    def measured(now: float) -> float:
        while rounds.run(now, lambda: now):
            pass
        return history.newest()[0].series[0].value

    return measured


@pytest.mark.parametrize("one", AGES, ids=[one.metric for one in AGES])
def test_trap_a_time_that_is_read_once_a_day_is_a_day_old_before_it_is_read_again(
    one: Exported, tmp_path: Path
) -> None:
    """The alert compares it with now every minute. What the plan says an age reaches is what it reaches."""
    plan = plan_of(example())
    how = seen(plan, one)
    assert how is not None
    labels = plan.system.data.labels
    assert labels is not None
    assert labels.delay is not None
    assert plan.measuring is not None
    behind = {"labels": labels.delay.value, "capture": plan.measuring.part.every.value}
    late = float(behind[one.monitor].amount) if one.monitor in behind else 5 * MINUTE  # until it is materialized again
    exported = read_again(one, how, lambda at: at - late, tmp_path)
    minutes = [NOW + MINUTE * minute for minute in range(int(2 * DAY / MINUTE) + 60)]
    oldest = max(now - exported(now) for now in minutes)
    assert oldest <= float(how.oldest.value.amount)
    assert oldest >= float(how.oldest.value.amount) - 2 * MINUTE


def test_trap_the_alerts_of_the_example_fire_between_two_measurements() -> None:
    """Features may be 15 minutes old, and a time that is read once a day is older for all but 15 minutes of it."""
    result = example()
    plan = plan_of(result)
    written = files(result)["production/monitoring/rules-model.yaml"]
    ages = re.findall(r"time\(\) - max\((mlspec_\w+)\{.*\}\) > (\d+)", written)
    assert {name for name, _ in ages} == {
        "mlspec_feature_newest_timestamp_seconds",
        "mlspec_label_newest_timestamp_seconds",
    }
    for name, limit in ages:
        how = seen(plan, next(one for one in AGES if one.name == name))
        assert how is not None
        assert float(how.oldest.value.amount) < int(limit)


CASES = ROOT / "tests" / "errors"
NIGHTLY = {
    "mode": "batch",
    "image": f"registry.example.com/fraud/score@sha256:{'5' * 64}",
    "input": {"uri": "s3://lake/payments/{date}/", "access": "models"},
    "output": {"uri": "s3://lake/scores/{date}/", "access": "models"},
    "resources": {"cpu": 2, "memory": "4Gi"},
}


def of_features(folder: Path, most: str, schedule: str, **changes: object) -> Result:
    """A system with one feature view, whose source is an hour behind."""
    made = changed(loaded((CASES / "MLS795-a-feature-view" / "mlspec.yaml").read_text()), **changes)
    made["features"]["views"][0] |= {"maxAge": most, "schedule": schedule}
    return compile_text(folder, dumped(made), platform=(CASES / "mlspec.platform.yaml").read_text())


def limits_of_features(result: Result) -> list[int]:
    [rules] = [text for path, text in files(result).items() if path.endswith("rules-model.yaml")]
    return [int(limit) for limit in re.findall(r"mlspec_feature_newest_timestamp_seconds\{.*\}\) > (\d+)", rules)]


@pytest.mark.parametrize(
    ("most", "seconds"),
    [("12h", 37 * 3600 + 60), ("25h", 37 * 3600 + 60), ("26h", 26 * 3600), ("37h", 37 * 3600)],
)
def test_trap_the_features_of_a_nightly_run_are_stale_every_day(most: str, seconds: int, tmp_path: Path) -> None:
    """The run reads them when they are three and a half hours old. They get 25 hours old before the next night, and the
    job that computes them may take 12.
    """
    result = of_features(
        tmp_path,
        most,
        "30 1 * * *",
        constraints={"deadline": "2h", "items": "700k"},
        serving={**NIGHTLY, "schedule": "0 4 * * *"},
        monitoring__rules=[{"metric": "null-rate", "max": "1%"}],
    )
    assert [one.message for one in result.diagnostics if one.id in ("MLS713", "MLS795")] == []
    assert limits_of_features(result) == [seconds]


@pytest.mark.parametrize(("most", "fires"), [("90m", True), ("2h", True), ("3h", False)])
def test_trap_a_bound_on_features_is_shorter_than_the_time_between_two_materializations(
    most: str, fires: bool, tmp_path: Path
) -> None:
    """A source that is an hour behind, and a view that is materialized each hour."""
    rules = [{"metric": "feature-age", "of": "activity", "max": most}]
    found = of_features(tmp_path, "3h", "0 * * * *", monitoring__rules=rules).diagnostics
    assert [one.help for one in found if one.id == "MLS795"] == (["write `max: 3h`"] if fires else [])


# What the process reads


def test_trap_each_look_lists_a_year_of_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that runs every five minutes leaves 100,000 files in a year. The last one also has a fixed name."""
    series = {"card": int((NOW - 240) * feature_job.SECOND)}
    for now in (NOW - 600, NOW - 300):
        feature_job._measured({"measured": str(tmp_path / "measured")}, dict(series), int(now))
    (age,) = ages_of({"featureResults": str(tmp_path / "measured")}, DAY)
    monkeypatch.setattr("mlspec.runtime.measure.places.inside", lambda _: pytest.fail("it lists the folder"))
    assert (age.every, [one.value for one in age.read(NOW)]) == (60, [NOW - 240])


def test_a_job_of_before_that_file_is_read_from_its_results(tmp_path: Path) -> None:
    one = Series(name="mlspec_feature_newest_timestamp_seconds", labels={"view": "card"}, value=NOW - 60)
    last = Measured(monitor="features", time=NOW, window=(NOW, NOW), series=(one,))
    write(tmp_path / f"features-{int(NOW)}.json", last)
    assert not (tmp_path / NEWEST).exists()
    (age,) = ages_of({"featureResults": str(tmp_path)}, DAY)
    assert age.read(NOW) == (one,)


def predictions(path: Path, time: float, written: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    times = pa.array([int(time * 1e6)], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"time": times}), path)
    os.utime(path, (written, written))


def test_trap_each_look_reads_all_predictions_of_the_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was written before the newest prediction has no newer one."""
    for minute in range(0, 100, 5):
        at = NOW + MINUTE * minute
        predictions(tmp_path / "date=2025-11-25" / f"{minute}.parquet", at, at + 30)
    (tmp_path / "date=2025-11-25" / "_part.parquet").write_text("still being written")
    read: list[str] = []

    def batches(uris: Sequence[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        read.extend(uris)
        return tables.batches(uris, columns)

    monkeypatch.setattr(sources, "batches", batches)
    monitoring = {"capture": {"uri": str(tmp_path), "id": "id"}}
    (age,) = ages_of(monitoring, DAY)
    assert (age.every, [one.value for one in age.read(NOW + DAY / 2)]) == (300, [NOW + 95 * MINUTE])
    assert [Path(uri).name for uri in read] == ["95.parquet"]


def test_trap_one_file_without_a_time_ends_the_process(tmp_path: Path) -> None:
    """The time that was read before stays, and the log names the file."""
    folder = tmp_path / "date=2025-11-25"
    predictions(folder / "a.parquet", NOW + MINUTE, NOW + 2 * MINUTE)
    said: list[str] = []
    ages = Ages(ages_of({"capture": {"uri": str(tmp_path), "id": "id"}}, DAY), said.append)
    ages.look(NOW + 5 * MINUTE)
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "b.parquet")
    contents = {
        "b.jsonl": b'{"id": "1"}\n',
        "b.csv": b"id\n1\n",
        "b.parquet": (tmp_path / "b.parquet").read_bytes(),
    }
    for later, (name, content) in enumerate(contents.items(), 1):
        (folder / name).write_bytes(content)
        ages.look(NOW + 5 * MINUTE + later * DAY)
        (folder / name).unlink()
    why = "which says when each prediction was made"
    assert said == [f"capture: {folder / name} has no column `time`, {why}" for name in contents]
    assert [one.value for one in ages.of("capture")[0].series] == [NOW + MINUTE]


def test_trap_a_checksum_next_to_the_records_hides_them(tmp_path: Path) -> None:
    """Readers ignore other files (docs/capture.md)."""
    folder = tmp_path / "date=2025-11-25"
    predictions(folder / "a.parquet", NOW + MINUTE, NOW + 2 * MINUTE)
    (folder / "a.parquet.md5").write_text("d41d8cd98f00b204e9800998ecf8427e")
    assert sources.newest_time(str(tmp_path), NOW + DAY) == NOW + MINUTE
    assert [table.num_rows for table in sources.captured(str(tmp_path), ["time"], NOW, NOW + DAY)] == [1]
    with pytest.raises(Unreadable, match=r"a\.parquet\.md5 has none of the known formats"):
        [*tables.batches([str(folder / "a.parquet.md5")])]
    with pytest.raises(Unreadable, match=r"a\.parquet\.md5 has none of the known formats"):
        [*tables.batches([str(folder)])]


def test_a_prediction_before_a_time_is_found_behind_newer_files(tmp_path: Path) -> None:
    for minute in (5, 10, 15):
        predictions(tmp_path / "date=2025-11-25" / f"{minute}.parquet", NOW + MINUTE * minute, NOW + DAY)
    assert sources.newest_time(str(tmp_path), NOW + 12 * MINUTE) == NOW + 10 * MINUTE


# What it does with a failure


def test_trap_a_store_that_is_away_hides_how_old_the_newest_time_is() -> None:
    """The time that was read before stays, so its age grows. The log has one line for each reason."""
    answers: list[float | str] = [NOW, "the store is away", "the store is away", NOW + 180]
    said: list[str] = []

    def read(_: float) -> tuple[Series, ...]:
        answer = answers.pop(0)
        if isinstance(answer, str):
            raise OSError(answer)
        return (Series(name="mlspec_feature_newest_timestamp_seconds", labels={}, value=answer),)

    ages = Ages((Age(monitor="features", every=60, read=read),), said.append)
    seen_ = []
    for minute in range(4):
        ages.look(NOW + MINUTE * minute)
        seen_.append(ages.of("features")[0].series[0].value - NOW)
    assert seen_ == [0, 0, 0, 180]
    assert said == ["features: the store is away"]


def test_trap_a_new_time_hides_what_else_its_monitor_exports() -> None:
    """The job of the quality also counts the predictions that were logged."""

    def measured(value: float) -> Measured:
        names = ("mlspec_capture_rows", "mlspec_capture_newest_timestamp_seconds")
        series = tuple(Series(name=name, labels={}, value=value) for name in names)
        return Measured(monitor="capture", time=NOW, window=(NOW - DAY, NOW), series=series)

    newest = Series(name="mlspec_capture_newest_timestamp_seconds", labels={}, value=9.0)
    ages = Ages((Age(monitor="capture", every=300, read=lambda _: (newest,)),), print)
    ages.look(NOW)
    (one,) = ages.over([measured(5.0)])
    assert {each.name: each.value for each in one.series} == {
        "mlspec_capture_rows": 5.0,
        "mlspec_capture_newest_timestamp_seconds": 9.0,
    }


def test_trap_a_bug_stops_the_looks_and_nobody_notices() -> None:
    """The old times would be served as if they were new. So the whole process ends, and Kubernetes starts it again."""

    def broken(_: float) -> tuple[Series, ...]:
        raise KeyError("a bug")

    ended = Event()
    ages = Ages((Age(monitor="features", every=0.01, read=broken),), print)
    with pytest.raises(KeyError):
        ages.watch(ended, lambda: NOW)
    assert ended.is_set()
