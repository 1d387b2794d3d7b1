"""The whole report, from the plan of an environment, the configuration of its gate, and a metrics file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from ..because import Because
from ..catalog import load as catalog
from ..pipeline import Environment
from ..plan import Plan
from ..plan.choose import count
from ..plan.data.observed import SHARES
from ..plan.distributions import normal_quantile
from ..tree import Scalar, entries
from . import advice, analysis
from .judge import Evidence, gate_results, together
from .limits import limits, served
from .measures import ERROR, Z, against, of_entry
from .metrics_file import Facts, MetricFacts, base
from .report import (
    Answer,
    DataSplit,
    Estimate,
    EvaluatedModel,
    EvaluationReport,
    GateResult,
    LimitResult,
    MetricResult,
    RivalComparison,
)
from .said import estimate_of, plain_estimate, rounded

__all__ = ["environment_of", "evaluated", "facts_of"]

RIVALS = ("champion", "naive", "human")
"""The rivals that are compared even if the file does not name them."""


def environment_of(environments: Iterable[Environment]) -> Environment | None:
    """The environment that a model is evaluated for: the only one, or the only one that trains it; None otherwise."""
    everywhere = list(environments)
    trains = [one for one in everywhere if one.plan.training is not None]
    return next((some[0] for some in (everywhere, trains) if len(some) == 1), None)


def facts_of(plan: Plan) -> Facts:
    """What a metrics file of the system may name."""
    system = plan.system
    own = {
        name: _metric(name, metric.direction.value, _value(metric.min), _value(metric.max))
        for name, metric in system.metrics.items()
    }
    columns = {
        column.name.value: tuple(one.value for one in column.values.one_of) if column.values is not None else ()
        for column in system.data.columns
    }
    candidates = tuple(one.name.value for model in system.models.values() for one in model.candidates)
    return Facts(metrics={**_cataloged(), **own}, columns=columns, candidates=candidates)


def _value(given: Because[float] | None) -> float | None:
    return given.value if given is not None else None


def _metric(name: str, direction: str, low: float | None, high: float | None) -> MetricFacts:
    return MetricFacts(
        maximize=direction == "maximize",
        low=Decimal(repr(low)) if low is not None else None,
        high=Decimal(repr(high)) if high is not None else None,
        share=name in (*SHARES, "precision"),  # which the spec cannot plan: its observations depend on the model
    )


def _cataloged() -> dict[str, MetricFacts]:
    """The metrics of the catalog, which are not in the plan of a spec that refers to none of them."""
    found = {}
    for name, entry in catalog.metrics().entries.items():
        given = {key.text: node.text for key, node in entries(entry) if isinstance(node, Scalar)}
        low, high = (float(given[end]) if end in given else None for end in ("min", "max"))
        found[name] = _metric(name, given["direction"], low, high)
    return found


def evaluated(environment: str, plan: Plan, config: dict[str, Any], metrics: dict[str, Any]) -> EvaluationReport:
    """The report on a model, by the content of its metrics file. `config` is the configuration of the gate."""
    evidence = Evidence(config=config, metrics=metrics, facts=facts_of(plan))
    gates, constraints = gate_results(evidence), limits(plan, metrics)
    results, segments = _metrics(evidence), _segments(evidence)
    compared = list(_comparisons(evidence))
    bins = analysis.calibration(metrics.get("calibration", []))
    confusion = analysis.confusion(metrics.get("confusion"))
    held = [one.verdict for one in constraints if one.verdict is not None and one.verdict != "ship"]
    verdict = together([*(gate.verdict for gate in gates), *held]) if gates else "iterate"
    notes = metrics.get("notes", {})
    maximized = {one.metric: one.maximize for one in results}
    weak = advice.weaknesses(gates, results, segments, compared, bins, metrics.get("splits", {}))
    steps = advice.next_steps(verdict, gates, constraints, confusion, plan.system.rollout is not None)
    return EvaluationReport(
        verdict=verdict,
        summary=_summary(verdict, gates, constraints),
        subject=_subject(environment, plan, metrics),
        splits=tuple(_splits(metrics.get("splits", {}))),
        gates=tuple(gates),
        limits=tuple(constraints),
        serving=tuple(served(plan, metrics)),
        metrics=tuple(results),
        segments=tuple(segments),
        comparisons=tuple(compared),
        confusion=confusion,
        calibration=bins,
        calibration_error=analysis.calibration_error(bins),
        strengths=(*advice.strengths(gates, compared, maximized), *notes.get("strengths", ())),
        weaknesses=(*weak, *notes.get("weaknesses", ())),
        reasons=tuple(advice.reasons(gates, constraints)),
        next_steps=(*steps, *notes.get("nextSteps", ())),
    )


def _summary(verdict: Answer, gates: list[GateResult], constraints: Iterable[LimitResult]) -> str:
    named: list[tuple[str, Answer | None]] = [(one.title, one.verdict) for one in gates]
    named += [(one.title, one.verdict) for one in constraints]
    if not gates:
        return "Iterate: the spec has no gates, so nothing says what is good enough."
    if verdict == "ship":
        return f"Ship: the model clears {'the only gate' if len(gates) == 1 else f'all {len(gates)} gates'}."
    said = _listed([title for title, one in named if one == verdict])
    if verdict == "reject":
        return f"Reject: the model misses its bar on {said}, with 95% confidence."
    cleared = sum(gate.verdict == "ship" for gate in gates)
    return f"Iterate: still open: {said}. The model clears {cleared} of {count(len(gates), 'gate')}."


def _listed(names: list[str]) -> str:
    if len(names) < 3:
        return " and ".join(names)
    return f"{', '.join(names[:-1])}, and {names[-1]}"


def _subject(environment: str, plan: Plan, metrics: dict[str, Any]) -> EvaluatedModel:
    given, system = metrics.get("model", {}), plan.system
    live = [release.version.value for release in system.releases.values()]
    names = [model.own_name.value for model in system.models.values()]
    return EvaluatedModel(
        system=system.metadata.name.value,
        environment=environment,
        use_case=system.problem.use_case.value,
        model=given.get("name", names[0] if len(names) == 1 else system.metadata.name.value),
        version=given.get("version", ""),
        trained_at=given.get("trainedAt", ""),
        evaluated_at=metrics.get("evaluatedAt", ""),
        data_version=given.get("dataVersion", ""),
        revision=given.get("revision", ""),
        champion=str(live[0]) if len(live) == 1 else "",
    )


def _splits(given: dict[str, Any]) -> Iterator[DataSplit]:
    for name in ("train", "validation", "test"):
        if name in given:
            one = given[name]
            yield DataSplit(
                name=name,
                rows=one.get("rows"),
                positives=one.get("positives"),
                first=one.get("from", ""),
                last=one.get("to", ""),
            )


def _metrics(evidence: Evidence) -> list[MetricResult]:
    return [_result(metric, entry, evidence.facts) for metric, entry in evidence.metrics["metrics"].items()]


def _segments(evidence: Evidence) -> list[MetricResult]:
    return [
        _result(metric, entry, evidence.facts, of=len(groups)).but(column=column, group=group)
        for column, groups in evidence.metrics.get("segments", {}).items()
        for group, entries in groups.items()
        for metric, entry in entries.items()
    ]


def _result(metric: str, entry: dict[str, Any], facts: Facts, *, of: int = 1) -> MetricResult:
    """A metric with its limits. Those of one value `of` many hold for all of them together (Bonferroni)."""
    known = facts.metrics[base(metric)]
    found = of_entry(metric, entry, known)
    estimate = (
        estimate_of(found, entry, normal_quantile(1 - ERROR / of)) if found is not None else plain_estimate(entry)
    )
    return MetricResult(metric=metric, maximize=known.maximize, estimate=estimate)


def _comparisons(evidence: Evidence) -> Iterator[RivalComparison]:
    rivals, known = evidence.metrics.get("rivals", {}), evidence.config.get("rivals") or {}
    for metric, entry in evidence.metrics["metrics"].items():
        for rival in dict.fromkeys((*RIVALS, *rivals)):
            measured = rivals.get(rival, {}).get(metric)
            if measured is not None:
                yield _measured(metric, rival, entry, measured, evidence.facts)
            elif metric in known.get(rival, {}):
                yield _known(metric, rival, entry, known[rival][metric], evidence.facts)


def _measured(metric: str, rival: str, entry: dict[str, Any], other: dict[str, Any], facts: Facts) -> RivalComparison:
    own = of_entry(metric, entry, facts.metrics[base(metric)])
    found = against(metric, own, entry, other, facts.metrics[base(metric)])
    value = rounded(entry["value"] - other["value"])
    difference = estimate_of(found, entry, Z).but(value=value) if found is not None else Estimate(value=value)
    return _compared(metric, rival, other["value"], difference, facts, same_rows=True)


def _known(metric: str, rival: str, entry: dict[str, Any], value: float, facts: Facts) -> RivalComparison:
    own = _result(metric, entry, facts).estimate
    low, high = (rounded(end - value) if end is not None else None for end in (own.low, own.high))
    difference = own.but(value=rounded(own.value - value), low=low, high=high)
    made = _compared(metric, rival, value, difference, facts, same_rows=False)
    return made.but(note="on other rows; its value counts as exact")


def _compared(
    metric: str, rival: str, value: float, difference: Estimate, facts: Facts, *, same_rows: bool
) -> RivalComparison:
    better: bool | None = None
    if difference.low is not None and difference.high is not None:
        up = facts.metrics[base(metric)].maximize
        better = up if difference.low > 0 else not up if difference.high < 0 else None
    return RivalComparison(
        metric=metric, rival=rival, value=value, same_rows=same_rows, difference=difference, better=better
    )
