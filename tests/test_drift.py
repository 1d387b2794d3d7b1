"""Drift: distances by hand, false alarms and power on random windows, and the commands on files.

The numbers of the fixed example are worked by hand. `tests/cluster/loop/test_drift_numbers.py` compares with SciPy.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlspec.runtime.measure.distances import jensen_shannon, ks, psi, wasserstein
from mlspec.runtime.measure.drift import drift_of
from mlspec.runtime.measure.floors import Spread, floor
from mlspec.runtime.measure.measured import read

from .support import ROOT

REFERENCE = np.array([100, 200, 300, 250, 150])
WINDOW = np.array([130, 180, 260, 270, 160])

DAY = 86_400
END = 1_764_028_800  # midnight, UTC


# Distances


def test_the_fixed_example() -> None:
    assert psi(REFERENCE, WINDOW) == pytest.approx(0.017886778, abs=1e-9)
    assert jensen_shannon(REFERENCE, WINDOW) == pytest.approx(0.047246608, abs=1e-9)
    assert ks(REFERENCE, WINDOW) == pytest.approx(0.03, abs=1e-12)


def test_the_index_by_hand() -> None:
    """Shares of 0.5 and 0.5 against 0.6 and 0.4: 0.1 ln(0.6/0.5) - 0.1 ln(0.4/0.5) = 0.1 ln 1.5."""
    assert psi(np.array([5, 5]), np.array([6, 4])) == pytest.approx(0.1 * math.log(1.5))


def test_a_new_category_has_a_finite_distance() -> None:
    """An empty bin gets half a row on both sides, because its logarithm is infinite."""
    before, after = np.array([500, 500, 0]), np.array([400, 400, 200])
    assert psi(before, after) == pytest.approx(1.2415, abs=5e-5)
    assert jensen_shannon(before, after) == pytest.approx(0.273645, abs=5e-7)


def test_the_area_between_two_samples() -> None:
    """The first Wasserstein distance is 2.0, and 0.696311 in standard deviations of the first sample."""
    x, y = np.arange(1.0, 11), np.array([2, 3, 4, 5, 6, 8, 9, 11, 12, 15.0])
    edges = np.arange(1.5, 15)
    sides = []
    for sample in (x, y):
        bins = np.searchsorted(edges, sample)
        counts = np.bincount(bins, minlength=len(edges) + 1)
        sides += [counts, np.bincount(bins, sample, len(edges) + 1) / np.maximum(counts, 1)]
    area = wasserstein(edges, *sides)
    assert area == pytest.approx(2.0)
    assert area / x.std() == pytest.approx(0.696311, abs=5e-7)


@pytest.mark.parametrize(
    ("shift", "index", "js", "largest"),
    [(0.1, 0.0096, 0.0346, 0.0399), (0.3, 0.0861, 0.1033, 0.1192), (0.5, 0.2377, 0.1704, 0.1974)],
)
def test_a_shift_of_a_normal_distribution_in_deciles(shift: float, index: float, js: float, largest: float) -> None:
    """From N(0, 1) to N(d, 1), exactly."""
    deciles = [NormalDist().inv_cdf(tenth / 10) for tenth in range(1, 10)]
    below = [0.0, *(NormalDist(shift).cdf(edge) for edge in deciles), 1.0]
    before, after = np.full(10, 0.1), np.diff(below)
    assert psi(before, after) == pytest.approx(index, abs=5e-5)
    assert jensen_shannon(before, after) == pytest.approx(js, abs=5e-5)
    assert largest - 0.1 < ks(before, after) < largest + 5e-5, (
        "at the edges of the bins, it is smaller by at most one share"
    )


# False alarms and power

DRAWS = 2_000
ALPHA = 0.01
MOST = 31
"""Of 2,000 windows without drift, more than 31 false alarms have a probability below 1% at a rate of 1%."""

STATISTICS = {"psi": psi, "jensen-shannon": jensen_shannon, "ks": ks}
SHARES = np.array([0.02, 0.05, 0.08, 0.1, 0.1, 0.1, 0.15, 0.15, 0.15, 0.1])


def test_the_bound_of_false_alarms_is_the_binomial_one() -> None:
    chance = [math.comb(DRAWS, k) * ALPHA**k * (1 - ALPHA) ** (DRAWS - k) for k in range(MOST + 1)]
    assert sum(chance[:-1]) < 0.99 <= sum(chance)


@pytest.mark.exhaustive
@pytest.mark.parametrize("method", [*STATISTICS])
@pytest.mark.parametrize(("rows", "of_reference"), [(200, 200), (300, 20_000), (20_000, 20_000)])
def test_false_alarms_keep_their_rate(method: str, rows: int, of_reference: int) -> None:
    random = np.random.default_rng([rows, of_reference])
    references = random.multinomial(of_reference, SHARES, DRAWS)
    windows = random.multinomial(rows, SHARES, DRAWS)
    distances = STATISTICS[method](references, windows)
    # a distance far below the typical one is no alarm whatever its floor, and needs none
    high = np.argsort(distances)[-120:]
    alarms = sum(distances[one] > (floor(method, references[one], windows[one], ALPHA) or 0) for one in high)
    assert alarms <= MOST


@pytest.mark.exhaustive
def test_the_area_keeps_its_rate() -> None:
    random, alarms = np.random.default_rng(7), 0
    for _ in range(400):
        samples = random.lognormal(0, 1, 4000), random.lognormal(0, 1, 400)
        edges = np.quantile(samples[0], np.arange(0.1, 1, 0.1))
        sides = []
        for sample in samples:
            bins = np.searchsorted(edges, sample)
            counts = np.bincount(bins, minlength=10)
            means = np.bincount(bins, sample, 10) / counts
            squares = np.bincount(bins, sample**2, 10) / counts
            sides.append((counts, means, np.sqrt(np.maximum(squares - means**2, 0))))
        distance = wasserstein(edges, *sides[0][:2], *sides[1][:2])
        noise = floor("wasserstein", sides[0][0], sides[1][0], ALPHA, Spread(edges, *sides))
        alarms += int(distance > (noise or 0))
    assert alarms <= 10  # of 400 at 1%, more than 10 have a probability below 1%


SHIFTS = (0.1, 0.2, 0.3, 0.5, 1.0)
"""Shifts of the mean of a normal column, in standard deviations."""


def powers() -> dict[str, list[float]]:
    """How many of 60 windows of 1,000 rows are above their noise, by method, for each of the shifts."""
    random = np.random.default_rng(11)
    edges = np.array([NormalDist().inv_cdf(tenth / 10) for tenth in range(1, 10)])
    reference = np.full(10, 10_000)
    found: dict[str, list[float]] = {}
    for method, statistic in STATISTICS.items():
        for shift in SHIFTS:
            hits = 0
            for _ in range(60):
                window = np.bincount(np.searchsorted(edges, random.normal(shift, 1, 1000)), minlength=10)
                hits += int(statistic(reference, window) > (floor(method, reference, window, ALPHA) or 0))
            found.setdefault(method, []).append(hits / 60)
    return found


@pytest.mark.exhaustive
def test_power_on_five_known_shifts_is_what_the_page_prints() -> None:
    page = (ROOT / "docs" / "measuring.md").read_text()
    for method, power in powers().items():
        assert power == sorted(power), "a larger shift is found more often"
        assert power[0] < 0.9
        assert power[2:] == pytest.approx([1, 1, 1], abs=0.02)
        assert f"| `{method}` | {' | '.join(f'{share:.0%}' for share in power)} |" in page


# The commands


def rows(count: int, *, shift: float = 0, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    amount = random.normal(100 + 10 * shift, 10, count)
    amount[::50] = np.nan
    return {
        "payment_id": [f"p{seed}-{index}" for index in range(count)],
        "amount": pa.array(amount, mask=np.arange(count) % 40 == 0),
        "country": pa.array(random.choice(["DE", "FR", "US"], count, p=[0.5, 0.3, 0.2])).dictionary_encode(),
        "constant": np.full(count, 7),
        "score": random.beta(2, 5, count),
    }


def captured(folder: Path, made: dict[str, Any], end: int = END) -> Path:
    """Records of the day before `end`, in two files."""
    count = len(made["payment_id"])
    times = (end - DAY + np.arange(count) * DAY // count).astype("datetime64[s]").astype("datetime64[us]")
    table = pa.table({**made, "time": pa.array(times, pa.timestamp("us", "UTC")), "model_version": ["14"] * count})
    day = folder / f"date={str(np.datetime64(end - DAY, 's'))[:10]}"
    day.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.slice(0, count // 3), day / "a.parquet", row_group_size=700)
    pq.write_table(table.slice(count // 3), day / "b.parquet", row_group_size=1000)
    return folder


def watched(column: str, subject: str = "feature", method: str = "psi", threshold: float = 0.1) -> dict[str, Any]:
    return {"column": column, "subject": subject, "method": method, "threshold": threshold, "minSamples": 500}


def configured(tmp_path: Path, *columns: dict[str, Any], segments: tuple[str, ...] = ()) -> dict[str, Any]:
    drift = {"window": DAY, "bins": 10, "falseAlarms": 0.01, "reference": str(tmp_path / "profile.json")}
    monitoring = {
        "interval": DAY,
        "capture": {"uri": str(tmp_path / "captured"), "id": "payment_id"},
        "segments": list(segments),
        "drift": {**drift, "columns": list(columns)},
    }
    config = {"version": 1, "data": {"columns": [{"name": "amount", "min": 0}]}, "monitoring": monitoring}
    (tmp_path / "monitor.json").write_text(json.dumps(config))
    return config


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlspec", "runtime", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def profiled(tmp_path: Path, *more: str) -> None:
    reference = tmp_path / "predictions.parquet"
    pq.write_table(pa.table(rows(20_000, seed=1)), reference, row_group_size=3000)
    done = run(
        "profile", "--data", reference, "--config", tmp_path / "monitor.json", *more, "--out", tmp_path / "profile.json"
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_from_files_to_a_verdict(tmp_path: Path) -> None:
    columns = watched("amount"), watched("country"), watched("score", "prediction"), watched("constant")
    configured(tmp_path, *columns, segments=("country",))
    profiled(tmp_path)
    first = (tmp_path / "profile.json").read_bytes()
    profiled(tmp_path)
    assert (tmp_path / "profile.json").read_bytes() == first, "the same rows give the same bytes"
    at = ("--at", "2025-11-25T00:00:00Z", "--config", tmp_path / "monitor.json", "--out", tmp_path / "drift.json")
    captured(tmp_path / "captured", rows(6000, seed=2))
    steady = run("drift", *at)
    assert (steady.returncode, steady.stderr) == (0, "")
    measured = read(tmp_path / "drift.json")
    assert list(measured.window) == [END - DAY, END]
    scores = [one for one in measured.series if one.labels["column"] == "score" and "segment" not in one.labels]
    assert {one.name: one.value for one in scores}["mlspec_drift_samples"] == 6000
    captured(tmp_path / "captured", rows(6000, shift=1, seed=3))
    moved = run("drift", *at)
    assert (moved.returncode, moved.stderr) == (42, "")
    line = next(line for line in moved.stdout.splitlines() if line.startswith("amount:"))
    assert ": drift" in line
    assert "score:" in moved.stdout


def test_only_the_window_is_read(tmp_path: Path) -> None:
    config = configured(tmp_path, watched("score", "prediction"))
    profiled(tmp_path)
    captured(tmp_path / "captured", rows(2000, seed=4))
    captured(tmp_path / "captured", rows(3000, seed=5), END + DAY)
    for end, expected in ((END, 2000), (END + DAY, 3000), (END + DAY // 2, 2500)):
        assert drift_of(config, float(end)).rows == expected


def test_a_broken_column_is_said_and_is_drift(tmp_path: Path) -> None:
    config = configured(tmp_path, watched("amount"))
    profiled(tmp_path)
    made = rows(2000, seed=6)
    made["amount"] = pa.nulls(2000, pa.float64())
    captured(tmp_path / "captured", made)
    found = drift_of(config, float(END))
    assert found.drifted
    assert [each.verdict for each in found.found] == ["gone"]


def test_few_rows_give_no_verdict(tmp_path: Path) -> None:
    config = configured(tmp_path, watched("amount"))
    profiled(tmp_path)
    captured(tmp_path / "captured", rows(400, shift=3, seed=7))
    found = drift_of(config, float(END))
    assert [each.verdict for each in found.found] == ["few"]
    assert not found.drifted


def test_an_unseen_category_counts(tmp_path: Path) -> None:
    config = configured(tmp_path, watched("country"))
    profiled(tmp_path)
    made = rows(4000, seed=8)
    made["country"] = ["XX"] * 2000 + ["DE"] * 2000
    captured(tmp_path / "captured", made)
    (found,) = drift_of(config, float(END)).found
    assert found.verdict == "drift"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "is not JSON"),
        ("{}", "drift.columns"),
        ('{"monitoring": {"drift": {"columns": [7]}}}', "is not a mapping"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "c.json").write_text(content)
    done = run("drift", "--config", tmp_path / "c.json", "--out", tmp_path / "d.json")
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "d.json").exists()


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    configured(tmp_path, watched("amount"))
    profiled(tmp_path)
    captured(tmp_path / "captured", rows(2000, seed=9))
    (broken,) = (tmp_path / "captured").glob("*/b.parquet")
    broken.write_bytes(broken.read_bytes()[:-100])
    at = ("--at", "2025-11-25T00:00:00Z", "--config", tmp_path / "monitor.json", "--out", tmp_path / "drift.json")
    done = run("drift", *at)
    assert done.returncode == 1
    assert "b.parquet" in done.stderr
    assert not (tmp_path / "drift.json").exists()


def test_violated_expectations_are_measured(tmp_path: Path) -> None:
    configured(tmp_path, watched("amount"))
    made = rows(2000, seed=10)
    amounts = np.full(2000, 5.0)
    amounts[:20] = -1
    made["amount"] = pa.array(amounts, mask=np.arange(2000) < 0)
    captured(tmp_path / "captured", made)
    at = ("--at", "2025-11-25T00:00:00Z", "--config", tmp_path / "monitor.json", "--out", tmp_path / "data.json")
    assert run("data", *at).returncode == 42
    measured = read(tmp_path / "data.json")
    assert measured.value("mlspec_data_violation_ratio", column="amount") == pytest.approx(0.01)
    assert measured.value("mlspec_null_ratio", column="amount") == 0
