"""The status of an environment, from its plan and from what Prometheus answers.

Health follows from the alerts, so a status can never disagree with what pages the on-call engineer. A page that fires
is red, and a ticket is yellow. What is unknown is gray, and never green: a rule that is not loaded, fails, or is no
longer evaluated, and every rule of a service whose metrics Prometheus lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Literal

from ...pipeline import Environment
from ...plan import Plan
from ...plan.alerting.failures import FAILURES, Failure
from .answers import Answers
from .evidence import blind, blind_jobs, blind_model
from .expected import Expected, expected, judged
from .facts import charts, of_batch, of_champion, of_features, of_online, of_search, of_training
from .measured import drift_of, quality_of
from .report import ORDER, Action, Chart, Check, Fact, Health, ServiceStatus, Status, Trouble, worst

__all__ = ["status"]

Kind = Literal["online", "batch", "training", "search", "features", "elsewhere"]

Unseen = dict[Failure | None, str]
"""Why alerts could not fire, by the kind of failure; None stands for all kinds."""


def status(environment: Environment, answers: Answers) -> Status:
    """The status of one environment."""
    plan, rules = environment.plan, expected(environment.bundle.artifacts)
    services = tuple(_services(plan, rules, answers))
    health = worst(tuple(one.health for one in services))
    return Status(
        system=plan.system.metadata.name.value,
        environment=environment.name,
        at=answers.at,
        health=health,
        services=services,
        actions=tuple(sorted(_actions(services), key=lambda action: ORDER.index(action.health))),
        warnings=answers.warnings,
    )


def _services(plan: Plan, rules: tuple[Expected, ...], answers: Answers) -> Iterator[ServiceStatus]:
    def made(
        name: str, kind: Kind, facts: Iterable[Fact], unseen: Unseen, charts: Iterable[Chart] = ()
    ) -> ServiceStatus:
        own = sorted((rule for rule in rules if rule.service == name), key=_failure)
        checks = tuple(_check(failure, tuple(some), answers, unseen) for failure, some in groupby(own, key=_failure))
        return ServiceStatus(
            name=name,
            kind=kind,
            health=worst(tuple(check.health for check in checks)),
            facts=tuple(facts),
            checks=checks,
            quality=quality_of(name, answers),
            drift=drift_of(name, plan, answers),
            charts=tuple(charts),
        )

    for service in plan.online.values():
        measured, drawn = of_online(service, answers), charts(service, answers)
        yield made(service.name.value, "online", measured, blind(service, answers), drawn)
    for batch in plan.batch.values():
        name = batch.name.value
        yield made(name, "batch", of_batch(batch, answers), blind_jobs(name, answers))
    if plan.training is not None:
        name = plan.training.name.value
        yield made(name, "training", of_training(plan.training, answers), blind_jobs(name, answers))
        if plan.training.searched is not None:
            name = plan.training.search_name.value
            yield made(name, "search", of_search(plan.training, answers), blind_jobs(name, answers))
    if plan.store is not None:
        name = plan.store.name.value
        yield made(name, "features", of_features(plan.store, answers), blind_jobs(name, answers))
    live = plan.champion_elsewhere
    if live is not None and any(rule.service == live.champion_name.value for rule in rules):
        name = live.champion_name.value
        yield made(name, "elsewhere", of_champion(live.champion, answers), blind_model(name, answers))


def _failure(rule: Expected) -> Failure:
    return rule.failure


def _check(failure: Failure, rules: tuple[Expected, ...], answers: Answers, unseen: Unseen) -> Check:
    verdicts = [judged(rule, answers) for rule in rules]
    health = worst(tuple(one for one, _ in verdicts))
    troubles = tuple(dict.fromkeys(one for _, some in verdicts for one in some))  # two windows say the same
    why = unseen.get(None) or unseen.get(failure)
    if health == "green" and why:
        health, troubles = "gray", (Trouble(alert="", said=why),)
    return Check(failure=failure, meaning=FAILURES[failure], health=health, alerts=len(rules), troubles=troubles)


def _actions(services: Iterable[ServiceStatus]) -> Iterator[Action]:
    """One for each reason: several windows of one objective say the same, and all that is unknown has one cure."""
    for service in services:
        found = {
            (check.health, _advice(check.health, trouble), trouble.said, trouble.runbook): None
            for check in service.checks
            for trouble in check.troubles
        }
        for health, what, why, runbook in found:
            yield Action(health=health, service=service.name, what=what, why=why, runbook=runbook)


def _advice(health: Health, trouble: Trouble) -> str:
    if health == "gray":
        return "restore the monitoring first"
    return trouble.action or ("follow the runbook" if trouble.runbook else "find the cause")
