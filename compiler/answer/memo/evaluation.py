"""What the gates, the search, and the accelerators of training can do, and how old models and features get."""

from __future__ import annotations

from collections.abc import Iterator

from ...plan import Plan
from ...plan.choose import gibibytes, number
from ...plan.data.fairness import GapSample
from ...plan.data.samples import GateSample
from ...plan.training.memory import training_memory
from ...plan.training.search import odds_of_the_best
from .line import Line

__all__ = ["cadence", "features", "gates", "memory", "search"]


def gates(plan: Plan) -> Iterator[Line]:
    """The observations behind each gate, and the differences that they can show; once for gates on the same metric."""
    told = set[str]()
    for line in (line for gate in plan.samples.gates for line in _gate(gate)):
        if line.title not in told:
            told.add(line.title)
            yield line
    for gap in plan.samples.gaps:
        yield from _gap(gap)


def _gap(gap: GapSample) -> Iterator[Line]:
    """The largest gap that the gate accepts, and the observations that each group needs for it."""
    yield Line(title=f"largest {gap.name}", value=gap.limit, field="constraints.fairness")
    if gap.each is not None:
        yield Line(title=f"{gap.name}, sample per group", value=gap.each, count_of="observation")
    if gap.needed is not None:
        yield Line(title=f"{gap.name}, required per group", value=gap.needed, count_of="observation")
    if gap.shown is not None:
        yield Line(
            title=f"{gap.name}, smallest bound", value=gap.shown.map(_significant), unit=f"of {gap.metric.value}"
        )
    if gap.odds is not None:
        yield Line(title=f"{gap.name}, rejects a model without one", value=gap.odds.map(_percent))


def _gate(gate: GateSample) -> Iterator[Line]:
    unit = f"of {gate.gate.metric.value}"
    if gate.events is not None:
        yield Line(title=f"{gate.name}, sample", value=gate.events, count_of="observation")
    if gate.precision is not None:
        yield Line(title=f"{gate.name}, precision", value=gate.precision.map(_about))
    if gate.difference is not None:
        yield Line(
            title=f"{gate.name}, smallest visible difference", value=gate.difference.map(_significant), unit=unit
        )
    if gate.each is not None:
        yield Line(title=f"{gate.name}, sample per value", value=gate.each, count_of="observation")
    if gate.bar is not None:
        yield Line(title=f"{gate.name}, required per value", value=gate.bar.map(_three), unit=unit)
    if gate.odds is not None:
        yield Line(title=f"{gate.name}, rejects a good model", value=gate.odds.map(_percent))


def cadence(plan: Plan) -> Iterator[Line]:
    """How often to train, and how long a drop in quality lasts."""
    found = plan.cadence
    if found is None:
        return
    if found.oldest is not None:
        yield Line(title="age of the model that is replaced", value=found.oldest)
    if found.expires is not None:
        yield Line(title="age at which quality is too low", value=found.expires)
    if found.proposed is not None:
        yield Line(title="proposed schedule", value=found.proposed)
    if found.max_age is not None:
        title = "maximum model age" if found.limited else "proposed maximum model age"
        yield Line(title=title, value=found.max_age, field="retraining.maxModelAge")
    if found.detected is not None:
        yield Line(title="time to notice a drop in quality", value=found.detected)
    if found.recovered is not None:
        yield Line(title="time to correct it", value=found.recovered)


def search(plan: Plan) -> Iterator[Line]:
    """How good the best trial of a search can be expected to be, and what its trials cost."""
    found = plan.trials
    if found is None:
        return
    tuning = found.tuning
    odds = odds_of_the_best(tuning, exhaustive=plan.platform.algorithms[tuning.algorithm.value].exhaustive)
    if odds is not None:
        yield Line(title="probability of one of the best 5%", value=odds.map(_percent), field="training.tuning.trials")
        yield Line(title="probability that one more trial is better", value=found.improves.map(_percent))
    if found.each is not None and found.all is not None and found.even is not None:
        currency = found.price.value.currency
        yield Line(title="cost of a trial", value=found.each, unit=currency)
        yield Line(title="cost of a search", value=found.all, unit=currency)
        if odds is not None:
            yield Line(title="cost of an even chance of a better trial", value=found.even, unit=currency)


def memory(plan: Plan) -> Iterator[Line]:
    """The accelerator memory of fine-tuning a language model."""
    found = training_memory(plan)
    if found is not None:
        yield Line(title="memory per accelerator, at least", value=found.needed.map(gibibytes))


def features(plan: Plan) -> Iterator[Line]:
    """How old the values of feature views get."""
    for age in plan.freshness.views:
        least = ", at least" if age.least else ""
        yield Line(title=f"oldest value of {age.view.name.value}{least}", value=age.oldest)


def _about(half: float) -> str:
    return f"+/- {_significant(half)}"


def _significant(value: float) -> str:
    return f"{float(f'{value:.2g}'):.10f}".rstrip("0") if value < 1 else number(value)


def _three(value: float) -> str:
    return f"{value:.3f}"


def _percent(odds: float) -> str:
    return "less than 0.1%" if odds < 0.001 else f"{number(odds * 100)}%"
