"""The time between two training runs: how late one may start, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from .rules import findings, one

DAILY = 'retraining: {schedule: "0 3 * * *", maxModelAge: 5d}\n'


@pytest.mark.parametrize(
    ("training", "fires"),
    [
        ("fit: 6h50m", False),  # 2 x (10.25 h + 15 min) are 21 h
        ("fit: 7h", False),  # 2 x (10.5 h + 15 min) are 21.5 h of 21.6 h
        ("fit: 7h10m", True),  # 2 x (10.75 h + 15 min) are 22 h
        ("fit: 16h, retries: 0", True),  # 24 h and 15 min
        ("deadline: 21h30m", False),
        ("deadline: 21h40m", True),
        ("fit: 1h", False),
    ],
)
def test_a_tenth_of_a_day_is_2_h_24_min(training: str, fires: bool, tmp_path: Path) -> None:
    training = training.replace("6h50m", "410m").replace("7h10m", "430m").replace("21h30m", "1290m")
    fragment = f"training: {{{training.replace('21h40m', '1300m')}}}\n{DAILY}"
    assert bool(findings(tmp_path, "MLS434", fragment)) is fires


def test_trap_a_search_leaves_20_seconds_of_a_week(tmp_path: Path) -> None:
    """40 trials x 3 folds and the final fit of 40 min are 80.7 h; with half as much again 121 h, and twice that 242.5 h
    with the waits for a node. A week has 168 h, and two tries without headroom take 161.3 h of it.
    """
    search = """
    training:
      fit: 40m
      tuning: {when: every-run, trials: 40, parameters: {depth: {type: int, min: 1, max: 9}}}
      crossValidation: {folds: 3}
    retraining: {schedule: "0 3 * * 1", maxModelAge: 30d}
    """
    found = one(tmp_path, "MLS434", search)
    assert found.message == "a run may take 6d 23h 59m 40s of the 7d between two runs"
    assert "121 fits of 40m (40 trials x 3 folds + the final fit on all training rows = 121 fits)" in found.note
    assert "would be 10d 2h 30m" in found.note
    assert found.note.endswith("a run that starts more than 20s late is skipped")
    assert found.help == (
        "run less often, or shorten the run with fewer trials or folds or a larger pod, or write `retries: 0`"
    )


def test_a_run_that_no_schedule_starts_has_all_the_time(tmp_path: Path) -> None:
    assert findings(tmp_path, "MLS434", "training: {fit: 20h}") == []


def test_obeying_it_leaves_time(tmp_path: Path) -> None:
    """Nine tenths of a day, in whole hours, are 21 h, which two tries of 10 h fit in."""
    fragment = f"training: {{fit: 10h}}\n{DAILY}"
    assert one(tmp_path, "MLS434", fragment).help == "write `deadline: 21h` under `training`, or run less often"
    assert findings(tmp_path, "MLS434", fragment.replace("fit: 10h", "fit: 10h, deadline: 21h")) == []
