"""Intervals of an evaluation against values from SciPy, statsmodels, and published tables, to their printed digits."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from mlspec.compiler.evaluation.measures import against, hanley_mcneil, of_entry
from mlspec.compiler.evaluation.metrics_file import MetricFacts
from mlspec.compiler.plan.distributions import normal_quantile
from mlspec.runtime.differences import Paired, holm, mcnemar, tango
from mlspec.runtime.intervals import mean, of_auc, quantile_ranks, root_mean_square, student

Z = normal_quantile(0.975)
SHARE = MetricFacts(maximize=True, low=Decimal(0), high=Decimal(1), share=True)
AREA = SHARE.but(share=False)


@pytest.mark.parametrize(
    ("events", "many", "ends"),
    [
        (0, 20, (0, 0.161125)),
        (1, 20, (0.008881, 0.236131)),
        (5, 10, (0.236593, 0.763407)),
        (18, 20, (0.698966, 0.972134)),
        (20, 20, (0.838875, 1)),
        (81, 263, (0.255289, 0.366210)),
        (950, 1000, (0.934686, 0.961870)),
        (292, 300, (0.948271, 0.986427)),
    ],
)
def test_shares(events: int, many: int, ends: tuple[float, float]) -> None:
    found = of_entry("accuracy", {"value": events / many, "samples": many}, SHARE)
    assert found is not None
    assert found.ends(Z) == pytest.approx(ends, abs=1e-6)


ACTUAL = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1]
ONE = [0.1, 0.2, 0.15, 0.3, 0.35, 0.4, 0.45, 0.6, 0.5, 0.55, 0.7, 0.8, 0.9, 0.65, 0.62, 0.38]


def test_the_area_under_the_roc_curve_by_the_variance_of_delong() -> None:
    """The variance is computed here from the scores, by DeLong's placements."""
    positive = [score for score, label in zip(ONE, ACTUAL, strict=True) if label]
    negative = [score for score, label in zip(ONE, ACTUAL, strict=True) if not label]
    above = [[1.0 if x > y else 0.5 if x == y else 0.0 for y in negative] for x in positive]
    auc = sum(map(sum, above)) / (len(positive) * len(negative))
    by_positive = [sum(row) / len(negative) for row in above]
    by_negative = [sum(row[at] for row in above) / len(positive) for at in range(len(negative))]
    variance = mean(by_positive)[1] ** 2 + mean(by_negative)[1] ** 2
    assert auc == pytest.approx(0.873015873)
    assert variance == pytest.approx(0.00802049, abs=1e-8)
    assert of_auc(auc, variance, Z) == pytest.approx((0.585293, 0.971006), abs=1e-6)
    assert math.sqrt(hanley_mcneil(auc, len(positive), len(negative))) == pytest.approx(0.0975233, abs=1e-7)


def test_the_other_area_under_the_roc_curve() -> None:
    assert of_auc(0.833333333, 0.01150059, Z) == pytest.approx((0.524002, 0.957823), abs=1e-6)


def test_an_area_close_to_1_keeps_its_ends_below_1() -> None:
    low, high = of_auc(0.999999, 0.25, Z)
    assert 0 <= low < 0.999999 < high <= 1


ERRORS = [1.2, -0.5, 0.3, 2.1, -1.7, 0.4, 0.9, -0.2, -3.0, 0.6, 1.1, -0.8]


def test_a_mean_absolute_error() -> None:
    absolute = [abs(error) for error in ERRORS]
    assert mean(absolute)[0] == pytest.approx(1.066667, abs=1e-6)
    assert student(absolute, Z) == pytest.approx((0.5369, 1.5964), abs=5e-5)


def test_a_root_mean_square_error() -> None:
    """SciPy's BCa interval of other resamples, which differ by 0.05; a percentile interval would be [0.772, 1.845]."""
    assert root_mean_square(ERRORS)(Z) == pytest.approx((0.8949, 2.0419), abs=0.06)


def test_many_errors_have_the_same_interval_as_the_mean_square() -> None:
    """1,200 errors: the mean square is 1.775 with a standard error of s / sqrt(1,200)."""
    errors = ERRORS * 100
    squares = [error * error for error in errors]
    middle = sum(squares) / 1200
    spread = math.sqrt(sum((square - middle) ** 2 for square in squares) / 1199 / 1200)
    low, high = root_mean_square(errors)(Z)
    assert low == pytest.approx(math.sqrt(middle - 1.962 * spread), abs=1e-4)
    assert high == pytest.approx(math.sqrt(middle + 1.962 * spread), abs=1e-4)


def test_a_p99_needs_299_values_for_a_limit() -> None:
    """0.99^299 = 0.0495: with one value fewer, even the largest is not above the p99 with 95% confidence."""
    one_sided = normal_quantile(0.95)
    assert quantile_ranks(299, 0.99, one_sided)[1] == 299
    assert quantile_ranks(298, 0.99, one_sided)[1] is None


def test_the_ranks_of_a_median() -> None:
    """Of 20 values, by a table of the binomial distribution: P(X <= 5) = 0.0207, and P(X <= 6) = 0.0577."""
    assert quantile_ranks(20, 0.5, Z) == (6, 15)
    assert quantile_ranks(5, 0.5, Z) == (None, None)


# Differences


@pytest.mark.parametrize(
    ("one", "other", "z", "ends"),
    [
        ((56 / 70, 70), (48 / 80, 80), Z, (0.052431, 0.333873)),
        ((0.93, 1000), (0.94, 1000), normal_quantile(0.95), (-0.028297, 0.008218)),
    ],
)
def test_shares_of_different_rows(
    one: tuple[float, int], other: tuple[float, int], z: float, ends: tuple[float, float]
) -> None:
    """Newcombe's interval, which is also conservative for shares of the same rows."""
    entry, rival = ({"value": value, "samples": many} for value, many in (one, other))
    found = against("accuracy", of_entry("accuracy", entry, SHARE), entry, rival, SHARE)
    assert found is not None
    assert found.ends(z) == pytest.approx(ends, abs=1e-6)


@pytest.mark.parametrize(
    ("counts", "ends"),
    [(Paired(80, 10, 4, 6), (-0.014973, 0.141675)), (Paired(100, 10, 25, 100), (-0.115830, -0.015261))],
)
def test_shares_of_the_same_rows(counts: Paired, ends: tuple[float, float]) -> None:
    assert tango(counts, Z) == pytest.approx(ends, abs=1e-6)


def test_two_areas_of_the_same_rows() -> None:
    """The difference is 0.0396825 with a standard error of 0.0879306."""
    one = {"value": 0.873015873, "variance": 0.00802049}
    other = {"value": 0.833333333, "variance": 0.01150059, "covariance": 0.00589464}
    found = against("roc_auc", None, one, other, AREA)
    assert found is not None
    assert found.ends(1) == pytest.approx((0.0396825 - 0.0879306, 0.0396825 + 0.0879306), abs=1e-6)


@pytest.mark.parametrize(
    ("model", "rival", "p"), [(10, 25, 0.0113310), (6, 16, 0.0346897), (3, 9, 0.0922852), (0, 0, 1.0)]
)
def test_mcnemars_mid_p(model: int, rival: int, p: float) -> None:
    assert mcnemar(Paired(50, model, rival, 50)) == pytest.approx(p, abs=1e-7)


def test_many_rows_have_the_same_p_value_by_the_normal_distribution() -> None:
    """5,000 and 5,200: z is -100 / sqrt(10,200 / 4) = -1.9803, whose two-sided probability is 0.0477."""
    summed, approximate = (mcnemar(Paired(0, 4900 + more, 5100 + more, 0)) for more in (0, 1))
    assert approximate == pytest.approx(summed, rel=0.001)
    assert mcnemar(Paired(0, 5000, 5200, 0)) == pytest.approx(0.0477, abs=5e-5)


def test_equal_disagreement_is_no_evidence() -> None:
    """The mid-p value of 5 and 5 is 1 - P(X = 5) = 1 - 252 / 1024."""
    assert mcnemar(Paired(0, 5, 5, 0)) == pytest.approx(1 - 252 / 1024)


def test_holm() -> None:
    given = dict(zip("abcdefg", (0.001, 0.008, 0.012, 0.03, 0.041, 0.2, 0.6), strict=True))
    assert list(holm(given).values()) == pytest.approx([0.007, 0.048, 0.06, 0.12, 0.123, 0.4, 0.6])
    assert list(holm(given)) == list(given)
