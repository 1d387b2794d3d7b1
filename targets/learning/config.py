"""The configuration of the learner: one JSON file, in a ConfigMap whose name includes a checksum of its content."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.dump import Lines
from ...compiler.emit.jsontext import json_lines
from ...compiler.plan.learning import LearningPlan
from .. import naming
from ..config_map import checksum, config_map
from ..learned import online
from ..monitored import monitoring
from ..plain import as_data

__all__ = ["COMPONENT", "FILE", "ConfigFile", "configuration", "labels"]

COMPONENT = "learner"
FILE = "online.json"


class ConfigFile:
    """The file, generated once for everything that uses it."""

    def __init__(self, found: LearningPlan) -> None:
        self.found = found

    @cached_property
    def lines(self) -> Lines:
        """The file, line by line."""
        return json_lines(_body(self.found))

    @cached_property
    def name(self) -> Because[str]:
        """The name of the ConfigMap."""
        return text("{name}-{digest}", name=self.found.name, digest=checksum([self.lines]))


def _body(found: LearningPlan) -> dict[str, Any]:
    system, signature = found.plan.system, found.measuring.model.signature
    watched = monitoring(found.measuring) or {}
    return {
        "version": fixed(1, "the version of the contract of online learning"),
        "system": system.metadata.name,
        "environment": found.plan.environment,
        "task": system.problem.task,
        "features": [as_data(one) for one in signature.inputs] if signature is not None else None,
        "model": {
            "name": found.measuring.service.model,
            "outputs": [as_data(one) for one in signature.outputs] if signature is not None else None,
        },
        "online": online(found),
        "monitoring": {key: watched[key] for key in ("service", "namespace", "capture", "labels")},
    }


def labels(found: LearningPlan) -> Body:
    """The labels of everything that belongs to the learner."""
    return naming.labels(found.plan, COMPONENT, found.name)


def configuration(file: ConfigFile) -> Iterator[Artifact]:
    """The ConfigMap."""
    found, scope = file.found, file.found.plan
    used = "a pod that still runs may restart with it"
    body = config_map(scope, file.name, labels(found), {FILE: file.lines}, used)
    why = because("ConfigMap", "how the learner learns", found.part.algorithm, found.part.to)
    yield Artifact(path=naming.path_of(scope, "learning", "ConfigMap", found.name), body=body, why=why)
