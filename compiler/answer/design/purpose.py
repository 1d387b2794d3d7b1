"""What the system is for, and what it must keep to."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because, first
from ...plan.service import ServicePlan
from ..memo import summary
from ..memo.headlines import ASSUMPTIONS, Headline
from ..memo.line import Line
from .draft import Block, Facts, Said, Table, given, paragraph, say
from .scene import Scene
from .words import bounds, gap

__all__ = ["business", "constraints", "short", "use_case"]


def short(scene: Scene) -> Iterator[Block]:
    """The ten lines that a manager reads."""
    lines = summary(scene.environment, scene.areas, scene.found, scene.estimates)
    yield Table(caption="", head=("question", "answer"), rows=tuple((one.topic, _answer(scene, one)) for one in lines))


def _answer(scene: Scene, one: Headline) -> Said:
    """A line of the summary, with what it cites."""
    sources: list[object] = []
    for cited in one.cites:
        if cited.area == ASSUMPTIONS:
            continue
        line = next(scene.lines(cited.area, cited.title), None)
        sources += scene.at(cited.title) if line is None else [line.value]
    if one.topic in ("promises", "risk"):  # they rest on what lint found as well
        sources += [node for finding in scene.found for node in scene.nodes(finding)]
    return Because(one.text, "", tuple(sources))  # type: ignore[arg-type]


def use_case(scene: Scene) -> Iterator[Block]:
    """The purpose, the task, and who is responsible."""
    problem, metadata = scene.system.problem, scene.system.metadata
    yield from paragraph(say("{use}", use=problem.use_case), say("{what}", what=metadata.description))
    lines = [
        *given("task", problem.task),
        *given("owner, who gets paged", metadata.owner),
        *given("runbook", metadata.links.runbook),
        *given("source code", metadata.links.source),
        *given("dashboard", metadata.links.dashboard),
    ]
    yield Facts(caption="", lines=tuple(lines))
    if metadata.links.runbook is None:
        yield gap("there is no runbook", "metadata.links.runbook", "every alert links to it")


def business(scene: Scene) -> Iterator[Block]:
    """The outcome that the system is judged by, and how well people do the task."""
    metric, people = scene.system.problem.business_metric, scene.system.problem.human_performance
    if metric is None:
        why = "a better model is worth nothing unless this improves"
        yield gap("no business metric shows whether the system is worth its cost", "problem.businessMetric", why)
    else:
        unit = metric.unit if metric.unit is not None else None
        today = _measured(metric.today, unit)
        target = _measured(metric.target, unit)
        yield from paragraph(
            say("The system exists to {way} {name}.", way=metric.direction, name=metric.name),
            say("Today it is {today}, and the target is {target}.", today=today, target=target),
            say("The model's own metrics are only proxies for it.", _=metric.name),
        )
        lines = [
            *given("business metric", metric.name),
            *given("direction", metric.direction),
            *given("today", today),
            *given("target", target),
            *given("PromQL", metric.query),
        ]
        yield Facts(caption="", lines=tuple(lines))
        if metric.today is None:
            yield gap("today's value is not known", "problem.businessMetric.today", "no one can show an improvement")
        if metric.target is None:
            yield gap("there is no target", "problem.businessMetric.target", "no one can say when the work is done")
    if people is None:
        why = "it shows how far the model is from what the task allows"
        yield gap("how well people do the task is unknown", "problem.humanPerformance", why)
    else:
        reached = say("{metric} of {value}", metric=people.metric, value=people.value)
        yield from scene.facts("People", given("what people achieve", reached))


def _measured(value: Because[float] | None, unit: Because[str] | None) -> Said | None:
    if value is None or unit is None:
        return None if value is None else say("{value}", value=value)
    joined = "{value}{unit}" if unit.value.startswith("%") else "{value} {unit}"
    return say(joined, value=value, unit=unit)


def constraints(scene: Scene) -> Iterator[Block]:
    """The SLA, the load, the budget, the data, and what people may demand."""
    asked = scene.system.constraints
    for key, service in scene.plan.online.items():
        yield from scene.facts(_caption(scene, key), _online(service))
    for key, run in scene.plan.batch.items():
        deadline = first(run.part.constraints.deadline, asked.deadline)
        lines = [*given("deadline of a run", deadline), *given("items per run", run.total, "item")]
        yield from scene.facts(_caption(scene, key), lines)
    yield from scene.facts(
        "Budget and resources",
        given("budget", asked.budget),
        given("most replicas per service", asked.max_replicas, "replica"),
        (line for device in asked.accelerators for line in given("accelerator that may be used", device)),
    )
    yield from scene.facts("Fairness and interpretability", _demands(scene))
    yield from scene.facts("Data available", _available(scene))
    yield from _undeclared(scene)


def _caption(scene: Scene, key: str) -> str:
    several = len(scene.plan.online) + len(scene.plan.batch) > 1
    return f"Service level and load of {key}" if several else "Service level and load"


def _online(service: ServicePlan) -> Iterator[Line]:
    yield from bounds("latency", service.bounds("latency"))
    yield from bounds("time to first token", service.bounds("first_token"))
    yield from bounds("inter-token latency", service.bounds("inter_token"))
    yield from given("availability", service.availability)
    for name, title in (("mean", "load on average"), ("peak", "load at the peak"), ("trough", "load at the trough")):
        yield from given(title, service.traffic(name))  # type: ignore[arg-type]


def _demands(scene: Scene) -> Iterator[Line]:
    asked = scene.system.constraints
    yield from given("interpretability", asked.interpretability)
    for bound in asked.fairness:
        title = f"largest difference in {bound.metric.value} by {bound.between.value}"
        yield from given(title, bound.max_gap)


def _available(scene: Scene) -> Iterator[Line]:
    for source in scene.system.data.sources:
        if source.volume is not None:
            name = source.name.value
            yield from given(f"records in {name}", source.volume.records)
            yield from given(f"new records per day in {name}", source.volume.daily)
    yield from scene.lines("Data", "history", "history left to split")


def _undeclared(scene: Scene) -> Iterator[Block]:
    asked = scene.system.constraints
    if asked.budget is None:
        yield gap("there is no budget", "constraints.budget", "no lint rule can say that the plan is too expensive")
    for service in scene.plan.online.values():
        if not bounds("", service.bounds("latency")):
            path = "constraints.latency"
            yield gap("no latency is promised", path, "without a bound there is no SLO and no limit for a canary")
        if service.traffic("mean") is None:
            path = "constraints.throughput"
            yield gap("the load is unknown", path, "replicas, canaries, and cost follow from it")
    if scene.system.training is not None and not scene.system.data.sources:
        yield gap("the data is not described", "data.sources", "how much data there is decides what can be learned")
