"""Memo: the decisions for one environment, as an architect would document them for a design review.

A memo lists the decisions by area, each with its value, its reason, and its arithmetic. It then lists every assumption
that the decisions depend on, with the path in the spec or in the platform file that replaces it. The functions that
list decisions are the only place that determines which ones users see; a test checks that no decision of the plan is
missing. A memo is plain text, built from the values with reasons that `decided` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from ....schema.units import Duration
from ...because import Because, Unavailable
from ...diagnostics import Diagnostic
from ...finding import Refusal
from ...pipeline import Environment
from ...plan import Plan
from ...plan.choose import readable
from ...record import Record, one_line
from . import data, evaluation, llm, model, money, monitoring, names, quota, rollout, serving, training
from .effects import assumed_by
from .grounds import Ground, Grounds
from .headlines import Citation, Headline, headlines
from .line import Line
from .money import CostPart

__all__ = [
    "Area", "Assumption", "Citation", "CostPart", "Decided", "Decision", "Ground", "Headline", "Memo", "bill",
    "decided", "estimates", "memo", "summary",
]  # fmt: skip


COST = "Cost"
MINUTE = 60


class Decision(Record):
    """One decision of the planner."""

    title: str
    value: str
    """The value with its unit, such as `2 replicas`."""
    why: str
    """The reason and its arithmetic."""
    field: str
    """The path in the spec that overrides the decision; empty if it follows from other decisions."""
    grounds: tuple[Ground, ...] = ()
    """The lines and the assumptions that it rests on, nearest first."""


class Area(Record):
    """One subject and its decisions."""

    title: str
    decisions: tuple[Decision, ...]
    undecided: str = ""
    """Why the planner could not decide the rest of the area."""


class Assumption(Record):
    """A default or an estimate that decisions depend on."""

    path: str
    """The path in the spec or in the platform file that replaces it."""
    value: str
    why: str


class Memo(Record):
    """The decisions for one environment."""

    environment: str
    areas: tuple[Area, ...]
    assumptions: tuple[Assumption, ...]
    """Every default and estimate that the decisions depend on."""
    summary: tuple[Headline, ...] = ()
    """The ten lines at the top."""
    bill: tuple[CostPart, ...] = ()
    """The parts of the monthly cost, largest first, then the total; empty if nothing has a price."""

    def __repr__(self) -> str:
        count = sum(len(area.decisions) for area in self.areas)
        return one_line(self, f"{self.environment}: {count} decisions, {len(self.assumptions)} assumptions")


class Decided(Record):
    """An area before it becomes text: values with all their reasons."""

    title: str
    lines: tuple[Line, ...]
    undecided: str = ""

    def worded(self, grounds: Grounds) -> Area:
        """The area as text."""
        decisions = (
            Decision(title=x.title, value=x.text, why=x.why, field=x.field, grounds=grounds(x.value))
            for x in self.lines
        )
        return Area(title=self.title, decisions=tuple(decisions), undecided=self.undecided)


def memo(environment: Environment, found: Iterable[Diagnostic] = ()) -> Memo:
    """The decisions for one environment, and the assumptions that they depend on. The summary names the worst of what
    was `found` in the system.
    """
    decided_here = decided(environment.plan)
    grounds = Grounds(environment.layered)
    return Memo(
        environment=environment.name,
        areas=tuple(area.worded(grounds) for area in decided_here),
        assumptions=tuple(assumptions(line.value for area in decided_here for line in area.lines)),
        summary=summary(environment, decided_here, found, estimates(decided_here)),
        bill=bill(environment.plan),
    )


def summary(
    environment: Environment,
    decided_here: Iterable[Decided],
    found: Iterable[Diagnostic],
    guessed: Iterable[tuple[str, str]],
) -> tuple[Headline, ...]:
    """The ten lines about the decisions for one environment, the worst of what was `found` in the system, and the
    estimates with the largest effect.
    """
    here = [one for one in found if not one.environments or environment.name in one.environments]
    values = {(area.title, line.title): line.text for area in decided_here for line in area.lines}
    return headlines(environment.plan, values, here, guessed)


def estimates(decided_here: Iterable[Decided]) -> list[tuple[str, str]]:
    """The assumptions that can be measured, with their values, those with the largest effect first."""
    lines = [line.value for area in decided_here for line in area.lines]
    costs = [line.value for area in decided_here if area.title == COST for line in area.lines]
    told = {one.path: one.value for one in assumptions(lines)}
    return [(path, told[path]) for path in assumed_by(lines, costs) if path in told]


def bill(plan: Plan) -> tuple[CostPart, ...]:
    """The parts of the monthly cost; none if the spec has an error there, which the area of the cost reports."""
    try:
        return tuple(money.bill(plan))
    except (Refusal, Unavailable):
        return ()


def decided(plan: Plan) -> list[Decided]:
    """The areas of a plan that have decisions."""
    return [area for title, lines in _areas(plan) if (area := _area(title, lines)) is not None]


_Areas = Iterator[tuple[str, Callable[[], Iterable[Line]]]]


def _areas(plan: Plan) -> _Areas:
    for some in (_learning, _serving, _whole):
        try:
            yield from some(plan)
        except Unavailable:  # the spec is invalid there, which has been reported
            continue


def _learning(plan: Plan) -> _Areas:
    yield "Problem", partial(model.problem, plan)
    for name in plan.system.models:
        yield f"Model {name}", partial(model.choice, plan, name)
    yield "Data", partial(data.history, plan)
    yield "Training", partial(training.lines, plan)
    yield "Features", partial(evaluation.features, plan)
    yield "Memory of training", partial(evaluation.memory, plan)
    yield "Accelerators of training", partial(training.accelerators, plan)
    yield "Hyperparameter search", partial(evaluation.search, plan)
    yield "Evaluation", partial(evaluation.gates, plan)
    yield "Age of the model", partial(evaluation.cadence, plan)


def _serving(plan: Plan) -> _Areas:
    for key, service in plan.online.items():
        name = names.named(service, key)
        yield names.capacity(service, key), partial(serving.capacity, service)
        yield names.hardware(plan, service, key), partial(llm.fit, service)
        yield f"Knowledge of {name}", partial(llm.knowledge, plan, key)
        yield f"Startup and shutdown of {name}", partial(serving.times, service)
        yield names.rollout(service, key), partial(rollout.stages, service)
        yield f"Objectives of {name}", partial(monitoring.alerts, service)
    for key, run in plan.batch.items():
        yield names.batch(run, key), partial(serving.batch, run)


def _whole(plan: Plan) -> _Areas:
    yield "Drift", partial(data.drift, plan)
    yield "Quality in production", partial(data.quality, plan)
    yield "Routing of alerts", partial(monitoring.routing, plan)
    yield "Peak resource usage", partial(quota.peak, plan)
    yield COST, partial(money.cost, plan)


def _area(title: str, lines: Callable[[], Iterable[Line]]) -> Decided | None:
    found: list[Line] = []
    undecided = ""
    try:
        for line in lines():
            found.append(line)
    except Refusal as refusal:
        undecided = f"{refusal.diagnostic.id}: {refusal.diagnostic.message}"
    except Unavailable:
        undecided = "the spec has an error here: see `mlspec lint`"
    return Decided(title=title, lines=tuple(found), undecided=undecided) if found or undecided else None


def _written(value: object) -> str:
    """A value in the syntax of the language."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Duration) and value.amount < MINUTE:
        return readable(value)  # one number with one unit
    return f"{value:g}" if isinstance(value, float) else str(value)


def assumptions(values: Iterable[Because[Any]]) -> list[Assumption]:
    """Every default and assumption that some values depend on, in the order of first use."""
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
