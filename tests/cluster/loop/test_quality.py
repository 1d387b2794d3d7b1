"""The metrics of quality in production and their intervals against scikit-learn, SciPy, and statsmodels."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlspec.runtime.conditions import wilson
from mlspec.runtime.quality.classes import decided, losses
from mlspec.runtime.quality.errors import error_found
from mlspec.runtime.quality.estimate import isotonic
from mlspec.runtime.quality.found import Z
from mlspec.runtime.quality.queries import ndcg
from mlspec.runtime.quality.ranks import average_precision, roc_auc

from ..environments import environment
from ..proof import Proof

TITLE = "Quality in production"
COLUMNS = ("compared with", "what", "seen")

REQUIREMENTS = Path(__file__).parent / "requirements" / "statistics.txt"

REFERENCE = """
import json, sys
import numpy as np
from scipy import stats
from sklearn import isotonic, metrics
from statsmodels.stats.proportion import proportion_confint
answers = []
for given in json.load(sys.stdin):
    y, s, called, t, f = (np.array(given[key], dtype=float) for key in ("y", "s", "called", "t", "f"))
    mean = stats.ttest_1samp(abs(t - f), 0).confidence_interval(0.95)
    answers.append({
        "roc_auc": metrics.roc_auc_score(y, s),
        "average_precision": metrics.average_precision_score(y, s),
        "log_loss": metrics.log_loss(y, s, labels=[0, 1]),
        "brier_score": metrics.brier_score_loss(y, s),
        "accuracy": metrics.accuracy_score(y, called),
        "precision": metrics.precision_score(y, called),
        "recall": metrics.recall_score(y, called),
        "f1": metrics.f1_score(y, called),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, called),
        "matthews_corrcoef": metrics.matthews_corrcoef(y, called),
        "mae": metrics.mean_absolute_error(t, f),
        "mse": metrics.mean_squared_error(t, f),
        "rmse": metrics.root_mean_squared_error(t, f),
        "r2": metrics.r2_score(t, f),
        "mape": metrics.mean_absolute_percentage_error(t, f),
        "pinball_loss": metrics.mean_pinball_loss(t, f, alpha=0.9),
        "ndcg": metrics.ndcg_score([given["gains"]], [given["ranked"]]),
        "ndcg@5": metrics.ndcg_score([given["gains"]], [given["ranked"]], k=5),
        "student": [mean.low, mean.high],
        "wilson": list(proportion_confint(int(called[y > 0].sum()), int(y.sum()), method="wilson")),
        "isotonic": isotonic.isotonic_regression(y, sample_weight=t).tolist(),
    })
errors = np.array(json.loads(sys.argv[1]))
bca = stats.bootstrap((errors,), lambda e, axis: np.sqrt(np.mean(e**2, axis=axis)), n_resamples=9999, method="BCa",
                      rng=np.random.default_rng(0), vectorized=True).confidence_interval
print(json.dumps({"answers": answers, "bca": [bca.low, bca.high]}))
"""

ERRORS = [1.2, -0.5, 0.3, 2.1, -1.7, 0.4, 0.9, -0.2, -3.0, 0.6, 1.1, -0.8]
DRAWS = 40


def _drawn(seed: int) -> dict[str, Any]:
    """Labels, scores with ties, decisions, numbers, and one ranking with ties."""
    random = np.random.default_rng(seed)
    many = int(random.integers(40, 400))
    y = (random.random(many) < 0.3).astype(float)
    y[:2] = (0, 1)
    s = np.round(np.clip(0.5 * random.random(many) + 0.3 * y, 0.01, 0.99), 2)
    called = (s >= 0.4).astype(float)
    called[1] = 1
    t = random.normal(5, 1, many) ** 2 + 0.1
    return {
        "y": y.tolist(),
        "s": s.tolist(),
        "called": called.tolist(),
        "t": t.tolist(),
        "f": (t + random.standard_t(5, many)).tolist(),
        "gains": [float(each) for each in random.integers(0, 4, 12)],
        "ranked": [float(each) for each in random.integers(0, 6, 12)],
    }


def _ours(given: dict[str, Any]) -> dict[str, Any]:
    y, s, called, t, f = (np.array(given[key]) for key in ("y", "s", "called", "t", "f"))
    decisions = ("accuracy", "precision", "recall", "f1", "balanced_accuracy", "matthews_corrcoef")
    numbers = ("mae", "mse", "rmse", "r2", "mape")
    mean = error_found("mae", t, f)
    return {
        "roc_auc": roc_auc(y, s).value,
        "average_precision": average_precision(y, s),
        "log_loss": float(losses("log_loss", y, s).mean()),
        "brier_score": float(losses("brier_score", y, s).mean()),
        **{metric: decided(metric, y, called).value for metric in decisions},
        **{metric: error_found(metric, t, f).value for metric in numbers},
        "pinball_loss": error_found("pinball_loss", t, f, 0.9).value,
        "ndcg": ndcg(given["gains"], given["ranked"]),
        "ndcg@5": ndcg(given["gains"], given["ranked"], 5),
        "student": [mean.low, mean.high],
        "wilson": list(wilson(float(called[y > 0].mean()), int(y.sum()), Z)),
        "isotonic": isotonic(y, t).tolist(),
    }


def test_metrics_and_intervals_agree_with_the_libraries(proof: Proof) -> None:
    python = environment("loop-statistics", REQUIREMENTS) / "bin" / "python"
    given = [_drawn(seed) for seed in range(DRAWS)]
    ran = subprocess.run(
        [str(python), "-c", REFERENCE, json.dumps(ERRORS)],
        input=json.dumps(given), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    found = json.loads(ran.stdout)
    for one, reference in zip(given, found["answers"], strict=True):
        ours = _ours(one)
        assert set(ours) == set(reference)
        for metric, value in reference.items():
            assert ours[metric] == pytest.approx(value, rel=1e-9, abs=1e-9), metric
    rmse = error_found("rmse", np.array(ERRORS), np.zeros(len(ERRORS)))
    # two bootstraps of 9,999 samples with different generators
    assert [rmse.low, rmse.high] == pytest.approx(found["bca"], abs=0.06)
    many = len(found["answers"][0])
    proof.row(
        TITLE, COLUMNS, "scikit-learn, SciPy, statsmodels", f"{many} values of {DRAWS} tables", "equal to 9 digits"
    )
