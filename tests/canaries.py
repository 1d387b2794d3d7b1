"""What must hold for every canary, whatever its spec: no step ends before a verdict, and no bad version is held.

The times are those of Argo Rollouts: a metric is first measured after its `initialDelay`, and then once per `interval`.
It fails with the first measurement above its `failureLimit`, and becomes inconclusive with the first one above its
`inconclusiveLimit`. The first metric that does either ends the analysis (analysis/analysis.go).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .scenes import limits, minutes

__all__ = ["GUARDS", "VERSUS", "canaries", "judged_steps"]

Body = dict[str, Any]

GUARDS = ("up", "most-requests-fail", "answers", "most-requests-unfinished")
"""The metrics that need no statistics."""

VERSUS = "-vs-stable"
"""How the name of a comparison with the live version ends."""


class Timed(NamedTuple):
    """When a metric can reach a verdict, in seconds after its step begins."""

    fails: int
    holds: int
    ends: int


def canaries(bodies: list[Body]) -> Iterator[tuple[Body, dict[str, Body]]]:
    """Each Rollout, with all AnalysisTemplates by their names."""
    templates = {body["metadata"]["name"]: body for body in bodies if body["kind"] == "AnalysisTemplate"}
    yield from ((body, templates) for body in bodies if body["kind"] == "Rollout")


def judged_steps(bodies: list[Body]) -> int:
    """Check every step of every canary, and return how many of them have an analysis."""
    judged = 0
    for rollout, templates in canaries(bodies):
        canary = rollout["spec"]["strategy"]["canary"]
        assert "analysis" not in canary, "an analysis in the background holds no step"
        steps = list(canary["steps"])
        if "analysis" in steps[0]:  # of the shadow stage: it looks back, so each metric is measured once
            (named,) = steps.pop(0)["analysis"]["templates"]
            for metric in templates[named["templateName"]]["spec"]["metrics"]:
                assert limits(metric)["failureLimit"] == limits(metric)["inconclusiveLimit"] == 0
                assert not {"interval", "count", "initialDelay"} & set(metric)
        assert len(steps) % 2 == 0
        for weight, verdict in zip(steps[::2], steps[1::2], strict=True):
            assert set(weight) == {"setWeight"}
            if "pause" in verdict:  # nothing is promised, so nothing can be judged
                assert not [name for name in templates if name.startswith(f"{rollout['metadata']['name']}-step-")]
                continue
            (named,) = verdict["analysis"]["templates"]
            _analysis(templates[named["templateName"]]["spec"]["metrics"])
            judged += 1
    return judged


def _analysis(metrics: list[Body]) -> None:
    objectives = [metric for metric in metrics if metric["name"] not in GUARDS]
    named = {metric["name"] for metric in objectives}
    assert named, "guards alone would pass a version that misses its objectives"
    for metric in objectives:
        if metric["name"].endswith(VERSUS):
            assert metric["name"].removesuffix(VERSUS) in named, "a version without requests would pass a comparison"
            assert _answers_always(metric), "a comparison would hold a version"
    grids = {(metric["initialDelay"], metric["interval"], metric["count"]) for metric in objectives}
    assert len(grids) == 1, "an objective with shorter windows could hold a version before another one fails"
    assert objectives[0]["initialDelay"] == objectives[0]["interval"], "the first window is of this step"
    for metric in objectives:
        own = limits(metric)
        assert own["failureLimit"] + 1 <= own["inconclusiveLimit"], "a failing version would be held"
        assert metric["count"] - own["failureLimit"] - own["inconclusiveLimit"] >= 1, "no window would have to be good"
    times = {metric["name"]: _timed(metric) for metric in metrics}
    slowest = max(times[metric["name"]].fails for metric in metrics)
    for metric in metrics:
        at = times[metric["name"]]
        assert at.fails <= at.ends, "the step would end before the metric can fail"
        if _answers_always(metric):
            continue
        assert at.holds <= at.ends, "a version without data would pass"
        assert at.holds >= slowest, "a version would be held before another metric can fail"
    last = max(at.ends for at in times.values())
    for metric in metrics:
        assert times[metric["name"]].ends + seconds(metric["interval"]) >= last, "a guard looks until the end"


def _timed(metric: Body) -> Timed:
    first, each, own = seconds(metric["initialDelay"]), seconds(metric["interval"]), limits(metric)
    assert metric["count"] >= 1, "an analysis that never ends is rejected as a step"
    return Timed(
        fails=first + each * own["failureLimit"],
        holds=first + each * own["inconclusiveLimit"],
        ends=first + each * (metric["count"] - 1),
    )


def seconds(duration: str) -> int:
    return round(60 * minutes(duration))


def _answers_always(metric: Body) -> bool:
    """Whether the query returns a number without any data too, so the metric never becomes inconclusive."""
    answers: bool = metric["provider"]["prometheus"]["query"].endswith("or vector(0)")
    return answers
