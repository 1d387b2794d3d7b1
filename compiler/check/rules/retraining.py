"""Rules on retraining: a new model is not a fix by itself, and a stale one is a failure that no one notices."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from ....schema.units import Duration
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan, cron
from ...plan.choose import count, number, readable, seconds
from ...plan.training import TrainingPlan
from ...system import Evaluation, MLSystem, Retraining
from ..lint import rule

__all__ = ["no_age_limit", "retries_without_time", "unattended", "unattended_promotion"]


def unattended(system: MLSystem) -> bool:
    """Whether models are trained without anyone who starts the run. A limit on the age of a model trains nothing."""
    starts = system.retraining
    return system.training is not None and starts is not None and bool(starts.schedule is not None or starts.triggers)


@rule(
    "MLS702",
    "error",
    "evaluation.gates",
    "constraints.fairness",
    "retraining.diagnosis",
    "retraining.schedule",
    "retraining.triggers",
)
def unattended_promotion(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Retraining without a gate, or despite its own diagnosis.

    Why: most drops in quality are caused by broken data or a changed feature. A model that is trained on the fault
    learns it, and without a gate it goes to production.

    Bad:
        evaluation:
          primary: roc_auc
        retraining:
          schedule: "0 3 * * 1"
          maxModelAge: 30d
    Good:
        evaluation:
          primary: roc_auc
          gates: [{metric: roc_auc, versus: champion, minSamples: 20000}]
        retraining:
          schedule: "0 3 * * 1"
          maxModelAge: 30d
    """
    retraining = system.retraining
    if retraining is None:
        return
    evaluation, fair = system.evaluation, system.constraints.fairness  # a gate judges it, or MLS715 asks for one
    if unattended(system) and not fair and (evaluation is None or not evaluation.gates):
        yield _unjudged(retraining, system.evaluation)
    diagnosis = retraining.diagnosis
    for answer, fault in ((diagnosis.on_data_fault, "broken data"), (diagnosis.on_feature_change, "a changed feature")):
        if answer.value == "continue":
            yield finding(
                "MLS702",
                f"a model is trained even if the diagnosis finds {fault}",
                answer,
                note="it learns the fault, and looks right by every metric that is computed on the same data",
                help="write `stop`, and fix the cause first",
            )


def _unjudged(retraining: Retraining, evaluation: Evaluation | None) -> Diagnostic:
    metric = evaluation.primary.value if evaluation is not None else "roc_auc"
    gates = f"gates: [{{metric: {metric}, versus: champion, minSamples: 1000}}]"
    add = f"add `{gates}` under `evaluation`"
    if evaluation is None:
        add = f"add `evaluation: {{primary: {metric}, {gates}}}` with metrics that fit your task"
    return finding(
        "MLS702",
        "models are trained unattended, and no gate judges them before production",
        retraining.schedule,
        retraining.triggers,
        retraining,
        others=((evaluation.primary, "measured, but not compared with anything"),) if evaluation is not None else (),
        note="one run on broken data is enough to put a broken model into production",
        help=add,
    )


@rule(
    "MLS703",
    "warning",
    "retraining.maxModelAge",
    "retraining.schedule",
    "training.fit",
    "training.tuning",
    "training.crossValidation",
    "retraining.decay",
    "monitoring.quality",
    "evaluation.primary",
    "releases.*.metrics",
    "models.*.candidates.*.metrics",
    "models.*.candidates.*.selected",
)
def no_age_limit(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """No limit on the model's age, or one that normal operation exceeds.

    Why: runs fail silently, or produce models that pass no gate. Without a limit, no one notices that the model in
    production is a year old. A limit below the time between two models fires all the time, and is ignored.

    Bad:
        retraining:
          schedule: "0 3 * * 1"
          maxModelAge: 5d
    Good:
        retraining:
          schedule: "0 3 * * 1"
          maxModelAge: 30d
    """
    retraining = system.retraining
    if retraining is None:
        return
    if retraining.max_model_age is not None:
        yield from _exceeded(system, plan, retraining.max_model_age, retraining.schedule)
        yield from _of_unknown_age(plan, retraining.max_model_age)
        return
    yield finding(
        "MLS703",
        "no alert fires when the model gets too old",
        retraining.schedule,
        retraining.triggers,
        retraining,
        note="runs can fail, or produce models that pass no gate, for months before anyone notices",
        help="add `maxModelAge: 45d` under `retraining`, or the age at which quality starts to suffer",
    )


def _of_unknown_age(plan: Plan, age: Because[Duration]) -> Iterator[Diagnostic]:
    """A model that another system serves, without a release that says when it was trained."""
    training = plan.champion_elsewhere
    if training is None or not plan.runs("monitoring").value:
        return
    release = training.champion
    if release is None or release.trained_at is None:
        yield finding(
            "MLS703",
            f"no alert fires when `{training.model.value}` gets too old: no release says when it was trained",
            age,
            others=((release.version, "lacks `trainedAt`"),) if release is not None else (),
            note="another system serves it, so only its release here tells which version is live, and since when",
            help="add `trainedAt: '2026-11-02T04:12:00Z'` to its release"
            if release is not None
            else f"run `mlspec promote --to {plan.name} --release FILE` whenever a version goes live",
        )


def _exceeded(
    system: MLSystem, plan: Plan, age: Because[Duration], schedule: Because[str] | None
) -> Iterator[Diagnostic]:
    if schedule is None or (plan.cadence is not None and plan.cadence.too_rare):
        return  # or MLS712 asks for more runs, between which the model gets less old
    gap = cron.gap(schedule, cron.longest_gap).value
    work = TrainingPlan(plan, system.training).work if system.training is not None else None
    least = gap.amount + (work.value.amount if work is not None else 0)
    if age.value.amount < least:
        trained = f" and train for {seconds(float(work.value))}" if work is not None else ""
        sum_ = f"{gap} plus {work.reason} is {number(float(least) / 86400)} days; " if work is not None else ""
        yield finding(
            "MLS703",
            f"between two runs the model gets older than {age.value}",
            age,
            others=((schedule, f"runs are up to {gap} apart{trained}"),),
            note=f"{sum_}the alert fires in normal operation, and will soon be ignored",
            help=f"write `maxModelAge: {ceil(2 * least / 86400)}d` or more, so that one run may fail",
        )


@rule("MLS711", "warning", "training.retries", "training.deadline", "training.fit", "retraining.schedule")
def retries_without_time(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Retries that have no time.

    Why: the deadline of a run counts all of its tries, and the time that pods wait for a node. If a try fails late, the
    next one is killed at the deadline, after it has used an accelerator for nothing.

    Bad:
        training:
          image: registry.example.com/train@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
          seed: 17
          steps:
            train: {command: [python, -m, fraud.train]}
            evaluate: {command: [python, -m, fraud.evaluate]}
          fit: 40m
          deadline: 1h
    Good:
        training:
          image: registry.example.com/train@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
          seed: 17
          steps:
            train: {command: [python, -m, fraud.train]}
            evaluate: {command: [python, -m, fraud.evaluate]}
          fit: 40m
          deadline: 3h
    """
    training = plan.training
    if training is None or training.work is None or not training.retries.value:
        return
    work, deadline, tries = training.work.value, training.deadline, 1 + training.retries.value
    needed = Duration(tries * work.amount)
    given = training.part.deadline.given is not None
    if given and work > deadline.value:
        return  # not even one try fits: MLS221
    if needed > deadline.value:
        longer = f"write `deadline: {needed}` or more" if given else "run less often"
        yield finding(
            "MLS711",
            f"{count(tries - 1, 'retry')} cannot fit into the deadline of {readable(deadline.value)}",
            training.retries,
            deadline,
            others=((training.work, "the duration of a fit"),),
            note=f"{tries} x {work} are {readable(needed)}, and a try that cannot end is killed at the deadline",
            help=f"{longer}, or write `retries: 0`",
        )
