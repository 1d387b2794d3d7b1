"""What keeps an object that Git no longer lists: pods of an older version still mount its configuration."""

from __future__ import annotations

from ..compiler.because import because
from ..compiler.emit.artifact import Body
from ..compiler.plan.scope import Scope

__all__ = ["kept"]

ARGO_CD = {
    "argocd.argoproj.io/sync-options": "Prune=false",
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",  # else the Application stays out of sync
}
FLUX = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
ANNOTATIONS = {"argocd": ARGO_CD, "flux": FLUX, "kustomize": {**ARGO_CD, **FLUX}}
"""By tool. Both tools read a kustomization, so without a choice, the object carries the annotations of both."""


def kept(scope: Scope, why: str) -> Body:
    """The annotations that keep GitOps tools from deleting an object."""
    tool = scope.platform.gitops.tool
    return {key: because(value, why, tool) for key, value in ANNOTATIONS[tool.value].items()}
