"""A simulated world, day by day: features, a model, outcomes, and faults. What the monitors would measure of it.

Quality, labels, and captured rows are measured by the code of the runtime. Drift is the population stability index in
deciles of the first day, computed here. Labels take two days.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from mlspec.runtime.diagnose.diagnosis import Diagnosis, diagnose
from mlspec.runtime.diagnose.settings import settings_of
from mlspec.runtime.diagnose.view import view_of
from mlspec.runtime.measure.measured import Measured, Series
from mlspec.runtime.quality.config import asked_of
from mlspec.runtime.quality.judged import Complete, quality_series
from mlspec.runtime.quality.measure import capture_series, label_series
from mlspec.runtime.quality.window import Window

DAY = 86_400.0
START = 1_763_942_400.0  # a Monday
DELAY = 2
ROWS = 4000
FEATURES = tuple(f"x{index}" for index in range(1, 9))
WEIGHTS = np.array([1.0, -0.8, 0.7, -0.6, 0.5, 0.5, -0.4, 0.4])
BIAS = -1.4

Floats = Any


class Today:
    """The rows of one day. A fault changes them, or what is measured of them."""

    def __init__(self, day: int, random: np.random.Generator) -> None:
        self.day, self.random = day, random
        self.german = random.random(ROWS) < 0.8
        self.x = random.normal(0, 1, (ROWS, len(FEATURES)))
        self.weights, self.bias = WEIGHTS, BIAS
        self.drawn: tuple[Floats, Floats] | None = None
        self.version = np.full(ROWS, "14")
        self.score_of: Callable[[Floats], Floats] = lambda x: sigmoid(x @ WEIGHTS + BIAS)
        self.extra: list[tuple[str, Series]] = []
        self.relabel: Callable[[Floats], Floats] = lambda label: label
        self.covered = 1.0
        self.silent: tuple[str, ...] = ()
        self.seen: Floats = None

    def finish(self) -> None:
        """Draw the outcomes of what really happened, and score what serving saw."""
        seen = self.x if self.seen is None else self.seen
        self.label = (self.random.random(ROWS) < sigmoid(self.x @ self.weights + self.bias)).astype(float)
        if self.drawn is not None:
            self.x, self.label = self.drawn
            seen = self.x
        self.score = self.score_of(seen)
        self.inputs = seen
        self.reported = self.relabel(self.label)
        self.known = self.random.random(ROWS) < self.covered


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


Fault = Callable[[Today], None]


@cache
def catalog() -> dict[str, Any]:
    """The causes as the configuration has them."""
    path = Path(__file__).parents[1] / "compiler" / "catalog" / "diagnoses.yaml"
    return dict(yaml.safe_load(path.read_text()))


def config(**retraining: Any) -> dict[str, Any]:
    """The configuration of the world."""
    watched = [("feature", each) for each in FEATURES] + [("prediction", "score")]
    return {
        "version": 1,
        "metrics": {"roc_auc": {"direction": "maximize"}, "log_loss": {"direction": "minimize"}},
        "rivals": {},
        "data": {"columns": [{"name": each, "from": "app" if each < "x5" else "bank"} for each in FEATURES]},
        "monitoring": {
            "interval": DAY,
            "capture": {"uri": "/nowhere", "id": "id"},
            "segments": ["country"],
            "drift": {
                "window": DAY,
                "columns": [
                    {"column": column, "subject": subject, "method": "psi", "threshold": 0.1, "minSamples": 200}
                    for subject, column in watched
                ],
            },
            "labels": {"uri": "/nowhere", "column": "label", "id": "id", "delay": DELAY * DAY},
            "prediction": {"output": "score", "threshold": 0.5},
            "quality": {
                "bounds": [
                    {"metric": "roc_auc", "min": 0.78, "minSamples": 100},
                    {"metric": "log_loss", "max": 0.5, "minSamples": 100},
                ]
            },
            "retraining": retraining,
            "diagnoses": catalog(),
        },
    }


class World:
    """Days with a fault, and what is measured of them."""

    def __init__(self, seed: int, days: int, fault: Fault) -> None:
        self.days = [Today(day, np.random.default_rng((seed, day))) for day in range(days)]
        for today in self.days:
            fault(today)
            today.finish()
        self.reference = Today(0, np.random.default_rng((seed, 999)))
        fault(self.reference)
        self.reference.finish()
        self.asked = asked_of(config())

    def measured(self) -> list[Measured]:
        """All measurements of all days that have complete labels."""
        found = []
        for day in range(DELAY, len(self.days)):
            for one in self._of(day):
                if one.monitor not in self.days[day].silent:
                    found.append(one)
        return found

    def _of(self, day: int) -> list[Measured]:
        at = START + (day + 1) * DAY
        rows, newest = self._complete(day - DELAY), self._window(day)
        older = rows if day == DELAY else self._complete(day - DELAY - 1)
        lines: list[str] = []
        window = (at - (DELAY + 1) * DAY, at - DELAY * DAY)
        times = rows.window.time[rows.known]
        extra: dict[str, list[Series]] = {}
        for monitor, series in self.days[day].extra:
            extra.setdefault(monitor, []).append(series)
        every: dict[Any, tuple[Series, ...]] = {
            "quality": tuple(quality_series(rows, older, newest, lines)),
            "labels": tuple(label_series(rows, times, window[0])),
            "capture": tuple(capture_series(newest, at, "")),
            "drift": tuple(self._drift(self.days[day])),
            **{monitor: tuple(series) for monitor, series in extra.items()},
        }
        return [Measured(monitor=name, time=at, window=window, series=each) for name, each in every.items()]

    def _window(self, day: int) -> Window:
        today = self.days[day]
        versions = sorted(set(today.version.tolist()))
        return Window(
            ids=pa.array([f"{day}-{index}" for index in range(ROWS)]),
            time=START + day * DAY + np.arange(ROWS) * DAY / ROWS,
            outputs={"score": today.score},
            groups={
                "country": (np.where(today.german, 0, 1), ("DE", "FR")),
                "model_version": (np.searchsorted(versions, today.version), tuple(versions)),
            },
            repeated=0,
            unusable=0,
        )

    def _complete(self, day: int) -> Complete:
        today = self.days[day]
        return Complete(
            asked=self.asked, window=self._window(day), label=today.reported, known=today.known, judged=today.known
        )

    def _drift(self, today: Today) -> list[Series]:
        found = []
        values = {**dict(zip(FEATURES, today.inputs.T, strict=True)), "score": today.score}
        given = {**dict(zip(FEATURES, self.reference.inputs.T, strict=True)), "score": self.reference.score}
        groups: list[tuple[dict[str, str], Floats, Floats]] = [({}, slice(None), slice(None))]
        for country, mine, theirs in (
            ("DE", today.german, self.reference.german),
            ("FR", ~today.german, ~self.reference.german),
        ):
            groups.append(({"segment": "country", "segment_value": country}, mine, theirs))
        for column, now in values.items():
            subject = "prediction" if column == "score" else "feature"
            for group, mine, theirs in groups:
                labels = {"subject": subject, "column": column, "method": "psi", **group}
                before = given[column][theirs]
                found.append(Series(name="mlspec_drift_distance", labels=labels, value=psi(before, now[mine])))
                noise = 30.0 * (1 / len(before) + 1 / len(now[mine]))
                found.append(Series(name="mlspec_drift_noise_distance", labels=labels, value=noise))
                found.append(Series(name="mlspec_drift_samples", labels=labels, value=float(len(now[mine]))))
        return found


def psi(before: Floats, now: Floats) -> float:
    """The population stability index in deciles, with half a row more in each bin."""
    edges = np.quantile(before, np.linspace(0, 1, 11)[1:-1])
    shares = []
    for values in (before, now):
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=10) + 0.5
        shares.append(counts / counts.sum())
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def diagnosed(seed: int, days: int, fault: Fault, **changes: Any) -> Diagnosis:
    """The diagnosis at the end of the last day."""
    measured = World(seed, days, fault).measured()
    return diagnose(view_of(measured, START + days * DAY), settings_of(config(**changes)))
