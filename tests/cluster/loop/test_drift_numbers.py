"""The numbers of `mlspec runtime drift` and `data` against SciPy's, on the same rows.

PSI and the Jensen-Shannon distance compare bins, so SciPy gets the counts in the bins of the profile. Our test of
Kolmogorov and Smirnov compares the edges of bins, so SciPy gets the number of each row's bin. Where each value is a bin
of its own, it gets the rows. The area is exact unless the distribution functions cross inside a bin, so SciPy gets the
rows.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlspec.runtime.measure.commands import profile
from mlspec.runtime.measure.data import data_of
from mlspec.runtime.measure.distances import psi, wasserstein
from mlspec.runtime.measure.drift import drift_of
from mlspec.runtime.measure.measured import Measured

from ...test_drift import DAY, END, SHIFTS, captured, powers
from ..environments import environment
from ..proof import Proof

TITLE = "Drift"
COLUMNS = ("compared with", "what", "seen")
REQUIREMENTS = Path(__file__).parent / "requirements" / "statistics.txt"

SCIPY = """
import json, sys
import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, ks_2samp, wasserstein_distance
answers = {}
for name, given in json.load(sys.stdin).items():
    rows = [np.array(given[side], dtype=float) for side in ("reference", "window")]
    x, y = (one[~np.isnan(one)] for one in rows)
    bins = [np.digitize(one, given["edges"]) for one in (x, y)]
    p, q = (np.bincount(one, minlength=len(given["edges"]) + 1) for one in bins)
    answers[name] = {
        "psi": entropy(p, q) + entropy(q, p),
        "jensen-shannon": jensenshannon(p, q),
        "ks": ks_2samp(*bins).statistic,
        "ks of the rows": ks_2samp(x, y).statistic,
        "wasserstein": wasserstein_distance(x, y) / x.std(),
        "nulls": float(np.isnan(rows[1]).mean()),
    }
print(json.dumps(answers))
"""
"""The sum of both relative entropies is the PSI: (q - p) ln(q / p) = q ln(q / p) + p ln(p / q)."""

METHODS = ("psi", "jensen-shannon", "ks", "wasserstein")


def _scipy(given: dict[str, Any]) -> Any:
    python = environment("loop-statistics", REQUIREMENTS) / "bin" / "python"
    ran = subprocess.run(
        [str(python), "-c", SCIPY], input=json.dumps(given), capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(ran.stdout)


def _rows() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The reference and the window of each column; a missing value is NaN."""
    random = np.random.default_rng(3)
    amount = random.lognormal(3, 1, 4000)
    later = np.concatenate((amount + 2, np.full(500, np.nan)))
    return {
        "moved": (np.tile(amount, 2), later),  # every row by 2, so the functions do not cross
        "whole": (random.integers(0, 9, 8000).astype(float), random.binomial(8, 0.6, 4500).astype(float)),
        "spread": (random.normal(0, 1, 8000), random.normal(0.1, 1.2, 4500)),  # wider, so they cross in a bin
    }


def _measured(folder: Path, rows: dict[str, tuple[np.ndarray, np.ndarray]]) -> tuple[Measured, Measured, Any]:
    """What the functions of the commands measure on files, and the profile of the reference."""
    columns = [
        {"column": name, "subject": "feature", "method": method, "threshold": 0.1, "minSamples": 100}
        for name in rows
        for method in METHODS
    ]
    config = {
        "version": 1,
        "data": {"columns": [{"name": name} for name in rows]},
        "monitoring": {
            "interval": DAY,
            "capture": {"uri": str(folder / "captured"), "id": "payment_id"},
            "drift": {"window": DAY, "bins": 10, "falseAlarms": 0.01, "reference": str(folder / "p.json"),
                      "columns": columns},
        },
    }  # fmt: skip
    pq.write_table(pa.table({name: _column(one) for name, (one, _) in rows.items()}), folder / "rows.parquet")
    (folder / "config.json").write_text(json.dumps(config))
    assert profile([str(folder / "rows.parquet")], str(folder / "p.json"), str(folder / "config.json")) == 0
    window = {name: _column(one) for name, (_, one) in rows.items()}
    captured(folder / "captured", {"payment_id": [str(at) for at in range(4500)], **window})
    reference = json.loads((folder / "p.json").read_text())
    return drift_of(config, float(END)).measured, data_of(config, float(END)).measured, reference


def _column(values: np.ndarray) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def test_distances_and_nulls_are_scipys(tmp_path: Path, proof: Proof) -> None:
    rows = _rows()
    drift, data, reference = _measured(tmp_path, rows)
    theirs = _scipy(
        {
            name: {
                "edges": reference["columns"][name]["edges"],
                "reference": one.tolist(),
                "window": other.tolist(),
            }
            for name, (one, other) in rows.items()
        }
    )
    ours = {
        name: {method: drift.value("mlspec_drift_distance", column=name, method=method) for method in METHODS}
        for name in rows
    }
    for name, found in theirs.items():
        for method in ("psi", "jensen-shannon", "ks"):
            assert ours[name][method] == pytest.approx(found[method], rel=1e-9), (name, method)
        assert data.value("mlspec_null_ratio", column=name) == pytest.approx(found["nulls"], abs=1e-12)
    assert theirs["moved"]["nulls"] == pytest.approx(1 / 9)
    for name in ("moved", "whole"):
        assert ours[name]["wasserstein"] == pytest.approx(theirs[name]["wasserstein"], rel=1e-9)
    assert len(reference["columns"]["whole"]["edges"]) >= 8, "each value is a bin of its own"
    assert ours["whole"]["ks"] == pytest.approx(theirs["whole"]["ks of the rows"], rel=1e-9)
    # between the edges of bins, and inside of a bin in which the functions cross, ours are lower bounds
    low, exact = ours["spread"], theirs["spread"]
    assert 0.9 * exact["wasserstein"] < low["wasserstein"] <= exact["wasserstein"] * (1 + 1e-9)
    assert exact["ks of the rows"] - 0.1 <= low["ks"] <= exact["ks of the rows"] + 1e-12
    many = len(theirs) * (len(METHODS) + 1)
    proof.row(TITLE, COLUMNS, "SciPy", f"{many} distances and shares of 3 columns", "equal to 9 digits, or bounds")


def test_half_a_row_in_each_bin_is_what_scipy_gets_then_too() -> None:
    """PSI with an empty bin, which SciPy alone calls infinite."""
    reference, window = [0.5] * 500 + [1.5] * 500, [0.5] * 400 + [1.5] * 400 + [2.5] * 200
    halves = [0.5, 1.5, 2.5]
    # counts of halves: each row twice, and one more in each bin
    found = _scipy({"v": {"edges": [1, 2], "reference": reference * 2 + halves, "window": window * 2 + halves}})
    assert float(psi(np.array([500, 500, 0]), np.array([400, 400, 200]))) == pytest.approx(found["v"]["psi"], rel=1e-12)


@pytest.mark.parametrize("bins", [1, 4, 300])
def test_the_area_of_the_rows_is_exact_with_any_bins_if_no_functions_cross(bins: int) -> None:
    random = np.random.default_rng(bins)
    x = random.standard_t(3, 600)
    y = np.sort(x) + random.exponential(0.3, 600)  # no row is smaller than the one of its rank
    edges = np.unique(np.quantile(x, np.arange(1, bins) / bins))
    sides: list[np.ndarray] = []
    for sample in (x, y):
        at = np.digitize(sample, edges)
        counts = np.bincount(at, minlength=len(edges) + 1)
        sides += [counts, np.bincount(at, sample, len(edges) + 1) / np.maximum(counts, 1)]
    found = _scipy({"v": {"edges": edges.tolist(), "reference": x.tolist(), "window": y.tolist()}})
    assert float(wasserstein(edges, *sides)) / x.std() == pytest.approx(found["v"]["wasserstein"], rel=1e-9)


def test_the_power_is_printed(proof: Proof) -> None:
    """At 1% false alarms, of 60 windows of 1,000 rows against 100,000."""
    columns = ("method", *(f"mean + {shift}" for shift in SHIFTS))
    for method, found in powers().items():
        assert found == sorted(found)
        proof.row("Power of drift", columns, method, *(f"{share:.0%}" for share in found))
