"""What the language defines and the compiler does not read yet. The list shrinks as capabilities are added."""

from __future__ import annotations

__all__ = ["NOT_YET_READ", "READ_BY_STAGES", "SHOWN", "compiled"]

NOT_YET_READ: dict[str, str] = {
    "models.*.llm.adapters": "a LoRA adapter",
    "services.*.llm.prompt": "prompt versioning",
    "services.*.llm.retrieval.store": "retrieval",
    "services.*.llm.retrieval.uri": "retrieval",
    "services.*.llm.retrieval.access": "retrieval",
    "services.*.llm.retrieval.embedder": "retrieval",
    "services.*.llm.output": "structured output",
    "services.*.llm.selfConsistency": "self-consistency",
    "services.*.llm.caching.semantic": "semantic caching",
    "services.*.llm.safety": "a safety policy",
    "services.*[mode=streaming]": "streaming inference",
    "services.*[mode=edge]": "edge inference",
    "constraints.maxLag": "streaming inference",
    "constraints.rate": "streaming inference",
    "rollout.stages.*.experiment": "an experiment",
    "rollout.stages.*.blueGreen": "a blue-green stage",
}
"""Maps a path, with `*` for one step, to the subject that the warning names."""

READ_BY_STAGES: tuple[str, ...] = (
    "apiVersion",
    "kind",
    "environments",
    "evidence",  # `mlspec score` reads it
    "patches",  # a patch whose target does not exist is an error by itself
    "platform.network.policies",  # this and the next four can drop objects, and a dropped object has no line
    "platform.autoscaling.provider",
    "platform.dashboards.provider",
    "platform.rollout.provider",
    "platform.traffic.provider",
    "access.*[kind=tcp] if platform.*[policies=false]",  # without network policies, nothing is left to open
    "access.*[kind=service] if platform.*[policies=false]",
    "services.*.access if platform.*[policies=false]",
    "training.access if platform.*[policies=false]",
    "access.*[kind=tracking].url if platform.*[policies=false]",
    "training.steps.contract",  # false drops the step
    "services.*.endpoint.throughGateway",  # 0% drops the route and the canary
    "models.*.signature",
    "models.*.ensemble",  # a rule holds it against its members, and a run that trains it gets it; its artifact has them
    "features.store",  # without `features.materialization`, another system fills the store, and this and the next two
    "features.entities",  # only say what models read: rules hold it against their signatures, and the catalog of
    "features.views",  # features lists it
    "constraints.accelerators",
    "metrics.* if evaluation",  # without training, only rules read the gates
    "metrics.* if monitoring.rules",  # a bound states its own side, and needs no range
    "metrics.* if monitoring.quality",
    "metrics.* if success",  # the metric may be for what is not supported yet, which has a warning
    "metrics.*.direction if rollout.rollbackWhen",  # required for every metric; a condition states its own side
    "services.*.llm.caching.dtype",  # 16-bit has no flag, and a runtime without the choice is an error
    "releases.*.artifact.format",
    "releases.*.shadow.artifact.format",
    "releases.*.skippedShadow",  # `mlspec promote` writes it, and the spec may have lost its shadow stage since
    "releases.*.previous",  # what `mlspec rollback` goes back to
    "releases.*.profile",  # the reference of drift detection, as soon as the spec asks for it
    "releases.*.shadow.profile",  # that of the version when it is promoted
    "releases.*.shadow.since",  # what `mlspec promote` waits for
    "rollout.stages.*.shadow",  # applies to the next shadow version, even if there is none now
)
"""Paths that no output line cites because earlier stages act on them: kinds, environments, the targets of patches."""


SHOWN: tuple[str, ...] = (
    "problem.businessMetric",
    "problem.humanPerformance",
    "metrics.*.description",
    "models.*.complexity",
    "models.*.llm.variant",
    "models.*.llm.tuning.base",
    "success",
)
"""Paths that are for people: the design document shows them. It shows nearly everything else, too, but a value that is
only shown does not do what the spec says.
"""


def compiled(path: str) -> bool:
    """Whether a field already has an effect. A rule does not ask for one that lint would then tell to remove."""
    return path not in NOT_YET_READ
