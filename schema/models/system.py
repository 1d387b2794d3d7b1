"""The root of the language: the contents of one `mlspec.yaml`."""

from __future__ import annotations

from typing import Any, Literal

from .access import Access
from .base import (
    ClusterName,
    Date,
    Digest,
    MetricName,
    Name,
    ObjectName,
    ReleasedName,
    Section,
    SpecOverlay,
    TestName,
    Text,
    Url,
    default,
    derived,
    group,
    listed,
    mapped,
    optional,
    required,
    singular,
)
from .data import Data
from .features import Features
from .model import Model
from .monitoring import Monitoring, Retraining
from .platform import Platform
from .problem import Constraints, CustomMetric, Metadata, Problem, SuccessCriterion
from .release import Release
from .rollout import Rollout
from .serving import Service
from .training import Evaluation, Training


class PatchTarget(Section):
    """The object to patch."""

    kind: Text = required("The kind of the object.")
    name: ObjectName = required("The name of the object.")


class Patch(Section):
    """A patch on an emitted object, as a last resort."""

    target: PatchTarget = required("The object to patch.")
    merge: Literal["json", "strategic"] = default(
        "json",
        "How lists merge: `json` replaces them; `strategic` merges containers, variables, volumes, mounts, and ports "
        "by name, adds items that are complete, and removes those with `$patch: delete`.",
        "a patch says everything that it changes (RFC 7396)",
    )
    patch: dict[str, Any] = required("The patch to merge into the object; `null` removes a key.")
    reason: Text = required("Why no field of the language can express this.")


class RecordedTest(Section):
    """The documented result of a test that ran outside of mlspec, such as by hand or in CI."""

    url: Url = required("Where the result is.")
    date: Date = required("When the test ran.")
    digest: Digest | None = optional("The digest of the result, which shows whether it was changed later.")


class Environment(Section):
    """A deployment environment."""

    namespace: Name | None = derived("The namespace.", "from the environment's name")
    cluster: ClusterName | None = optional("The cluster, by its name in the platform file.")
    runs: list[Literal["serving", "monitoring", "training"]] = listed(
        "What to run there. If omitted, everything. Training runs in exactly one environment.", min_length=1
    )
    spec: SpecOverlay = mapped("Overrides for this environment, in the spec language.")


class MLSystem(Section):
    """One machine-learning system."""

    api_version: Literal["mlspec/v1"] = required("The version of the language.")
    kind: Literal["MLSystem"] = required("The file type.")
    metadata: Metadata = required("The system's identity and owner.")
    problem: Problem = required("The problem that the system solves.")
    constraints: Constraints = group(Constraints, "Latency, throughput, availability, and other requirements.")
    access: dict[Name, Access] = mapped("Named access to stores and services.")
    data: Data = group(Data, "Data sources, the data contract, preprocessing, and splits.")
    features: Features | None = optional("The feature store.")
    metrics: dict[MetricName, CustomMetric] = mapped("Metrics that are not in the catalog.")
    model: Model | None = singular("The model, if there is only one.", of="models")
    models: dict[Name, Model] = mapped("The models, if there are several.")
    release: Release | None = singular("The release, if there is one model and no release file.", of="releases")
    releases: dict[ReleasedName, Release] = mapped("The releases, by model.")
    training: Training | None = optional("The training run.")
    evaluation: Evaluation | None = optional("The requirements that a new model must meet.")
    serving: Service | None = singular("The service, if there is only one.", of="services")
    services: dict[Name, Service] = mapped("The services, if there are several.")
    rollout: Rollout = group(Rollout, "How a new version is rolled out.")
    monitoring: Monitoring = group(Monitoring, "Monitoring and alerting.")
    retraining: Retraining | None = optional("When to train a new model.")
    success: list[SuccessCriterion] = listed("The success criteria of the system.")
    evidence: dict[TestName, RecordedTest] = mapped(
        "Results of tests of the ML Test Score that no compiled object runs, by the ID of the test, for `mlspec score`."
    )
    environments: dict[Name, Environment] = mapped("The environments. If omitted, one named `default`.")
    platform: Platform = group(Platform, "Overrides of the platform settings for this system.")
    patches: list[Patch] = listed("Patches on emitted objects, as a last resort.")
