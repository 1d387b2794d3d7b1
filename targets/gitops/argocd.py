"""Argo CD: an Application that keeps the weights of a canary.

Traps handled here: with `selfHeal`, each difference is applied again, weights included. `ignoreDifferences` alone hides
a difference and still resets it with the next sync. `RespectIgnoreDifferences` freezes the whole list of rules, so the
mirror to a shadow would never arrive. `ApplyOutOfSyncOnly` skips objects without other differences
(gitops-engine/pkg/sync/sync_context.go, `filterOutOfSyncTasks`), so a route is applied only if Git changes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan import Plan
from ...compiler.plan.gitops import applied
from ..providers import Moving
from .common import deployment, moving

__all__ = ["application"]


def application(plan: Plan) -> Iterator[Artifact]:
    """The Application of one environment."""
    gitops = plan.platform.gitops
    if gitops.repository is None:
        return
    spec: Body = {
        "project": gitops.project,
        "source": {"repoURL": gitops.repository, "targetRevision": gitops.revision, "path": applied(plan)},
        "destination": {"server": gitops.server, "namespace": plan.namespace},
        "syncPolicy": {
            "automated": {
                "prune": fixed(True, "what the spec no longer describes must not keep running"),
                "selfHeal": fixed(True, "the cluster must match Git"),
            },
            "syncOptions": [fixed("ApplyOutOfSyncOnly=true", "an unchanged route keeps the weights of a canary")],
        },
        "ignoreDifferences": [_ignored(each) for each in moving(plan)] or None,
    }
    yield deployment(plan, "argoproj.io/v1alpha1", "Application", gitops.repository, spec)


def _ignored(moved: Moving) -> Body:
    return {"group": moved.group, "kind": moved.kind, "name": moved.name, "jsonPointers": list(moved.pointers)}
