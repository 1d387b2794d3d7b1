"""The evaluation report as plain values, which every format renders. Its JSON form has a published schema."""

from __future__ import annotations

from typing import Literal

from ..record import Record

__all__ = [
    "Answer",
    "CalibrationBin",
    "ClassResult",
    "ConfusionMatrix",
    "DataSplit",
    "Estimate",
    "EvaluatedModel",
    "EvaluationReport",
    "GatePart",
    "GateResult",
    "LimitResult",
    "Measurement",
    "MetricResult",
    "RivalComparison",
]

Answer = Literal["ship", "iterate", "reject"]


class Estimate(Record):
    """A value, and the limits that hold with 95% confidence each."""

    value: float
    low: float | None = None
    high: float | None = None
    method: str = ""
    """How the limits were computed; empty without limits."""
    samples: int | None = None
    """The rows that it was measured on."""
    events: int | None = None
    """The observations behind it, such as the positives of a recall."""


class GatePart(Record):
    """The result of a gate for one value of a column."""

    name: str
    estimate: Estimate | None
    verdict: Answer | None
    """None for a gap, which is about all values together."""
    why: str


class GateResult(Record):
    """The result of one gate of the spec."""

    title: str
    """What is judged, such as `recall by country`."""
    kind: Literal["value", "difference", "segment", "gap", "missing"]
    """Whether the bar is on a value, on a difference to a rival, on each value of a column, or on a gap between them;
    `missing` for results that the spec asks for and the file does not have.
    """
    bar: float | None
    """The bound on the estimate."""
    least: bool
    """Whether the bound is a minimum."""
    asked: str
    """The bound in words."""
    estimate: Estimate | None
    verdict: Answer
    why: str
    needs: str = ""
    """What would decide a verdict that is open."""
    gate: str = ""
    """The answer of `mlspec runtime gate`: `pass`, `fail`, or `too-few`; empty if it cannot judge the file."""
    parts: tuple[GatePart, ...] = ()


class LimitResult(Record):
    """A constraint of the spec that the evaluation measured. It can hold a model back; only the rollout proves it."""

    title: str
    asked: str
    found: str
    """The measured value in words."""
    verdict: Answer | None
    """None if the evaluation does not say."""
    why: str


class Measurement(Record):
    """A measurement of latency, throughput, or cost that the spec does not limit."""

    name: str
    value: str
    """In words."""


class MetricResult(Record):
    """A metric on all test rows, or on those with one value of a column."""

    metric: str
    maximize: bool
    estimate: Estimate
    column: str = ""
    group: str = ""


class RivalComparison(Record):
    """The model and a rival."""

    metric: str
    rival: str
    value: float
    """The rival's value."""
    same_rows: bool
    """Whether the rival was measured on the same rows."""
    difference: Estimate
    """The model's value minus the rival's."""
    better: bool | None
    """Whether the model is clearly better; None if the limits allow both."""
    note: str = ""


class DataSplit(Record):
    """One part of the data."""

    name: str
    rows: int | None
    positives: int | None
    first: str
    last: str


class ClassResult(Record):
    """What happened to the rows of one class."""

    name: str
    rows: int
    recall: Estimate | None
    """The share of its rows that were predicted as it; None without rows."""
    precision: Estimate | None
    """The share of its predictions that were right; None without predictions."""
    mistaken: str
    """The class that it is most often taken for, in words; empty without mistakes."""


class ConfusionMatrix(Record):
    """The predictions by actual and predicted class."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    classes: tuple[ClassResult, ...]


class CalibrationBin(Record):
    """The rows of one range of scores."""

    predicted: float
    observed: Estimate
    off: bool
    """Whether the observed share clearly differs from the score."""


class EvaluatedModel(Record):
    """What was evaluated, and for which system."""

    system: str
    environment: str
    use_case: str
    model: str
    version: str
    trained_at: str
    evaluated_at: str
    data_version: str
    revision: str
    champion: str
    """The live version; empty if there is none."""


class EvaluationReport(Record):
    """The evaluation of a model: whether to ship it, and why."""

    verdict: Answer
    summary: str
    subject: EvaluatedModel
    splits: tuple[DataSplit, ...]
    gates: tuple[GateResult, ...]
    limits: tuple[LimitResult, ...]
    serving: tuple[Measurement, ...]
    metrics: tuple[MetricResult, ...]
    segments: tuple[MetricResult, ...]
    comparisons: tuple[RivalComparison, ...]
    confusion: ConfusionMatrix | None
    calibration: tuple[CalibrationBin, ...]
    calibration_error: str
    """The expected calibration error, and that of a perfectly calibrated model, in words; empty without bins."""
    strengths: tuple[str, ...]
    weaknesses: tuple[str, ...]
    reasons: tuple[str, ...]
    next_steps: tuple[str, ...]
