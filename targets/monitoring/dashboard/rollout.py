"""How a new version compares with the live one: its share of the traffic, and what the analysis judges it by."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....compiler.because import Because, because, decision
from ....compiler.plan.objectives.curves import Curves
from ....compiler.plan.rollout.judgment import Judgment
from ....compiler.plan.service import ServicePlan
from .panel import EACH_VERSION, WINDOW, Line, Panel, Query, number

__all__ = ["rollout"]


def rollout(service: ServicePlan) -> Iterator[Panel]:
    """The panels of a service whose new versions get traffic step by step."""
    if not service.workload.progressive.value:
        return
    shares = Curves(service, WINDOW).shares()
    if shares is not None:
        yield _shares(service, shares)
    for judgments in _by_objective(service).values():
        yield from _judged(service, judgments)


def _shares(service: ServicePlan, shares: Because[str]) -> Panel:
    steps = tuple(step.share for step in service.canary.steps)
    return Panel(
        key="shares",
        kind="graph",
        title="Traffic by version",
        about=_at_steps(*steps),
        unit="percentunit",
        queries=(Query(asks=shares, legend=EACH_VERSION),),
        why=because("rollout", "new versions get traffic step by step", service.workload.progressive, *steps),
        lines=tuple(Line(at=step.map(lambda percent: number(Decimal(percent) / 100)), color="blue") for step in steps),
        empty="No traffic",
    )


@decision
def _at_steps(*steps: Because[int]) -> tuple[str, str]:
    listed = ", ".join(f"{step.value}%" for step in steps)
    about = (
        f"The share of the requests that each version answers. The lines are the steps of a rollout: {listed}. If it "
        "stays at one of them, `mlspec cluster status` shows what it waits for."
    )
    return about, "what it shows"


def _by_objective(service: ServicePlan) -> dict[str, list[Judgment]]:
    """The judgments of all steps, by the objective that they judge."""
    found: dict[str, list[Judgment]] = {}
    for step in service.canary.steps:
        for judgment in step.judgments:
            found.setdefault(judgment.objective.name, []).append(judgment)
    return found


def _judged(service: ServicePlan, judgments: list[Judgment]) -> Iterator[Panel]:
    objective = judgments[0].objective
    bad = Curves(service, WINDOW).bad(objective)
    if bad is None:
        return
    limit = _strictest(*(judgment.limit for judgment in judgments))
    what = "fail" if objective.bucket is None else "take longer than the objective allows"
    timed = "requests" if objective.of_tokens is None else "tokens"
    about = (
        f"The share of {timed} that {what}, by version. A window of the analysis fails above the line, the strictest "
        "of all steps. The analysis counts over longer windows than this graph."
    )
    yield Panel(
        key=f"judged-{objective.name}",
        kind="graph",
        title=f"Judged: {objective.name}",
        about=because(about, "what it shows", limit, objective.of_tokens),
        unit="percentunit",
        queries=(Query(asks=bad, legend=EACH_VERSION),),
        why=because("judgment", "the analysis judges new versions by it", objective.target, limit),
        lines=(Line(at=limit, color="red"),),
        empty="No traffic",
    )


@decision
def _strictest(*limits: Because[str]) -> tuple[int | float, str]:
    return number(min(Decimal(limit.value) for limit in limits)), "above this share, a window of the analysis fails"
