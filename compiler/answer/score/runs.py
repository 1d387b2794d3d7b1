"""What runs in a bundle: the jobs that a schedule starts, their steps, and the configuration that they read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...kinds import Object, pods_of
from .seen import Lacking, Objects, Seen, Trainer, at, each

__all__ = ["configured", "containers", "started", "suspended", "trained", "volumes"]


def trained(seen: Seen, so: str, help_: str) -> Trainer | Lacking:
    """What trains every model that is served here."""
    if seen.trainer is None:
        if seen.system.training is None:
            return Lacking(why=f"no training run is compiled, {so}", path="training", help=help_, effort="days")
        return Lacking(
            why="training runs in an environment that is not scored here",
            help="score all environments together",
        )
    others = {service.model.value for service in seen.services} - {seen.trainer.model}
    if others:
        names = ", ".join(f"`{name}`" for name in sorted(others))
        return Lacking(why=f"no training run of this system judges {names}, which it serves, too")
    return seen.trainer


def started(objects: Objects) -> Iterator[Object]:
    """What a schedule starts: Jobs, or workflows."""
    yield from objects.kind("CronJob")
    yield from objects.kind("WorkflowTemplate")


def suspended(job: Object, objects: Objects) -> bool:
    """Whether no schedule starts it: that of the CronJob itself, or the CronWorkflow of a WorkflowTemplate."""
    if job["kind"] == "CronJob":
        return bool(at(job, "spec", "suspend"))
    name = at(job, "metadata", "name")
    crons = (
        one
        for one in objects.kind("CronWorkflow")
        if at(one, "spec", "workflowSpec", "workflowTemplateRef", "name") == name
    )
    return bool(at(next(crons, {"spec": {"suspend": True}}), "spec", "suspend"))


def containers(body: Object) -> list[Object]:
    """The containers of its pods, in the order in which they start."""
    pod = _pod(body)
    return [*each(pod, "initContainers"), *each(pod, "containers")]


def volumes(body: Object) -> list[Object]:
    """The volumes of its pods."""
    return each(_pod(body), "volumes")


def configured(body: Object, objects: Objects, file: str) -> tuple[Object | None, dict[str, Any] | None]:
    """The ConfigMap that its pods mount, and the content of a file in it; None if a patch made it no JSON."""
    mounted = (config for config in map(objects.config_map, volumes(body)) if config is not None)
    config = next((one for one in mounted if at(one, "data", file) is not None), None)
    text = at(config, "data", file)
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return config, None
    return config, found if isinstance(found, dict) else None


def _pod(body: Object) -> object:
    return at(pods_of(body), "spec")
