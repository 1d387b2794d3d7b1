"""The root: what one `mlspec.yaml` holds."""

from __future__ import annotations

from typing import Any, Literal

from .access import Access
from .base import (
    ClusterName,
    MetricName,
    Name,
    ObjectName,
    Section,
    SpecOverlay,
    Text,
    derived,
    group,
    listed,
    mapped,
    optional,
    required,
    singular,
)
from .data import Data, Features
from .model import Model
from .monitoring import Monitoring, Retraining
from .platform import Platform
from .problem import Constraints, CustomMetric, Metadata, Problem, SuccessCriterion
from .release import Release
from .rollout import Rollout
from .serving import Service
from .training import Evaluation, Training


class PatchTarget(Section):
    """Which object is patched."""

    kind: Text = required("Its kind.")
    name: ObjectName = required("Its name.")


class Patch(Section):
    """The last resort: a JSON merge patch on an emitted object."""

    target: PatchTarget = required("Which object.")
    patch: dict[str, Any] = required("What is merged into it; `null` removes.")
    reason: Text = required("Why no field of the language does it.")


class Environment(Section):
    """One place where the system runs."""

    namespace: Name | None = derived("The namespace.", "the environment's name")
    cluster: ClusterName | None = optional("The cluster, by its name in the platform file.")
    runs: list[Literal["serving", "monitoring", "training"]] = listed(
        "What runs there; everything if left out. Training runs in exactly one environment."
    )
    spec: SpecOverlay = mapped("Where the spec differs there, in the language of specs.")


class MLSystem(Section):
    """One machine-learning system."""

    api_version: Literal["mlspec/v1"] = required("The version of the language.")
    kind: Literal["MLSystem"] = required("What the file is.")
    metadata: Metadata = required("Who the system is and who answers for it.")
    problem: Problem = required("What it is for.")
    constraints: Constraints = group(Constraints, "What it must keep to.")
    access: dict[Name, Access] = mapped("Named ways to reach stores and services.")
    data: Data = group(Data, "Where data comes from and what it must look like.")
    features: Features | None = optional("The feature store.")
    metrics: dict[MetricName, CustomMetric] = mapped("Metrics that the catalogue does not have.")
    model: Model | None = singular("The model, where there is one.", of="models")
    models: dict[Name, Model] = mapped("The models, where there are several.")
    release: Release | None = singular(
        "What is in service, where there is one model and no release file.", of="releases"
    )
    releases: dict[Name, Release] = mapped("What is in service, by model.")
    training: Training | None = optional("What a training run does.")
    evaluation: Evaluation | None = optional("What a model must reach.")
    serving: Service | None = singular("How predictions are served, where there is one service.", of="services")
    services: dict[Name, Service] = mapped("How predictions are served, where there are several.")
    rollout: Rollout = group(Rollout, "How a new version reaches its users.")
    monitoring: Monitoring = group(Monitoring, "What is watched.")
    retraining: Retraining | None = optional("When a new model is trained.")
    success: list[SuccessCriterion] = listed("When the system is a success.")
    environments: dict[Name, Environment] = mapped("Where it runs; one called `default` if left out.")
    platform: Platform = group(Platform, "The organisation's choices, where this system differs.")
    patches: list[Patch] = listed("The last resort.")
