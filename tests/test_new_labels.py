"""How many labels are new since the live version was trained, counted from captured predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.exporter.jobs import jobs_of
from mlspec.runtime.quality.fresh import NAME, new_labels

from .captures import AT, DAY, Captured


@pytest.fixture
def made(tmp_path: Path) -> Captured:
    """Two predictions on each of five days. A label takes a day; `d1` has none, and `e1` two."""
    found = Captured(tmp_path)
    for before, names in ((6, "a"), (5, "b"), (4, "c"), (3, "d"), (2, "e"), (1, "f")):
        found.day(before, [f"{names}1", f"{names}2"], [0.9, 0.1])
    ids = ["a1", "a2", "b1", "b2", "c1", "c2", "d2", "e1", "e1", "e2", "f1", "f2", "other"]
    found.labels(ids, [1] * 7 + [0, 1] + [1] * 4)
    return found


def count(made: Captured, trained: float, **more: Any) -> float:
    made.config["monitoring"]["retraining"] = {"trainedAt": trained, **more}
    (one,) = new_labels(made.config, AT, piece=2)
    return one.value


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, 0),  # no label was completed since
        (1, 1),  # e2; e1 has two labels, which contradict each other
        (2, 2),  # d2
        (3, 4),  # c1 and c2
        (4, 6),
        (90, 8),
    ],
)
def test_labels_count_from_the_time_of_training(made: Captured, days: int, expected: int) -> None:
    """A label of a day ago belongs to a prediction of two days ago, and today's labels of `f` are not complete."""
    assert count(made, AT - days * DAY) == expected


def test_it_stops_at_as_many_as_training_needs(made: Captured) -> None:
    assert count(made, AT - 90 * DAY, minNewLabels=3) == 4  # pieces of two


def test_without_a_label_is_a_negative_where_the_spec_says_so(made: Captured) -> None:
    made.config["monitoring"]["labels"]["unlabeled"] = "negative"
    assert count(made, AT - 90 * DAY) == 10


def test_a_prediction_that_was_logged_twice_counts_once(tmp_path: Path) -> None:
    made = Captured(tmp_path)
    made.day(2, ["a", "a"], [0.9, 0.9])
    made.labels(["a"], [1])
    assert count(made, AT - 2 * DAY) == 1


def test_without_a_time_of_training_nothing_is_counted(made: Captured) -> None:
    assert new_labels(made.config, AT) == ()


def test_a_time_that_is_none_is_said(made: Captured) -> None:
    with pytest.raises(Unreadable, match="`trainedAt` or `minNewLabels`"):
        count(made, "yesterday")  # type: ignore[arg-type]


def test_the_command_and_the_process_count_them(made: Captured) -> None:
    made.config["monitoring"]["retraining"] = {"trainedAt": AT - 3 * DAY, "minNewLabels": 100}
    ran = made.run()
    assert ran.status == 0, ran.err
    assert made.series("labels")["mlspec_label_new_rows",] == 4
    (job,) = [one for one in jobs_of(made.config) if one.name == "quality"]
    (labels,) = [one for one in job.measure(AT) if one.monitor == "labels"]
    assert {one.name: one.value for one in labels.series}["mlspec_label_new_rows"] == 4


def test_the_process_counts_them_without_a_bar_for_the_quality(made: Captured) -> None:
    made.config["monitoring"] |= {"quality": {}, "retraining": {"trainedAt": AT - 3 * DAY, "minNewLabels": 100}}
    jobs = {one.name: one for one in jobs_of(made.config)}
    assert list(jobs) == ["labels", "capture"]
    (labels,) = jobs["labels"].measure(AT)
    found = {one.name: one.value for one in labels.series}
    assert (labels.monitor, found[NAME]) == ("labels", 4)
    assert "mlspec_label_newest_timestamp_seconds" in found
