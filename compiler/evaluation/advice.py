"""Strengths, weaknesses, and next steps: what the numbers of an evaluation say, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..plan.choose import count
from ..words import shown
from .analysis import excess
from .report import CalibrationBin, ConfusionMatrix, Estimate, GateResult, LimitResult, MetricResult, RivalComparison
from .said import figure, signed

__all__ = ["next_steps", "reasons", "strengths", "weaknesses"]

WORST = 3
"""How many of the worst segments are named."""

OVERFITS = 0.02
"""The difference between train and test, as a share of the possible range, above which it is named."""

NOISE_OF_CALIBRATION = 0.1
"""The probability that a bin of a calibrated model is outside its interval."""


def reasons(gates: Iterable[GateResult], limits: Iterable[LimitResult]) -> list[str]:
    """Every reason for the verdict, the gravest first."""
    found: list[tuple[str, str]] = [(gate.verdict, f"{gate.title}: {gate.why}") for gate in gates]
    found += [(limit.verdict, f"{limit.title}: {limit.found}, {limit.why}") for limit in limits if limit.verdict]
    order = ("reject", "iterate", "ship")
    return [f"{verdict}: {said}" for verdict, said in sorted(found, key=lambda pair: order.index(pair[0]))]


def strengths(
    gates: Iterable[GateResult], comparisons: Iterable[RivalComparison], maximized: dict[str, bool]
) -> list[str]:
    """What the model clearly does well."""
    found = [f"{gate.title}: {gate.why}" for gate in gates if gate.verdict == "ship"]
    known = {(one.metric, one.rival): one for one in comparisons}
    for one in known.values():
        if one.better:
            found.append(f"clearly better {one.metric} than {shown(one.rival)}: {_lift(one, known, maximized)}")
    return found


def _lift(one: RivalComparison, known: dict[tuple[str, str], RivalComparison], maximized: dict[str, bool]) -> str:
    """The difference, as a part of the way to a perfect value, and to human performance."""
    said = [f"{signed(one.difference.value)} to {figure(one.value)}"]
    ideal = 1.0 if maximized[one.metric] else 0.0
    if 0 <= one.value <= 1 and one.rival == "naive" and one.value != ideal:
        said.append(f"{one.difference.value / (ideal - one.value):.0%} of the way to {ideal:g}")
    human = known.get((one.metric, "human"))
    if one.rival == "naive" and human is not None and human.value != one.value:
        said.append(f"{one.difference.value / (human.value - one.value):.0%} of the way to human performance")
    return ", ".join(said)


def weaknesses(
    gates: Iterable[GateResult],
    metrics: list[MetricResult],
    segments: list[MetricResult],
    comparisons: list[RivalComparison],
    bins: tuple[CalibrationBin, ...],
    splits: dict[str, Any],
) -> Iterator[str]:
    """What the model does badly, and what the evaluation does not show."""
    for gate in gates:
        if gate.verdict != "ship":
            yield f"{gate.title}: {gate.why}"
    yield from _worst(metrics, segments)
    for one in comparisons:
        if one.better is False:
            limits = f"{signed(one.difference.low or 0)} to {signed(one.difference.high or 0)}"
            yield f"clearly worse {one.metric} than {shown(one.rival)}: by {limits}"
    off = [one for one in bins if one.off]
    if len(off) > max(1, 2 * NOISE_OF_CALIBRATION * len(bins)):
        yield (
            f"the score is not a probability: in {len(off)} of {count(len(bins), 'bin')}, it is outside the interval "
            f"of the observed share, where chance gives {NOISE_OF_CALIBRATION * len(bins):.1f}"
        )
    yield from _overfit(metrics, splits)


def _worst(metrics: list[MetricResult], segments: list[MetricResult]) -> Iterator[str]:
    """The segments that are clearly worse than all rows, and by how much at least."""
    overall = {one.metric: one.estimate for one in metrics}
    ranked: list[tuple[float, MetricResult, Estimate]] = []
    for part in segments:
        whole = overall.get(part.metric)
        worse = excess(whole, part) if whole is not None else None
        if whole is not None and worse is not None and worse > 0:
            ranked.append((worse, part, whole))
    for worse, part, whole in sorted(ranked, key=lambda one: -one[0])[:WORST]:
        yield (
            f"{part.metric} of {shown(part.group)} ({shown(part.column)}) is {figure(part.estimate.value)}, clearly "
            f"worse than the {figure(whole.value)} of all rows, by at least {figure(worse)}"
        )


def _overfit(metrics: list[MetricResult], splits: dict[str, Any]) -> Iterator[str]:
    trained = splits.get("train", {}).get("metrics", {})
    for one in metrics:
        entry = trained.get(one.metric)
        if entry is None or not 0 <= entry["value"] <= 1:
            continue
        gap = entry["value"] - one.estimate.value
        if (gap if one.maximize else -gap) > OVERFITS:
            yield (
                f"{one.metric} is {figure(entry['value'])} on the training rows and {figure(one.estimate.value)} on "
                "the test rows: the model overfits"
            )


def next_steps(
    verdict: str,
    gates: Iterable[GateResult],
    limits: Iterable[LimitResult],
    confusion: ConfusionMatrix | None,
    rollout: bool,
) -> Iterator[str]:
    """What to do, in order."""
    for gate in gates:
        if gate.verdict == "iterate" and gate.needs:
            yield f"{gate.title}: {gate.needs}"
        elif gate.verdict == "reject":
            worst = [shown(part.name) for part in gate.parts if part.verdict == "reject"]
            where = f" of {', '.join(worst)}" if worst else ""
            yield f"{gate.title}: read a random sample of the errors{where}, and find their causes before you retrain"
    for limit in limits:
        if limit.verdict in ("iterate", "reject"):
            yield f"{limit.title}: {limit.why}, so make the model smaller or change the constraint"
    if verdict == "ship":
        unmeasured = [limit.title for limit in limits if limit.verdict is None]
        yield "promote the version with `mlspec promote`" + (", through its rollout" if rollout else "")
        if unmeasured:
            yield f"watch {', '.join(unmeasured)} during the rollout: the evaluation does not show it"
    if confusion is None and verdict != "ship":
        yield "add `confusion` to the metrics file, to see which rows the model gets wrong"
