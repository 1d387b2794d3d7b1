"""What the language has and the compiler does not read yet. The list shrinks to nothing as capabilities come."""

from __future__ import annotations

__all__ = ["NOT_YET_READ", "READ_BY_STAGES"]

NOT_YET_READ: dict[str, str] = {
    "problem.businessMetric": "the design document",
    "problem.humanPerformance": "the design document",
    "metrics.*.description": "the design document",
    "metrics.*.query": "a query of one's own",
    "models.*.approach": "the design document",
    "models.*.complexity": "the design document",
    "models.*.ensemble": "an ensemble",
    "models.*.llm.adapters": "an adapter of a language model",
    "models.*.llm.variant": "the design document",
    "models.*.llm.tuning": "the design document",
    "features": "the feature store",
    "services.*.endpoint.auth": "authentication at the gateway",
    "services.*.llm.prompt": "the prompt's version",
    "services.*.llm.retrieval.store": "retrieval",
    "services.*.llm.retrieval.uri": "retrieval",
    "services.*.llm.retrieval.access": "retrieval",
    "services.*.llm.retrieval.embedder": "retrieval",
    "services.*.llm.output": "structured output",
    "services.*.llm.selfConsistency": "self-consistency",
    "services.*.llm.caching.semantic": "a semantic cache",
    "services.*.llm.safety": "a safety policy",
    "services.*[mode=streaming]": "streaming inference",
    "services.*[mode=edge]": "inference at the edge",
    "constraints.maxLag": "streaming inference",
    "constraints.rate": "streaming inference",
    "rollout.stages.*.experiment": "an experiment",
    "rollout.stages.*.blueGreen": "a blue-green stage",
    "monitoring.segments": "monitoring by segment",
    "monitoring.drift": "drift",
    "monitoring.quality": "the model's quality in service",
    "monitoring.rules": "conditions that become alerts",
    "monitoring.capture": "the capture of predictions",
    "monitoring.dashboard": "the dashboard",
    "releases.*.profile": "drift",
    "releases.*.shadow.profile": "drift",
    "training.tuning.schedule": "a search for hyperparameters by its own schedule",
    "retraining.triggers": "a trigger of retraining",
    "retraining.diagnosis": "the diagnosis before retraining",
    "retraining.cooldown": "a trigger of retraining",
    "retraining.promote": "promotion by a job",
    "retraining.online": "online learning",
    "success": "a success criterion",
    "constraints.latency.p50": "the dashboard",
    "constraints.latency.p90": "the dashboard",
    "services.*.constraints.latency.p50": "the dashboard",
    "services.*.constraints.latency.p90": "the dashboard",
}
"""Path, with `*` for one step, to the subject that a warning names."""

READ_BY_STAGES: tuple[str, ...] = (
    "apiVersion",
    "kind",
    "environments",
    "patches",  # one that finds nothing to patch is an error of its own
    "platform.network.policies",  # this and the next three can leave objects out, and what is left out has no line
    "platform.autoscaling.provider",
    "platform.rollout.provider",
    "platform.traffic.provider",
    "models.*.signature",
    "constraints.accelerators",
    "metrics.* if monitoring.rules",  # a metric may serve what is not compiled yet, of which a warning speaks
    "metrics.* if monitoring.quality",
    "metrics.* if success",
    "metrics.*.direction if rollout.rollbackWhen",  # every metric must say it; a condition says its own side
    "services.*.llm.caching.dtype",  # of sixteen bits there is no flag, and a runtime without the choice is an error
    "releases.*.artifact.format",
    "releases.*.shadow.artifact.format",
    "releases.*.previous",  # what `mlspec rollback` goes back to
    "releases.*.shadow.since",  # what `mlspec promote` waits for
    "rollout.stages.*.shadow",  # holds for the next version in the shadow, although none may be there now
)
"""What no output shows because the stages before it act on it: kinds, environments, and what a patch is aimed at."""
