"""Rules on the rollout: a new version must be judged, in time, and on data that its own decisions did not shape."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Rate
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import seconds
from ...plan.rollout.canary import CanaryPlan
from ...plan.rollout.judgment import Change, Step
from ...plan.rollout.ladder import LONGEST
from ...plan.rollout.night import Idle, idle, likeliest_to_wait
from ...plan.rollout.steps import length_of
from ...plan.rollout.verdict import MINUTES
from ...system import MLSystem, RolloutCapability
from ...words import listing
from ..lint import rule
from .slo import FIRST_STEPS

__all__ = [
    "idle_at_night",
    "judged_by_late_labels",
    "nothing_to_judge",
    "shadow_without_judgment",
    "shapes_its_own_data",
]


@rule("MLS601", "error", "constraints.availability", "constraints.latency", "rollout.rollbackWhen")
def nothing_to_judge(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Canary without an objective.

    Why: a canary shifts traffic step by step so that a bad version is caught early. Without an objective, nothing
    counts as bad, and every version reaches all users.

    Bad:
        constraints:
          throughput: {mean: 20/s, peak: 60/s}
    Good:
        constraints:
          throughput: {mean: 20/s, peak: 60/s}
          availability: 99.9%
    """
    if system.rollout.rollback_when:
        return
    for service in plan.online.values():
        if service.canary.progressive.value and not service.objectives.all:
            yield finding(
                "MLS601",
                "the canary has no objective to judge by, so it promotes every version",
                service.canary.stage,
                service.part.mode,
                label="" if service.canary.stage is not None else "gets a canary by default",
                note="traffic would shift step by step, and nothing would evaluate the new version",
                help="add `availability: 99.9%` or `latency: {p99: 100ms}` under `constraints`",
            )


@rule(
    "MLS603",
    "warning",
    "rollout.rollbackWhen.*.metric",
    "rollout.stages.*.canary.detect.*.metric",
    "metrics.*.needsLabels",
    "data.labels.delay",
)
def judged_by_late_labels(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Canary judged by labels that arrive after its steps.

    Why: during a step, the labels of its requests are not known yet. The metric covers older requests, which another
    version answered, so the canary always passes.

    Bad:
        data:
          columns: [{name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, delay: 45d}
        rollout:
          rollbackWhen: [{metric: recall, min: 0.6}]
    Good:
        data:
          columns: [{name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, delay: 45d}
        rollout:
          rollbackWhen: [{metric: error-rate, max: 1%}]
    """
    delay = system.data.labels.delay if system.data.labels is not None else None
    lengths = [step.lasts.value for s in plan.online.values() if s.canary.progressive.value for step in s.canary.steps]
    if delay is None or not lengths or delay.value <= max(lengths):
        return
    for metric, instead in _judging(system):
        if system.metrics[metric.value.partition("@")[0]].needs_labels.value:
            yield finding(
                "MLS603",
                f"`{metric.value}` is not known until after the canary",
                metric,
                others=((delay, f"labels arrive after this; the longest step takes {max(lengths)}"),),
                note="the canary would be judged by the answers of another version, and always pass",
                help=f"judge by {instead} instead, and by `{metric.value}` before the rollout, in `evaluation.gates`",
            )


@rule("MLS613", "info", "constraints.throughput.trough", "services.*.constraints.throughput.trough")
def idle_at_night(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Canary that waits for an engineer at the trough of the traffic.

    Why: an analysis counts the requests of a window, and its length is for the mean rate. At night, the windows of a
    small step lack requests, so the analysis has no verdict. The rollout then waits, and the owner gets a ticket.

    Bad:
        constraints:
          availability: 99.5%
          throughput: {mean: 20/s, peak: 60/s, trough: 0.1/s}
    Good:
        constraints:
          availability: 99.5%
          throughput: {mean: 20/s, peak: 60/s, trough: 15/s}
    """
    for service in plan.online.values():
        canary, trough = service.canary, service.canary.trough
        if trough is None or not canary.progressive.value or canary.rate is None or any(map(_unsure, canary.steps)):
            continue  # MLS602 is about a rollout that even the mean rate cannot judge
        if canary.idle is None or not _waits(canary.idle, canary):
            continue
        share = f"{canary.idle.step.share.value}%"
        yield finding(
            "MLS613",
            f"at trough traffic, the {share} step has too few requests for a verdict, so the rollout waits for an "
            f"engineer (probability {canary.idle.odds.value})",
            trough,
            others=((canary.rate, "the length of the windows is for this rate"),),
            note=f"`{canary.idle.judgment.objective.name}`: {canary.idle.odds.reason}",
            help=_for_the_night(canary),
        )


def _unsure(step: Step) -> bool:
    return any(not judgment.verdict.value.sure for judgment in step.judgments)


def _waits(idle_: Idle | None, canary: CanaryPlan) -> bool:
    return idle_ is not None and idle_.odds.value >= canary.doubt.risk.value


def _for_the_night(canary: CanaryPlan) -> str:
    """The smallest change with which the trough has enough requests, and the way out without one."""
    for words, change in _changes(canary):
        steps = _moving(canary.changed(change))
        length = length_of(tuple(step.lasts for step in steps)).value
        if steps and length <= LONGEST:
            took = seconds(float(length))
            return f"{words} (the rollout then takes {took}), or release only during the day and suppress this finding"
    return f"release when there are at least {_enough(canary)}, and suppress this finding"


def _moving(canary: CanaryPlan) -> list[Step]:
    """The steps of a rollout; none as soon as one of them is unsure, or waits at the trough."""
    trough, steps = canary.trough, []
    assert trough is not None
    for step in canary.planned():
        if _unsure(step) or _waits(idle((step,), trough), canary):
            return []
        steps.append(step)
    return steps


def _changes(canary: CanaryPlan) -> Iterator[tuple[str, Change]]:
    """The changes with which a window at the trough can have enough requests, and a rollout can be short enough."""
    trough = canary.service.traffic("trough")
    assert trough is not None
    usual = canary.shares[0].value
    least = max(1 / judgment.verdict.value.limit for judgment in canary.steps[0].judgments)
    fixed = canary.given_window is not None or canary.given_duration is not None
    for first in (None, *(share for share in FIRST_STEPS if share > usual)):
        arriving = float(trough.value) * 60 * float(first if first is not None else usual)
        start = f"start with a {first} step" if first is not None else ""
        fewest = canary.doubt.windows.value * len(canary.changed(Change(first=first)).shares)  # of the whole rollout
        if first is not None and arriving * MINUTES[-1] >= least:
            yield start, Change(first=first)
        for minutes in () if fixed else MINUTES:
            if arriving * minutes >= least and 60 * minutes * fewest <= LONGEST.amount:
                window = f"set `window: {minutes}m` under `canary`"
                yield f"{start} and {window}" if start else window, Change(first=first, window=minutes)


def _enough(canary: CanaryPlan) -> Rate:
    """The lowest rate in tenths of the mean rate at which no step waits."""
    rate = canary.rate
    assert rate is not None
    for tenths in range(1, 10):
        lower = Rate(rate.value.amount * tenths / 10)
        worst = likeliest_to_wait(canary.steps, lower)
        if worst is not None and worst[0] < canary.doubt.risk.value.amount:
            return lower
    return rate.value


def _judging(system: MLSystem) -> Iterator[tuple[Because[str], str]]:
    """The metrics that decide whether a version is rolled back, each with what is known in time, as written there."""
    bounds = "`{metric: error-rate, max: 1%}` or `{metric: slow-rate, max: 5%}`"
    yield from ((condition.metric, bounds) for condition in system.rollout.rollback_when)
    for stage in system.rollout.stages:
        harms = stage.canary.detect if stage.canary is not None else ()
        yield from ((harm.metric, "`{metric: error-rate, to: 1.5%}`") for harm in harms)


@rule("MLS605", "warning", "data.labels.affectedByDecisions", "rollout.stages.*.experiment.holdOut")
def shapes_its_own_data(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """No holdout although the model shapes its own training data.

    Why: a declined payment never turns out to be fraud, and an ad that is not shown gets no clicks. A model that trains
    only on what it let through confirms itself, and its quality cannot be measured where it says no.

    Bad:
        data:
          columns: [{name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, affectedByDecisions: true}
    Good:
        data:
          columns: [{name: is_fraud, dtype: bool}]
          labels:
            column: is_fraud
            affectedByDecisions: true  # mlspec: ignore[MLS605] callers accept a random 1% of payments
    """
    labels = system.data.labels
    if system.training is None or labels is None or not labels.affected_by_decisions.value:
        return
    experiments = [stage.experiment for stage in system.rollout.stages if stage.experiment is not None]
    if all(not experiment.hold_out.value.amount for experiment in experiments):
        yield finding(
            "MLS605",
            "the model trains only on cases that its own decisions let through",
            labels.affected_by_decisions,
            others=tuple((experiment.hold_out, "no cases are held out") for experiment in experiments),
            note="it confirms its own decisions, and its quality is unknown where it says no",
            help="write `holdOut: 1%`, the share of cases that the model does not decide"
            if experiments
            else "let the callers decide 1% of cases at random, without the model, train on those too, and suppress "
            "this finding with a comment that says where",
        )


@rule("MLS615", "warning")
def shadow_without_judgment(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Shadow stage that nothing judges.

    Why: callers never see the answers of a shadow, so a version that fails every request looks like one that works. The
    judgment of a shadow is the first step of a canary. Without a canary, it goes live no matter how it performed.

    Bad:
        constraints: {availability: 99.9%}
        rollout:
          stages: [{shadow: {percent: 10%}}]
    Good:
        constraints: {availability: 99.9%}
        rollout:
          stages: [{shadow: {percent: 10%}}, {canary: {steps: [5%, 50%]}}]
    """
    for service in plan.online.values():
        stage = service.canary.shadow_stage
        if stage is not None and service.shadow_plan is None:
            yield finding(
                "MLS615",
                "nothing judges a version in the shadow stage",
                stage.percent,
                stage,
                note="a version that fails every mirrored request would go live",
                help=_what_judges(service.canary),
            )


def _what_judges(canary: CanaryPlan) -> str:
    if canary.progressive.value:
        return "declare the port of its metrics under `container.ports`"
    able = [name for name, entry in canary.service.scope.platform.providers.rollout.items() if _shifts(entry)]
    other = (
        "" if canary.can("canary") else f"remove the stage, or set `platform.rollout.provider` to {listing(able)} and "
    )
    return f"{other}add a canary after it: `- canary: {{steps: [5%, 25%, 50%]}}`"


def _shifts(entry: RolloutCapability) -> bool:
    return any(stage.value == "canary" for stage in entry.stages)
