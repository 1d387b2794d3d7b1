"""Read the steps of a Rollout and its AnalysisTemplates back, as the controller reads them.

The defaults are those of the controller (analysis_types.go): one measurement without an interval, and limits of zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ....compiler.because import Because
from ....compiler.kinds import Object
from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.analysis import Condition, Measured, Replayed, Step
from ....compiler.scenes.labels import example
from ....schema.units import Duration

__all__ = ["replayed"]

HASH = "7f9c5d4b8c"
"""The hash of the pods of the new version."""

PLACEHOLDER = "{{args.canary-hash}}"


def replayed(service: ServicePlan, objects: Sequence[Object]) -> Replayed | None:
    """The rollout of a service; None if the plan cannot distinguish its versions, or a patch changed a condition."""
    named = {(body["kind"], body["metadata"]["name"]): body for body in objects}
    rollout = named.get(("Rollout", service.name.value))
    new, live = _labels(service.workload.new_pods), _labels(service.workload.other_pods)
    if rollout is None or new is None or live is None:
        return None
    templates = {name: body for (kind, name), body in named.items() if kind == "AnalysisTemplate"}
    try:
        steps = tuple(_steps(rollout["spec"]["strategy"]["canary"]["steps"], templates))
    except _UnknownConditionError:
        return None
    return Replayed(steps=steps, new=new, live=live)


def _labels(pods: Because[str] | None) -> dict[str, str] | None:
    return example([pods.value.replace(PLACEHOLDER, HASH)]) if pods is not None else None


class _UnknownConditionError(Exception):
    pass


def _steps(steps: Sequence[Object], templates: Mapping[str, Object]) -> Iterator[Step]:
    """A weight and what follows it. The analysis of a shadow stage, before the first weight, looks at another stage."""
    share = None
    for step in steps:
        if "setWeight" in step:
            share = int(step["setWeight"])
        elif share is not None and "analysis" in step:
            metrics = [
                metric
                for reference in step["analysis"]["templates"]
                for metric in templates[reference["templateName"]]["spec"]["metrics"]
            ]
            yield Step(share=share, metrics=tuple(map(_metric, metrics)))
        elif share is not None and "pause" in step:
            yield Step(share=share, metrics=(), pause=_seconds(step["pause"]["duration"]))


def _metric(metric: Object) -> Measured:
    good, bad = (Condition.read(metric[f"{kind}Condition"]) for kind in ("success", "failure"))
    if good is None or bad is None:
        raise _UnknownConditionError
    every = _seconds(metric.get("interval", "0s"))
    return Measured(
        name=metric["name"],
        query=metric["provider"]["prometheus"]["query"].replace(PLACEHOLDER, HASH),
        first=_seconds(metric.get("initialDelay", "0s")),
        every=max(1, every),
        times=int(metric.get("count", 1)),
        failures=int(metric.get("failureLimit", 0)),
        idle=int(metric.get("inconclusiveLimit", 0)),
        good=good,
        bad=bad,
    )


def _seconds(duration: str) -> int:
    return int(Duration.parse(duration).amount)
