"""The noise of drift, against the tables of the field and numbers worked out by hand."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.diagnostics import Diagnostic
from mlspec.compiler.emit.backends import Backends
from mlspec.compiler.noise import chi_square_quantile, enough, floor_of, noise_floor
from mlspec.compiler.pipeline import compile_system
from mlspec.compiler.plan.data.drift import DriftPlan, Watched
from mlspec.compiler.plan.data.segments import segments

from .support import changed, compile_text, dumped, minimal
from .test_traps_measured import two

# The chi-square distribution


@pytest.mark.parametrize(
    ("probability", "degrees", "value"),
    [
        (0.95, 1, 3.841),  # Abramowitz and Stegun, table 26.8
        (0.99, 9, 21.666),
        (0.999, 9, 27.877),
        (0.95, 30, 43.773),
        (0.01, 10, 2.558),
        (0.5, 2, 2 * math.log(2)),  # two degrees of freedom are an exponential distribution
        (0.99, 2, 2 * math.log(100)),
        (0.95, 100, 124.342),
    ],
)
def test_chi_square_of_the_tables(probability: float, degrees: int, value: float) -> None:
    assert chi_square_quantile(probability, degrees) == pytest.approx(value, abs=5.1e-4)


def test_one_degree_of_freedom_is_a_squared_normal_variable() -> None:
    """P(X < x) = erf(sqrt(x / 2)), on both sides of the change from the series to the fraction."""
    for probability in (0.001, 0.3, 0.6, 0.68, 0.7, 0.9, 0.999, 1 - 1e-7):
        found = chi_square_quantile(probability, 1)
        assert math.erf(math.sqrt(found / 2)) == pytest.approx(probability, abs=1e-9)


# The floor


@pytest.mark.parametrize(("rows", "floor"), [(200, 0.2167), (500, 0.0867), (1000, 0.0433), (5000, 0.0087)])
def test_the_floor_of_equal_samples(rows: int, floor: float) -> None:
    assert noise_floor(rows, rows) == pytest.approx(floor, abs=1e-4)


def test_the_floor_of_thirty_columns_against_a_large_reference() -> None:
    """0.00101 x 30.70: each column has a chance of 1 % / 30."""
    assert noise_floor(1000, 100_000, columns=30) == pytest.approx(0.0310, abs=1e-4)


def test_twice_the_rows_is_half_the_floor() -> None:
    assert noise_floor(2000, 2000) == pytest.approx(noise_floor(1000, 1000) / 2)
    assert noise_floor(2000, 1000) == pytest.approx(noise_floor(1000, 1000) * 0.75)
    assert noise_floor(1000, 2000) == pytest.approx(noise_floor(1000, 1000) * 0.75)
    assert noise_floor(1000, 1000, columns=2) > noise_floor(1000, 1000)
    assert noise_floor(1000, 1000, bins=20) > noise_floor(1000, 1000)


def psi_of_chance(rows: int, draw: random.Random) -> float:
    """The PSI of two samples of one distribution, in bins of equal probability."""
    counts: list[list[int]] = [[0] * 10, [0] * 10]
    for side in counts:
        for _ in range(rows):
            side[draw.randrange(10)] += 1
    return math.fsum((p - q) / rows * math.log(p / q) for p, q in zip(*counts, strict=True))


def test_one_window_in_a_hundred_exceeds_it_by_chance() -> None:
    """Of 1,500 pairs of 500 rows 15 are 1 %; the form is optimistic for so few rows, and 1.7 % would be 25."""
    draw = random.Random(7)
    above = sum(psi_of_chance(500, draw) > noise_floor(500, 500) for _ in range(1500))
    assert 3 <= above <= 30


# What a spec declares

INPUTS = [{"name": f"x{i}", "dtype": "float32"} for i in range(30)]
OUTPUTS = [{"name": "score", "dtype": "float32"}]
DRIFT = {"reference": "s3://models/profile.json", "window": "1h", "prediction": {"method": "psi", "threshold": 0.2}}
CAPTURE = {"by": "gateway", "to": "s3://feedback/scorer", "id": "request", "sample": "10%"}


def drift(tmp_path: Path, **changes: object) -> DriftPlan:
    text = minimal(
        **{
            "monitoring__drift": DRIFT,
            "monitoring__capture": CAPTURE,
            "model__signature": {"inputs": INPUTS, "outputs": OUTPUTS},
            **changes,
        }
    )
    return written(tmp_path, text)


def written(tmp_path: Path, text: str) -> DriftPlan:
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "mlspec.yaml").write_text(text)
    (tmp_path / ".git").mkdir(exist_ok=True)
    made = compile_system(mlspec.load(tmp_path / "mlspec.yaml")._input, Backends(), ()).environments[0].plan.drift
    assert made is not None
    return made


def value(decided: Any) -> Any:
    assert decided is not None
    return decided.value


def test_a_window_sees_the_mean_rate(tmp_path: Path) -> None:
    """20/s x 3,600 s x 10 %."""
    made = drift(tmp_path)
    assert value(made.seen) == 7200
    assert made.seen is not None
    assert made.seen.reason == "20/s x 1h x 10% captured = 7,200 predictions per window"
    assert value(made.sample) == value(made.reference) == 7200
    assert value(made.of_prediction) == pytest.approx(2 / 7200 * 21.666, abs=1e-4)
    assert made.of_prediction is not None
    assert "(1/7,200 + 1/7,200) x 21.67" in made.of_prediction.reason


CHANGES: dict[str, tuple[dict[str, object], int]] = {
    "rate": ({"constraints__throughput__mean": "40/s"}, 14400),
    "window": ({"monitoring__drift": {**DRIFT, "window": "2h"}}, 14400),
    "share": ({"monitoring__capture": {**CAPTURE, "sample": "20%"}}, 14400),
    "no capture": ({"monitoring__capture": None}, 72000),
    "least": ({"monitoring__drift": {**DRIFT, "minSamples": 200}}, 200),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_the_sample_depends_on(tmp_path: Path, what: str) -> None:
    changes, rows = CHANGES[what]
    made = drift(tmp_path, **changes)
    assert value(made.sample) == rows
    assert value(made.of_prediction) == pytest.approx(noise_floor(rows, rows), abs=1e-4)
    assert value(made.columns) == 30


def test_features_share_the_chance_of_a_false_alert(tmp_path: Path) -> None:
    made = drift(tmp_path, monitoring__drift={**DRIFT, "minSamples": 1000})
    assert value(made.of_features) == pytest.approx(noise_floor(1000, 1000, 30), abs=1e-4)
    assert value(made.of_prediction) == 0.0433


def test_the_reference_is_what_the_model_learned_from(tmp_path: Path) -> None:
    """70 % of 143 thousand rows are the table's 100 thousand."""
    data = {
        "sources": [{"name": "forms", "ingestion": "batch", "volume": {"records": 142858}}],
        "split": {"strategy": "random"},
    }
    made = drift(tmp_path, data=data, monitoring__drift={**DRIFT, "minSamples": 1000})
    assert value(made.reference) == 100_000
    assert value(made.of_features) == 0.0310


def test_few_rows_are_said_to_be_few(tmp_path: Path) -> None:
    few = drift(tmp_path, monitoring__drift={**DRIFT, "minSamples": 999}).of_prediction
    enough = drift(tmp_path, monitoring__drift={**DRIFT, "minSamples": 1000}).of_prediction
    assert few is not None
    assert enough is not None
    assert "a permutation of the reference is better" in few.reason
    assert "permutation" not in enough.reason


def test_without_a_rate_nothing_is_said(tmp_path: Path) -> None:
    made = drift(tmp_path, constraints__throughput=None)
    assert (made.seen, made.sample, made.of_prediction) == (None, None, None)


def test_a_window_of_batch_runs(tmp_path: Path) -> None:
    """Hourly runs of 500 items: a window of a day has 24 of them, and one of ten minutes has the last."""
    serving = {
        "mode": "batch",
        "image": "registry.example.com/score:1",
        "schedule": "0 * * * *",
        "input": {"uri": "s3://in/{date}/"},
        "output": {"uri": "s3://out/{date}/"},
    }
    for window, rows in (("1d", 12000), ("10m", 500)):
        changes = {"serving": serving, "constraints": {"items": 500}, "monitoring__drift": {**DRIFT, "window": window}}
        assert value(drift(tmp_path, **changes).seen) == rows


def test_an_alert_is_above_the_noise(tmp_path: Path) -> None:
    """What was asked for, or the floor where that is more; other measures have no floor here."""
    asked = {"minSamples": 1000, "features": psi(0.01), "prediction": psi(0.2), "columns": {"x1": psi(0.1, "ks")}}
    made = drift(tmp_path, monitoring__drift={**DRIFT, **asked})
    found_ = {name: decided.value for name, decided in made.above.items()}
    assert found_ == {"features": value(made.of_features), "prediction": 0.2}
    assert "is within the noise" in made.above["features"].reason


def test_trap_the_columns_and_the_rate_of_a_service_that_is_not_measured(tmp_path: Path) -> None:
    """The floor was of the columns of all models, and unknown with several services. The process compares those of one
    model that have one value.
    """
    wide = {"signature": {"inputs": [{"name": f"y{at}", "dtype": "float32"} for at in range(500)]}}
    made = changed(two(drift={"minSamples": 1000, "features": psi(0.01)}), models__embedder=wide)
    vector = {"name": "history", "dtype": "float32", "shape": [-1, 64]}
    made["models"]["fraud"]["signature"]["inputs"].append(vector)
    found_ = written(tmp_path, dumped(made))
    assert value(found_.columns) == 1
    assert value(found_.of_features) == pytest.approx(noise_floor(1000, 1000), abs=1e-4)
    assert found_.seen is not None


# Segments

COUNTRIES = [{"name": "country", "dtype": "category", "values": {"max": 250}}]
ONE_IN_25_000 = 35.978
"""The chi-square quantile with 9 degrees of freedom for a false alarm rate of 1% / 250."""


def over(x: float) -> float:
    """The chance that a chi-square variable with 9 degrees of freedom exceeds x (Abramowitz and Stegun, 26.4.4)."""
    tail = math.sqrt(2 * x / math.pi) * math.exp(-x / 2)
    return math.erfc(math.sqrt(x / 2)) + tail * (1 + x / 3 + x**2 / 15 + x**3 / 105)


def within(tmp_path: Path, columns: list[dict[str, Any]], **changes: object) -> dict[str, Watched]:
    """What is compared within each value of the only segment."""
    data = changes.pop("data", {})
    assert isinstance(data, dict)
    name = columns[0]["name"]
    made = drift(tmp_path, data={"columns": columns, **data}, monitoring__segments=[name, name], **changes)
    (segment,) = segments(made)
    return segment.watched


def test_a_segment_needs_as_many_rows_as_the_noise_of_its_values_takes(tmp_path: Path) -> None:
    """2 x 35.978 / 0.2 = 359.8 rows for 250 countries. All rows need 2 x 21.67 / 0.2 = 217."""
    assert over(ONE_IN_25_000) == pytest.approx(0.01 / 250, rel=1e-3)
    found = within(tmp_path, COUNTRIES)["prediction"]
    assert (found.least.value, found.threshold.value) == (360, 0.2)
    assert "1% / (1 column x 250 values of country)" in found.least.reason
    assert drift(tmp_path).watched["prediction"].least.value == 217


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ({"name": "is_new", "dtype": "bool"}, 2),
        ({"name": "channel", "dtype": "string", "values": {"oneOf": ["web", "app", "store"]}}, 3),
    ],
)
def test_a_segment_of_few_values_needs_fewer_rows(column: dict[str, Any], values: int, tmp_path: Path) -> None:
    least = within(tmp_path, [column])["prediction"].least.value
    assert over(0.2 * least / 2) <= 0.01 / values < over(0.2 * (least - 1) / 2)


def test_every_feature_of_every_value_is_a_comparison(tmp_path: Path) -> None:
    least = within(tmp_path, COUNTRIES, monitoring__drift={**DRIFT, "features": psi(0.2)})["features"].least.value
    assert over(0.2 * least / 2) <= 0.01 / (30 * 250) < over(0.2 * (least - 1) / 2)


def test_a_verdict_on_fewer_rows_has_a_higher_threshold(tmp_path: Path) -> None:
    """(1/200 + 1/200) x 35.978 = 0.3598. More rows than noise takes are not asked of a segment."""
    found = within(tmp_path, COUNTRIES, monitoring__drift={**DRIFT, "minSamples": 200})["prediction"]
    assert (found.least.value, found.threshold.value) == (200, 0.3598)
    many = within(tmp_path, COUNTRIES, monitoring__drift={**DRIFT, "minSamples": 5000})["prediction"]
    assert (many.least.value, many.threshold.value) == (360, 0.2)


def test_a_reference_that_is_smaller_than_a_window_is_small_in_each_segment(tmp_path: Path) -> None:
    """7,200 rows in a window and 1,200 in the reference: (1 + 6) x 35.978 / 0.2 = 1,259.2."""
    data = {
        "sources": [{"name": "forms", "ingestion": "batch", "volume": {"records": 1715}}],
        "split": {"strategy": "random"},
    }
    assert value(drift(tmp_path, data=data).reference) == 1200
    found = within(tmp_path, COUNTRIES, data=data)["prediction"]
    assert (found.least.value, found.threshold.value) == (1260, 0.2)
    assert "a reference with 1 row for every 6 rows" in found.least.reason


@pytest.mark.parametrize(("method", "least"), [("jensen-shannon", 900), ("ks", 1082), ("wasserstein", 1682)])
def test_other_measures_have_their_own_rows(method: str, least: int, tmp_path: Path) -> None:
    """For 0.1: 2 x 35.978 / 8 / 0.01; 2 x -ln(0.00002) / 2 / 0.01 = 1,081.98; and 2 x 2.9 x 2.9 / 0.01."""
    found = within(tmp_path, COUNTRIES, monitoring__drift={**DRIFT, "prediction": psi(0.1, method)})["prediction"]
    assert (found.least.value, found.threshold.value) == (least, 0.1)


# The rule


def found(tmp_path: Path, **drift_: object) -> list[Diagnostic]:
    text = minimal(monitoring__drift={**DRIFT, **drift_}, monitoring__capture=CAPTURE)
    return [d for d in compile_text(tmp_path, text).diagnostics if d.id == "MLS704"]


def psi(threshold: float, method: str = "psi") -> dict[str, object]:
    return {"method": method, "threshold": threshold}


def test_a_threshold_at_the_floor_is_no_finding(tmp_path: Path) -> None:
    assert found(tmp_path, minSamples=1000, prediction=psi(0.0434)) == []
    (said,) = found(tmp_path, minSamples=1000, prediction=psi(0.0432))
    assert said.message == "a threshold of 0.0432 is within the noise of 1,000 rows, which reaches 0.0433"
    assert "write `threshold: 0.044` or more" in said.help


def test_the_threshold_that_is_proposed_is_no_finding(tmp_path: Path) -> None:
    assert found(tmp_path, minSamples=1000, prediction=psi(0.044)) == []


def test_other_measures_have_other_noise(tmp_path: Path) -> None:
    assert found(tmp_path, minSamples=1000, prediction=psi(0.001, "ks")) == []


def test_a_column_of_its_own_is_judged_by_its_own_threshold(tmp_path: Path) -> None:
    drift = {**DRIFT, "minSamples": 1000, "features": psi(0.2), "columns": {"age": psi(0.01)}}
    columns = [{"name": "age", "dtype": "float32"}]
    text = minimal(monitoring__drift=drift, monitoring__capture=CAPTURE, data={"columns": columns})
    (said,) = [d for d in compile_text(tmp_path, text).diagnostics if d.id == "MLS704"]
    assert "a threshold of 0.01 " in said.message


def test_a_verdict_that_is_never_given(tmp_path: Path) -> None:
    (said,) = found(tmp_path, minSamples=7201)
    assert said.message == "a window never has the 7,201 rows that a verdict needs"
    assert found(tmp_path, minSamples=7200) == []


# Other measures


@pytest.mark.parametrize(
    ("method", "rows", "reference", "alpha", "floor"),
    [
        ("psi", 100, 100, 0.01, 0.433),
        ("psi", 1000, 1000, 0.01, 0.0433),
        ("psi", 1000, 100_000, 0.01, 0.0219),
        ("jensen-shannon", 500, 500, 0.01, 0.1041),
        ("jensen-shannon", 1000, 1000, 0.01, 0.0736),
        ("jensen-shannon", 100_000, 100_000, 0.01, 0.0074),
        ("ks", 1000, 1000, 0.01, 0.0728),
        ("ks", 1000, 100_000, 0.01, 0.0517),
        ("ks", 10_000, 10_000, 0.01 / 30, 0.0295),
        ("wasserstein", 1682, 1682, 0.01, 0.1),
    ],
)
def test_the_floor_of_each_measure_is_that_of_its_distribution(
    method: str, rows: int, reference: int, alpha: float, floor: float
) -> None:
    """Computed apart from this code, and confirmed by 4,000 simulations; the fourth digit of `ks` is c(alpha)'s."""
    assert floor_of(method, rows, reference, 1, 10, alpha) == pytest.approx(floor, abs=6e-4 if rows == 100 else 6e-5)


@pytest.mark.parametrize(
    ("threshold", "bins", "columns", "reference", "rows"),
    [
        (0.1, 5, 1, None, 266),
        (0.1, 10, 1, None, 434),
        (0.1, 20, 1, None, 724),
        (0.1, 10, 30, None, 614),
        (0.1, 10, 1, 10**9, 217),
        (0.2, 10, 1, None, 217),
        (0.2, 10, 30, None, 307),
        (0.25, 10, 1, None, 174),
    ],
)
def test_the_fewest_rows_are_those_whose_noise_reaches_the_threshold(
    threshold: float, bins: int, columns: int, reference: int | None, rows: int
) -> None:
    found = enough("psi", threshold, reference, columns, bins, 0.01)
    assert found == rows
    assert floor_of("psi", rows, reference or rows, columns, bins, 0.01) <= threshold
    assert floor_of("psi", rows - 1, reference or rows - 1, columns, bins, 0.01) > threshold


def test_no_window_is_long_enough_against_a_tiny_reference() -> None:
    assert enough("psi", 0.1, 100, 1, 10, 0.01) is None
