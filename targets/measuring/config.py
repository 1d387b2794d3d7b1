"""The configuration of the process: one JSON file, in a ConfigMap whose name includes a checksum of its content."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.dump import Lines
from ...compiler.emit.jsontext import json_lines
from ...compiler.plan.measuring import MeasuringPlan
from ...compiler.system import CustomMetric
from .. import naming
from ..config_map import checksum, config_map
from ..monitored import monitoring
from ..plain import as_data

__all__ = ["COMPONENT", "FILE", "ConfigFile", "configuration", "labels"]

COMPONENT = "monitor"
FILE = "monitor.json"
CONTRACT = fixed(1, "the version of the contract of measurements")


class ConfigFile:
    """The file, generated once for everything that uses it."""

    def __init__(self, found: MeasuringPlan) -> None:
        self.found = found

    @cached_property
    def lines(self) -> Lines:
        """The file, line by line."""
        return json_lines(_body(self.found))

    @cached_property
    def name(self) -> Because[str]:
        """The name of the ConfigMap."""
        return text("{name}-{digest}", name=self.found.name, digest=checksum([self.lines]))


def _body(found: MeasuringPlan) -> dict[str, Any]:
    system, signature = found.plan.system, found.model.signature
    return {
        "version": CONTRACT,
        "system": system.metadata.name,
        "environment": found.plan.environment,
        "task": system.problem.task,
        "data": {"columns": [as_data(column) for column in system.data.columns] or None},
        "features": [as_data(one) for one in signature.inputs] if signature is not None else None,
        "model": {
            "name": found.service.model,
            "outputs": [as_data(one) for one in signature.outputs] if signature is not None else None,
        },
        "metrics": _metrics(found) or None,
        "rivals": _rivals(found),
        "run": _run(found),
        "monitoring": monitoring(found),
    }


def _metrics(found: MeasuringPlan) -> dict[str, Because[dict[str, Any]]]:
    """The properties of the metrics that are measured, by name."""
    return {
        bound.metric.value: because(_metric(found, bound.metric), "a metric that is measured", bound.metric)
        for bound in found.bounds
    }


def _metric(found: MeasuringPlan, name: Because[str]) -> dict[str, Any]:
    entry: CustomMetric = found.plan.system.metrics[name.value.partition("@")[0]]
    fields = as_data(entry, without=("query", "needsLabels", "twoSided", "description"))
    return {key: value.also(name) for key, value in fields.items() if value is not None}


def _rivals(found: MeasuringPlan) -> dict[str, Any] | None:
    """The results of the live version in its evaluation."""
    release = found.live
    if release is None or not release.metrics:
        return None
    return {"champion": because(dict(release.metrics), "the results of the live version", dict(release.metrics))}


def _run(found: MeasuringPlan) -> dict[str, Any] | None:
    """The CronJob or CronWorkflow that runs are started from."""
    training = found.plan.training
    if not found.starts.value or training is None:
        return None
    starts = training.orchestration.starts
    if starts.value == "cron-job":
        return {"cronJob": training.name.also(found.triggers)}
    return {"cronWorkflow": training.name.also((*found.triggers, starts))}


def labels(found: MeasuringPlan) -> Body:
    """The labels of everything that belongs to the process."""
    return naming.labels(found.plan, COMPONENT, found.name)


def configuration(file: ConfigFile) -> Iterator[Artifact]:
    """The ConfigMap."""
    found, scope = file.found, file.found.plan
    used = "a pod that still runs may restart with it"
    body = config_map(scope, file.name, labels(found), {FILE: file.lines}, used)
    why = because("ConfigMap", "what is measured", found.part.to, found.asked)
    yield Artifact(path=naming.path_of(scope, "measuring", "ConfigMap", found.name), body=body, why=why)
