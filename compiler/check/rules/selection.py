"""Rules on selecting a candidate, and on the bars that later models must clear."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....schema.units import Percent, plain
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.rollout.rollback import looser_than_the_page
from ...plan.training.candidates import Check, Rival, expense, simplicity
from ...plan.training.selection import Selection
from ...system import Candidate, MLSystem
from ..lint import rule
from .evaluation import champion_gate, result_of_champion
from .retraining import unattended

__all__ = ["better_candidate", "loose_bar", "simpler_candidate"]

HALF = Decimal("0.5")
"""The share of the cost at which a simpler candidate with nearly all of the gain is the better choice."""


@rule(
    "MLS207",
    "info",
    "models.*.candidates",
    "evaluation.primary",
    "evaluation.gates",
    "constraints.budget",
    "constraints.fairness",
    "constraints.interpretability",
)
def simpler_candidate(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Simpler candidate that is good enough.

    Why: a complex model costs something every day: money, latency, and on-call time for the team that explains it. The
    last tenth of the gain over the naive baseline is rarely worth it.

    Bad:
        evaluation: {primary: roc_auc}
        model:
          candidates:
            - {name: deep, complexity: high, metrics: {roc_auc: 0.946}, cost: 3 USD/1M predictions, selected: true}
            - {name: trees, complexity: medium, metrics: {roc_auc: 0.943}, cost: 0.9 USD/1M predictions}
            - {name: mean, role: naive, complexity: low, metrics: {roc_auc: 0.912}}
    Good:
        evaluation: {primary: roc_auc}
        model:
          candidates:
            - {name: deep, complexity: high, metrics: {roc_auc: 0.946}, cost: 3 USD/1M predictions}
            - {name: trees, complexity: medium, metrics: {roc_auc: 0.943}, cost: 0.9 USD/1M predictions, selected: true}
            - {name: mean, role: naive, complexity: low, metrics: {roc_auc: 0.912}}
    """
    for selection in plan.selections.values():
        found = [rival for rival in selection.sufficient if rival.simpler.value and _halves(rival)]
        if found:
            yield _simpler(selection, min(found, key=simplicity), min(found, key=expense))


def _halves(rival: Rival) -> bool:
    return rival.cost is not None and rival.cost.value <= HALF


def _simpler(selection: Selection, rival: Rival, cheapest: Rival) -> Diagnostic:
    assert selection.selected is not None
    assert rival.cost is not None
    name, gain, cost = rival.candidate.name, _percent(rival.gain), _percent(rival.cost)
    others = [(selection.selected.name, "selected")]
    if cheapest is not rival:
        others.append((cheapest.candidate.name, f"the cheapest: {selection.named(cheapest).reason}"))
    return finding(
        "MLS207",
        f"`{name.value}` is simpler and reaches {gain} of the gain at {cost} of the cost",
        name,
        others=tuple(others),
        note=f"gain over the naive baseline: {rival.gain.reason}; cost: {rival.cost.reason}",
        help=f"move `selected: true` to `{name.value}`{_margin(selection, rival.candidate)}, or suppress this finding "
        "and say why the rest of the gain is worth its cost",
    )


def _margin(selection: Selection, candidate: Candidate) -> str:
    """What a gate against the live version, which is of another candidate, has to allow until that one is replaced."""
    lost = [check for check in selection.missed(candidate) if check.of_champion]
    allowed = " and ".join(f"{check.reached.value} in {check.subject}" for check in lost)
    return f", and let the gate against `champion` allow {allowed} with a `margin` until it is live" if lost else ""


def _percent(share: Because[Decimal]) -> str:
    return str(Percent(share.value.quantize(Decimal("0.01"))))


@rule(
    "MLS208",
    "error",
    "models.*.candidates",
    "evaluation.gates",
    "services.*.constraints.latency",
    "constraints.budget",
    "constraints.fairness",
    "problem.humanPerformance",
)
def better_candidate(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Selected candidate that misses a bound that another one meets.

    Why: the system promises what this model cannot deliver, although there is a candidate that can.

    Bad:
        constraints: {latency: {p99: 50ms}}
        model:
          candidates:
            - {name: deep, latency: {p99: 61ms}, selected: true}
            - {name: trees, latency: {p99: 11ms}}
    Good:
        constraints: {latency: {p99: 50ms}}
        model:
          candidates:
            - {name: deep, latency: {p99: 61ms}}
            - {name: trees, latency: {p99: 11ms}, selected: true}
    """
    for selection in plan.selections.values():
        if selection.selected is None:
            continue
        for check in selection.missed(selection.selected):
            keepers = selection.keepers(check)
            if keepers:
                yield _misses(selection, selection.selected, check, *keepers[0])


def _misses(selection: Selection, selected: Candidate, check: Check, other: Candidate, theirs: Check) -> Diagnostic:
    also = [missed.subject for missed in selection.missed(other)]
    instead = f"move `selected: true` to `{other.name.value}`, or relax the bound"
    if also:
        instead = f"find a candidate that meets all bounds (`{other.name.value}` misses {', '.join(also)})"
    return finding(
        "MLS208",
        f"the selected `{selected.name.value}` misses the bound on {check.subject}, and `{other.name.value}` meets it",
        check.reached,
        others=((check.asked, "the bound"), (theirs.reached, "meets it")),
        note=f"{selected.name.value}: {check.kept.reason}; {other.name.value}: {theirs.kept.reason}",
        help=instead,
    )


@rule(
    "MLS210",
    "error",
    "evaluation.gates",
    "evaluation.minSamples",
    "retraining.schedule",
    "rollout.rollbackWhen.*.max",
)
def loose_bar(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Bar below what is already in production.

    Why: if a new model passes its gates and its rollout and is worse than the one before, the bar was too low. Compare
    a retrained model with the one in production, and let a rollout abort before an alert would page someone.

    Bad:
        constraints: {availability: 99.9%}
        rollout:
          rollbackWhen: [{metric: error-rate, max: 2%}]
    Good:
        constraints: {availability: 99.9%}
        rollout:
          rollbackWhen: [{metric: error-rate, max: 0.5%}]
    """
    yield from _without_champion(system)
    yield from _looser_than_the_page(plan)


def _without_champion(system: MLSystem) -> Iterator[Diagnostic]:
    """Gates of unattended runs. Having no gates is MLS702, and comparing with nothing at all is MLS201."""
    evaluation = system.evaluation
    gates = evaluation.gates if evaluation is not None else ()
    naive = any(c.role.value == "naive" for model in system.models.values() for c in model.candidates)
    rivals = [gate.versus for gate in gates if gate.versus is not None]
    if evaluation is None or system.retraining is None or not unattended(system) or not gates or not (rivals or naive):
        return
    if all(rival.value != "champion" for rival in rivals):
        metric = gates[0].metric
        also = result_of_champion(system, metric.value)
        yield finding(
            "MLS210",
            "a retrained model is never compared with the one in production",
            metric,
            others=((system.retraining.schedule, "models are trained unattended"),),
            note="every model that clears the fixed bars passes, even one that is worse than its predecessor",
            help=f"add `{champion_gate(evaluation, metric.value)}` to `evaluation.gates`{also}; a negative `margin` "
            "allows noise",
        )


def _looser_than_the_page(plan: Plan) -> Iterator[Diagnostic]:
    for service in (service for service in plan.online.values() if service.canary.progressive.value):
        for limit, promised, page in looser_than_the_page(service.objectives):
            fires = plain(Decimal(page.threshold.value) * 100)
            bad, may = ("failures", "fail") if promised.kind == "availability" else ("slow responses", "be slow")
            yield finding(
                "MLS210",
                f"the rollout tolerates {plain(limit.value * 100)}% {bad}, but the page alert fires at {fires}%",
                limit,
                others=((promised.target, f"{Percent(1 - promised.target.value.amount)} of requests may {may}"),),
                note=f"it would promote a version while the alert is firing: {page.threshold.reason}",
                help=f"write `max: {fires}%` or less, or remove the condition to get a limit derived from the "
                "objective",
            )
