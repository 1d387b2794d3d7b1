"""What engineers who find a workload in a cluster want to know: who owns it, and what it serves."""

from __future__ import annotations

from ...compiler.because import Because, literal, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.scope import Scope
from ...compiler.system import Release, Shadow, Version

__all__ = ["version_annotations"]


def version_annotations(scope: Scope, version: Version | Release | Shadow) -> Body:
    """The annotations of any workload that runs one version of a model."""
    metadata, problem, code = scope.system.metadata, scope.system.problem, version.code
    return {
        "kubernetes.io/description": problem.use_case if metadata.description is None else metadata.description,
        "mlspec/owner": metadata.owner,
        "mlspec/source": metadata.links.source,
        "mlspec/task": problem.task,
        "mlspec/model-digest": version.artifact.digest,
        "mlspec/data-version": version.data_version,
        "mlspec/code-revision": code.revision if code is not None else None,
        "mlspec/training-image": code.image if code is not None else None,
        "mlspec/trained-at": version.trained_at,
        "mlspec/metrics": _metrics(version) if version.metrics else None,
    }


def _metrics(version: Version | Release | Shadow) -> Because[str]:
    """Its evaluation results: `roc_auc=0.943, recall=0.751`."""
    parts = {f"m{index}": value for index, value in enumerate(version.metrics.values())}
    template = ", ".join(f"{literal(name)}={{{key}}}" for name, key in zip(version.metrics, parts, strict=True))
    return text(template, **parts)
