"""The training configuration: one JSON file, in a ConfigMap, that every step of a run and the gate read.

The ConfigMap's name includes a checksum of its content, so a run that has started keeps the configuration that it
started with. mlspec can trace each line of the file back to the spec.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.dump import Lines
from ...compiler.emit.jsontext import json_lines
from ...compiler.plan import Plan
from ...compiler.plan.training import TrainingPlan
from .. import naming
from ..config_map import checksum, config_map
from ..learned import online
from ..monitored import measuring, monitoring
from ..plain import as_data
from . import gates, promotion
from .contract import schemas
from .ensembles import ensemble

__all__ = ["COMPONENT", "FILE", "ConfigFile", "configuration", "gate_configuration", "labels"]

COMPONENT = "trainer"
FILE = "training.json"
CONTRACT = fixed(1, "the version of the training contract")


def body(training: TrainingPlan) -> dict[str, Any]:
    """The content of the file, in the order of the training contract's page."""
    system, model, part = training.scope.system, training.trained, training.part
    return {
        "version": CONTRACT,
        "system": system.metadata.name,
        "environment": training.scope.environment,
        "task": system.problem.task,
        "run": {
            "tune": training.tunes,
            "folds": training.folds,
            "deadline": training.deadline.map(lambda deadline: int(deadline.amount)),
        },
        "seed": part.seed,
        "revision": part.revision,
        "data": as_data(system.data),
        "features": _each(model.signature.inputs) if model.signature is not None else None,
        "model": {
            "name": training.model,
            "outputs": _each(model.signature.outputs) if model.signature is not None else None,
            "operatingPoint": _section(model.operating_point),
            "optimization": _section(model.optimization),
            "ensemble": ensemble(training),
            "tuning": _section(model.llm.tuning) if model.llm is not None else None,
        },
        "training": {
            "tuning": as_data(part.tuning, without=("schedule",)) if part.tuning is not None else None,
            "crossValidation": _section(part.cross_validation),
            "regularization": _section(part.regularization),
            "ensemble": _section(part.ensemble),
            "distributed": _distributed(training),
            "fineTuning": _section(part.fine_tuning),
        },
        "evaluation": gates.evaluation(training),
        "metrics": gates.metrics(training),
        "rivals": gates.rivals(training),
        "champion": _champion(training),
        "monitoring": monitoring(measuring(training)),
        "online": _online(training),
        "promote": promotion.settings(training),
    }


def _online(training: TrainingPlan) -> dict[str, Any] | None:
    found = measuring(training)
    return online(found.plan.learning) if found is not None else None


def _section(part: Any) -> dict[str, Any] | None:
    return as_data(part) if part is not None else None


def _distributed(training: TrainingPlan) -> dict[str, Any] | None:
    """The section with the sizes of all groups of processes."""
    spread, sizes = training.part.distributed, training.sizes
    return {**as_data(spread), **sizes._asdict()} if spread is not None and sizes is not None else None


def _each(parts: tuple[Any, ...]) -> list[dict[str, Any]] | None:
    return [as_data(part) for part in parts] or None


def _champion(training: TrainingPlan) -> Because[dict[str, Any]] | None:
    """The live version that another system serves, so that `evaluate` can measure it on the same rows."""
    release = training.champion
    if release is None:
        return None
    files = as_data(release.artifact, without=("access",))
    return because({"version": release.version, "artifact": files}, "another system serves it", training.elsewhere)


class ConfigFile:
    """The file of one training run, and those next to it, generated once for everything that uses them."""

    def __init__(self, training: TrainingPlan, others: Callable[[], Mapping[str, Lines]] = dict) -> None:
        self.training = training
        self._others = others

    @cached_property
    def others(self) -> Mapping[str, Lines]:
        """The other files, by name."""
        return self._others()

    @cached_property
    def lines(self) -> Lines:
        """The file, line by line."""
        return json_lines(body(self.training))

    @cached_property
    def files(self) -> dict[str, Lines | Because[Lines]]:
        """All files by name: the configuration, the Pandera schema of each source, and the others."""
        return {FILE: self.lines, **schemas(self.training), **self.others}

    @property
    def _each(self) -> list[Lines]:
        return [file.value if isinstance(file, Because) else file for file in self.files.values()]

    @cached_property
    def name(self) -> Because[str]:
        """The name of the ConfigMap, with a checksum of its content, so that a run that has started keeps its own."""
        digest = checksum(self._each)
        return text("{system}-training-{digest}", system=self.training.scope.system.metadata.name, digest=digest)


def labels(training: TrainingPlan) -> Body:
    """The labels of everything that belongs to training runs."""
    return naming.labels(training.scope, COMPONENT, training.name)


def configuration(training: TrainingPlan, file: ConfigFile) -> Iterator[Artifact]:
    """The ConfigMap."""
    scope = training.scope
    data = config_map(scope, file.name, labels(training), file.files, "a run that has started may still use it")
    why = because("ConfigMap", "the configuration of a training run", training.part.steps.train.command)
    called = text("{system}-training", system=scope.system.metadata.name)
    yield Artifact(path=naming.path_of(scope, "retraining", "ConfigMap", called), body=data, why=why)


def gate_configuration(plan: Plan) -> dict[str, Any]:
    """The same file as plain data, also in an environment that runs no training; without training, it has no gates."""
    part = plan.system.training
    if part is None:
        return {"version": CONTRACT.value, "evaluation": {}}
    content: dict[str, Any] = json.loads(json_lines(body(TrainingPlan(plan, part, lambda: plan.measuring))).text())
    return content
