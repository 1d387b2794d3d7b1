"""The command that measures quality: joins of late labels, what is counted and said, hostile input, and its files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlspec.runtime.diagnose.settings import settings_of

from .captures import AT, DAY, Captured
from .support import run

RECALL = ("mlspec_quality", "recall", "score", "live")


def said(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.fixture
def captured(tmp_path: Path) -> Captured:
    """Four predictions whose labels are complete: 0.9 and 0.8 are called, 0.2 and 0.1 are not."""
    made = Captured(tmp_path)
    made.day(2, ["0041", "0042", "0043", "0044"], [0.9, 0.8, 0.2, 0.1], country=["DE", "DE", "FR", None])
    made.day(1, ["0051", "0052"], [0.7, 0.3])
    made.labels(["0041", "0042", "0043", "0044"], [True, False, True, False])
    return made


def test_a_metric_by_hand(captured: Captured) -> None:
    """Two of the four are positive, and one of these is called: a recall of 1/2 of 2 observations."""
    ran = captured.run()
    assert ran.status == 0, ran.err
    found = captured.series("quality")
    assert found[RECALL] == 0.5
    assert found["mlspec_quality_samples", "recall", "score", "live"] == 2
    # Wilson, 1 of 2
    assert found["mlspec_quality_low", "recall", "score", "live"] == pytest.approx(0.0945312, abs=1e-7)
    assert found["mlspec_quality_high", "recall", "score", "live"] == pytest.approx(0.9054688, abs=1e-7)
    assert "recall of score: 0.5 (0.09453 to 0.9055), 2 samples" in said(ran.out)


def test_trap_a_metric_with_a_cutoff_has_no_direction(captured: Captured) -> None:
    """The configuration names it with its cutoff, as the bound does."""
    captured.config["metrics"] = {"pinball_loss@0.5": {"direction": "minimize"}}
    captured.config["monitoring"]["quality"] = {"bounds": [{"metric": "pinball_loss@0.5", "max": 1}]}
    ran = captured.run()
    assert (ran.status, ran.err) == (0, "")
    found = captured.series("quality")["mlspec_quality", "pinball_loss@0.5", "score", "live"]
    assert found == pytest.approx(0.225), "half of the mean error"
    captured.config["monitoring"]["diagnoses"] = {"late": {"retrain": False, "signals": ["labels-late"]}}
    (bar,) = settings_of(captured.config).bars
    assert (bar.metric, bar.more) == ("pinball_loss@0.5", False)


def test_each_value_of_a_segment_is_measured_on_its_own_rows(captured: Captured) -> None:
    captured.run()
    found = captured.series("quality")
    assert found["mlspec_quality", "recall", "score", "live", "country", "DE"] == 1
    assert found["mlspec_quality", "recall", "score", "live", "country", "FR"] == 0
    assert found["mlspec_quality", "recall", "score", "live", "model_version", "14"] == 0.5


def test_labels_and_capture_are_watched(captured: Captured) -> None:
    captured.labels(["0041", "0042", "0043"], [True, False, True])
    captured.run()
    labels, capture = captured.series("labels"), captured.series("capture")
    assert labels["mlspec_label_coverage_ratio",] == 0.75
    # the third of four rows, in the middle of its quarter of the day that ended a day before
    assert labels["mlspec_label_newest_timestamp_seconds",] == AT - 2 * DAY + 2.5 * DAY / 4
    assert labels["mlspec_label_rows",] == 3
    assert labels["mlspec_label_mean",] == pytest.approx(2 / 3)
    assert capture["mlspec_capture_rows",] == 2
    assert capture["mlspec_capture_newest_timestamp_seconds",] == AT - DAY + 1.5 * DAY / 2


def test_the_newest_prediction_is_looked_for_further_back_than_the_last_interval(tmp_path: Path) -> None:
    """Otherwise a capture that stopped would have no age, and `ModelCaptureStopped` would not fire."""
    made = Captured(tmp_path)
    made.day(9, ["a", "b"], [0.9, 0.1])
    made.labels(["a", "b"], [1, 1])
    assert made.run().status == 0
    assert made.series("capture") == {("mlspec_capture_newest_timestamp_seconds",): AT - 9 * DAY + 1.5 * DAY / 2,
                                      ("mlspec_capture_rows",): 0}  # fmt: skip


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "labels.parquet"])
def test_trap_an_id_with_leading_zeros_is_a_text_in_every_format(captured: Captured, name: str) -> None:
    """CSV readers infer numbers, and 41 is not `0041`: every label would be unmatched, with no error."""
    captured.labels(["0041", "0042", "0043", "0044"], [True, False, True, False], name)
    assert captured.run().status == 0
    assert captured.series("labels")["mlspec_label_rows",] == 4
    assert captured.series("quality")[RECALL] == 0.5


def test_json_lines_of_predictions(tmp_path: Path) -> None:
    made = Captured(tmp_path)
    made.day(2, ["a", "b"], [0.9, 0.1], form="jsonl")
    made.labels(["a", "b"], [1, 1])
    assert made.run().status == 0
    assert made.series("quality")[RECALL] == 0.5


def test_predictions_that_are_too_young_do_not_count(captured: Captured) -> None:
    """`0051` is one day old, and its label may still change."""
    captured.labels(["0041", "0042", "0043", "0044", "0051"], [True, False, True, False, True])
    captured.run()
    assert captured.series("quality")["mlspec_quality_samples", "recall", "score", "live"] == 2


def test_a_row_without_a_label_is_left_out_or_a_negative(captured: Captured) -> None:
    captured.bounds("false_positive_rate")
    captured.config["metrics"]["false_positive_rate"] = {"direction": "minimize"}
    captured.labels(["0042", "0043"], [False, True])
    name = ("mlspec_quality_samples", "false_positive_rate", "score", "live")
    ran = captured.run()
    assert captured.series("quality")[name] == 1
    assert "with a label: 2; the 2 without one are left out" in said(ran.out)
    captured.config["monitoring"]["labels"]["unlabeled"] = "negative"
    ran = captured.run()
    assert captured.series("quality")[name] == 3
    assert "with a label: 2; the 2 without one count as negative" in said(ran.out)
    # what the source says, not what is assumed: otherwise a source that stopped would look complete
    assert captured.series("labels")["mlspec_label_coverage_ratio",] == 0.5


def test_what_does_not_fit_is_counted_and_said(captured: Captured) -> None:
    captured.day(2, ["0041", "0045"], [0.4, None])
    captured.labels(
        ["0041", "0041", "0042", "0042", "0043", "0044", "9999"], [True, True, False, True, None, False, True]
    )
    ran = captured.run()
    assert ran.status == 0
    assert set(said(ran.out)) >= {
        "1 predictions have labels that contradict each other, and are left out",
        "1 labels repeat an earlier one",
        "1 labels have no value",
        "1 labels belong to no prediction of the window",
        "1 predictions have the id of an earlier one, and are left out",
        "1 predictions have no finite output, and are left out",
    }
    # left are 0041, which is positive and called in its first row, and 0044
    assert captured.series("quality")[RECALL] == 1
    assert captured.series("labels")["mlspec_label_rows",] == 2


def test_without_any_label_the_newest_one_is_older_than_what_was_looked_at(captured: Captured) -> None:
    """Otherwise its series would be absent, or its age would stop growing, and no alert on late labels would fire."""
    captured.labels(["zz"], [True])
    ran = captured.run()
    assert ran.status == 0
    assert captured.series("labels")["mlspec_label_newest_timestamp_seconds",] == AT - DAY - 3 * DAY
    assert captured.series("quality")["mlspec_quality_samples", "recall", "score", "live"] == 0
    assert "recall of score: not measured: there are no rows with a label" in said(ran.out)


def test_rivals_are_compared_on_the_same_rows(tmp_path: Path) -> None:
    """The rival calls one of the two that the live version calls, and the label of both is positive."""
    made = Captured(tmp_path)
    made.day(2, list("abcd"), [0.9, 0.8, 0.2, 0.1], score__rules=[0.9, 0.1, 0.2, 0.1])
    made.labels(list("abcd"), [1, 1, 1, 0])
    made.bounds("recall", versus="rules")
    assert made.run().status == 0
    found = made.series("quality")
    assert found["mlspec_quality_difference", "recall", "score", "rules"] == pytest.approx(1 / 3)
    assert found["mlspec_quality", "recall", "score", "rules"] == pytest.approx(1 / 3)
    assert (
        found["mlspec_quality_difference_low", "recall", "score", "rules"]
        < 0
        < found["mlspec_quality_difference_high", "recall", "score", "rules"]
    )


def test_a_segment_that_is_not_in_the_data_is_said(captured: Captured) -> None:
    captured.config["monitoring"]["segments"] = ["planet"]
    ran = captured.run()
    assert ran.status == 0
    assert "captured predictions have no values of planet, so nothing is measured by it" in said(ran.out)


def test_a_rival_that_is_not_in_the_data_is_said(captured: Captured) -> None:
    captured.bounds("recall", versus="rules")
    ran = captured.run()
    assert ran.status == 0
    assert "recall of score: no difference from rules: captured predictions have no column score__rules" in ran.out


def test_a_sample_is_said_and_not_scaled_up(captured: Captured) -> None:
    captured.config["monitoring"]["capture"]["sample"] = 0.25
    ran = captured.run()
    assert "predictions that are old enough for a label: 4, a sample of 0.25 of all" in said(ran.out)
    assert captured.series("quality")["mlspec_quality_samples", "recall", "score", "live"] == 2


def test_newer_predictions_are_estimated_and_older_ones_calibrate(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    made = Captured(tmp_path)
    ids: list[str] = []
    labels: list[bool] = []
    for day in (3, 2, 1):
        score = random.random(2000)
        own = [f"{day}-{index}" for index in range(2000)]
        made.day(day, own, score)
        ids, labels = ids + own, labels + (random.random(2000) < score).tolist()
    made.labels(ids, labels)
    made.bounds("roc_auc")
    assert made.run().status == 0
    found = made.series("quality")
    # scores that are right, from U(0, 1), have an area of 5/6
    low, high = (found[f"mlspec_quality_estimate_{end}", "roc_auc", "score"] for end in ("low", "high"))
    assert low < 5 / 6 < high
    assert high - low < 0.06


def test_running_twice_writes_the_same_bytes(captured: Captured) -> None:
    captured.run()
    first = {path.name: path.read_bytes() for path in (captured.folder / "out").iterdir()}
    captured.run()
    assert {path.name: path.read_bytes() for path in (captured.folder / "out").iterdir()} == first
    assert set(first) == {f"{monitor}-{AT}.json" for monitor in ("quality", "labels", "capture")}


# Hostile input


def broken(captured: Captured, change: Any) -> str:
    change(captured.config)
    ran = captured.run()
    assert ran.status == 1, (ran.out, ran.err)
    assert len(said(ran.err)) == 1, ran.err
    assert ran.err.startswith("mlspec runtime quality: ")
    assert not (captured.folder / "out").exists() or not [*(captured.folder / "out").iterdir()]
    return ran.err.removeprefix("mlspec runtime quality: ").strip()


def put(path: str, value: Any) -> Any:
    def change(config: dict[str, Any]) -> None:
        *holders, key = path.split(".")
        for holder in holders:
            config = config[holder]
        config[key] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("monitoring", None, "the configuration has no mapping `monitoring`"),
        ("monitoring.labels", 3, "`monitoring` has no mapping `labels`"),
        ("monitoring.labels.delay", -1, "`delay` in `monitoring.labels` is not a number of seconds from 0"),
        ("monitoring.labels.format", "orc", "`monitoring.labels` has the format orc"),
        ("monitoring.labels.format", "csv", "is not csv, which `monitoring.labels.format` asks for"),
        ("monitoring.labels.unlabeled", "maybe", "is neither `dropped` nor `negative`"),
        ("monitoring.labels.column", "nope", "has no column nope"),
        ("monitoring.labels.uri", "azure://x/y", "not azure://"),
        ("monitoring.capture.uri", "/nowhere/at/all", "cannot be listed"),
        ("monitoring.capture.sample", 0, "is not a share above 0 and up to 1"),
        ("monitoring.interval", "1d", "`interval` in the configuration is not a number of seconds above 0"),
        ("monitoring.quality.bounds", [], "needs a list `bounds`"),
        ("monitoring.quality.bounds", [{"metric": "bleu"}], "`bleu` cannot be computed from outputs and labels"),
        ("monitoring.quality.bounds", [{"metric": "novel"}], "does not say the `direction` of novel"),
        ("monitoring.quality.bounds", [{"metric": "recall@x"}], "has a cutoff that is not a number"),
        ("monitoring.segments", "country", "`segments` in the configuration is not a list of texts"),
        ("monitoring.prediction.threshold", "high", "`monitoring.prediction.threshold` is not a number"),
        ("monitoring.prediction.output", "nope", "no captured prediction has a value of the output nope"),
        ("rivals", [1], "`rivals` in the configuration is not a mapping"),
    ],
)
def test_a_bad_configuration_is_one_clear_line(captured: Captured, path: str, value: Any, words: str) -> None:
    assert words in broken(captured, put(path, value))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", os.urandom(2000)])
def test_a_broken_label_file_is_one_clear_line(captured: Captured, content: bytes) -> None:
    (captured.folder / "labels.parquet").write_bytes(content)
    assert "labels.parquet is broken" in broken(captured, lambda _: None)


@pytest.mark.parametrize(
    "content", ["{", "[1]", '{"payment_id": {"a": 1}, "fraud": 1}', '{"payment_id": 1.5, "fraud": 1}', "\0"]
)
def test_broken_json_lines_are_one_clear_line(captured: Captured, content: str) -> None:
    captured.labels([], [], "labels.jsonl")
    (captured.folder / "labels.jsonl").write_text(content)
    assert "labels.jsonl" in broken(captured, lambda _: None)


def test_a_time_without_an_offset_is_refused(captured: Captured) -> None:
    captured.run()
    ran = run(
        "runtime", "quality", "--config", str(captured.folder / "config.json"), "--at", "2025-11-28", "--out", "x"
    )
    assert ran.status == 1
    assert "2025-11-28 is not a time with an offset, such as 2026-11-28T12:00:00Z" in ran.err


def test_without_a_configuration_it_is_wrong_usage() -> None:
    assert run("runtime", "quality", "--out", "x").status == 2


# Killed, and larger than memory


@pytest.mark.slow
def test_a_killed_run_leaves_whole_files_or_none(captured: Captured) -> None:
    random = np.random.default_rng(0)
    ids = [f"k{index}" for index in range(20_000)]
    captured.day(2, ids, random.random(20_000))
    captured.labels(ids, (random.random(20_000) < 0.3).tolist())
    captured.run()
    out = captured.folder / "out"
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    command = [sys.executable, "-m", "mlspec", "runtime", "quality", "--config", str(captured.folder / "config.json")]
    for wait in (0.2, 0.5, 0.8, 1.0):
        for path in out.iterdir():
            path.unlink()
        process = subprocess.Popen(
            [*command, "--at", "2025-11-28T00:00:00Z", "--out", str(out)], stdout=subprocess.DEVNULL
        )
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in out.glob("[!.]*"):
            assert path.read_bytes() == whole[path.name]


@pytest.mark.slow
def test_labels_of_any_size_take_bounded_memory(tmp_path: Path) -> None:
    """4 million labels of 40 bytes are 160 MB of text, and more than that in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = Captured(tmp_path)
    ids = [f"{index:040d}" for index in range(1000)]
    made.day(2, ids, np.linspace(0, 1, 1000))
    made.labels(ids, [index % 2 == 0 for index in range(1000)])
    made.run()
    path = tmp_path / "labels.parquet"
    with pq.ParquetWriter(path, pa.schema({"payment_id": pa.string(), "fraud": pa.bool_()})) as writer:
        for piece in range(40):
            names = [f"{index:040d}" for index in range(piece * 100_000, (piece + 1) * 100_000)]
            writer.write_table(pa.table({"payment_id": names, "fraud": [piece == 0] * len(names)}))
    measure = (
        "import sys; from mlspec.runtime.quality.command import Request, quality\n"
        "status = quality(Request(config=sys.argv[1], out=sys.argv[2], at='2025-11-28T00:00:00Z'))\n"
        "print(status, next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:')))"
    )
    arguments = [str(tmp_path / "config.json"), str(tmp_path / "out")]
    ran = subprocess.run([sys.executable, "-c", measure, *arguments], capture_output=True, text=True, check=True)
    status, kibibytes = ran.stdout.split()[-2:]
    assert status == "0"
    assert int(kibibytes) < 400 * 1024
    assert made.series("labels")["mlspec_label_mean",] == 1
