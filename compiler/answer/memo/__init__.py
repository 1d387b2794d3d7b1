"""Memo: the decisions of one environment, as an architect would write them down for the people who decide.

Area by area, each decision with its value, its reason and its arithmetic; then every assumption that they rest on, with
the path of the spec or of the platform file that replaces it. The functions that list decisions are the only place
that knows which ones people are told of; a test holds the plan to them. A memo is plain text, made from the values with
reasons that `decided` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from ...because import Because, Unavailable
from ...finding import Refusal
from ...pipeline import Environment
from ...plan import Plan
from ...plan.service import ServicePlan
from ...plan.serving.batch import BatchPlan
from ...record import Record, one_line
from . import data, llm, model, money, monitoring, quota, rollout, serving, training
from .line import Line

__all__ = ["Area", "Assumption", "Decided", "Decision", "Memo", "decided", "memo"]


class Decision(Record):
    """One decision of the planner."""

    title: str
    value: str
    """What was decided, with its unit, such as `2 replicas`."""
    why: str
    """The reason and its arithmetic."""
    field: str
    """The path of the spec that decides it otherwise; empty where it follows from other decisions."""


class Area(Record):
    """One subject, with its decisions."""

    title: str
    decisions: tuple[Decision, ...]
    undecided: str = ""
    """Why the rest of the area could not be decided."""


class Assumption(Record):
    """A value that nobody gave, and that other values rest on."""

    path: str
    """Where the author, or the platform file, would give it."""
    value: str
    why: str


class Memo(Record):
    """What was decided for one environment."""

    environment: str
    areas: tuple[Area, ...]
    assumptions: tuple[Assumption, ...]
    """Every default and estimate that the decisions rest on."""

    def __repr__(self) -> str:
        count = sum(len(area.decisions) for area in self.areas)
        return one_line(self, f"{self.environment}: {count} decisions, {len(self.assumptions)} assumptions")


class Decided(Record):
    """An area before it is put into words: values with all their reasons."""

    title: str
    lines: tuple[Line, ...]
    undecided: str = ""

    def told(self) -> Area:
        """The area in words."""
        decisions = (Decision(title=x.title, value=x.text, why=x.why, field=x.field) for x in self.lines)
        return Area(title=self.title, decisions=tuple(decisions), undecided=self.undecided)


def memo(environment: Environment) -> Memo:
    """All areas of an environment in which something was decided."""
    areas = decided(environment.plan)
    rests = assumptions(line.value for area in areas for line in area.lines)
    return Memo(environment=environment.name, areas=tuple(area.told() for area in areas), assumptions=tuple(rests))


def decided(plan: Plan) -> list[Decided]:
    """The areas of a plan in which something was decided."""
    return [area for title, lines in _areas(plan) if (area := _area(title, lines)) is not None]


_Areas = Iterator[tuple[str, Callable[[], Iterable[Line]]]]


def _areas(plan: Plan) -> _Areas:
    for some in (_learning, _serving, _whole):
        try:
            yield from some(plan)
        except Unavailable:  # the spec is wrong there, which has been reported
            continue


def _learning(plan: Plan) -> _Areas:
    yield "Problem", partial(model.problem, plan)
    for name in plan.system.models:
        yield f"Model {name}", partial(model.choice, plan, name)
    yield "Data", partial(data.history, plan)
    yield "Training", partial(training.lines, plan)


def _serving(plan: Plan) -> _Areas:
    for key, service in plan.online.items():
        name = _name(service, key)
        yield f"Capacity of {name}", partial(serving.capacity, service)
        yield f"Language model of {name}", partial(llm.fit, service)
        yield f"Start and end of {name}", partial(serving.times, service)
        yield f"Rollout of {name}", partial(rollout.stages, service)
        yield f"Objectives of {name}", partial(monitoring.objectives, service)
    for key, run in plan.batch.items():
        yield f"Batch inference {_name(run, key)}", partial(serving.batch, run)


def _name(service: ServicePlan | BatchPlan, key: str) -> str:
    try:
        return service.name.value
    except Unavailable:
        return key


def _whole(plan: Plan) -> _Areas:
    yield "Drift", partial(data.drift, plan)
    yield "At the worst moment", partial(quota.at_once, plan)
    yield "Cost", partial(money.cost, plan)


def _area(title: str, lines: Callable[[], Iterable[Line]]) -> Decided | None:
    found: list[Line] = []
    undecided = ""
    try:
        for line in lines():
            found.append(line)
    except Refusal as refusal:
        undecided = f"{refusal.diagnostic.id}: {refusal.diagnostic.message}"
    except Unavailable:
        undecided = "the spec is wrong here: see mlspec lint"
    return Decided(title=title, lines=tuple(found), undecided=undecided) if found or undecided else None


def _written(value: object) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def assumptions(values: Iterable[Because[Any]]) -> list[Assumption]:
    """Every default that some decisions rest on, in the order in which they are met."""
    found: dict[str, Assumption] = {}
    seen: set[int] = set()
    waiting: list[Because[Any]] = list(values)[::-1]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if value.kind in ("default", "assumed"):
            found.setdefault(value.path, Assumption(path=value.path, value=_written(value.value), why=value.why))
        waiting += [source for source in reversed(value.sources) if isinstance(source, Because)]
    return list(found.values())
