"""Flux 2.9 and later: a Kustomization that keeps the weights of a canary.

Flux applies with force every interval. For a path in `spec.ignore`, it keeps the live value, also when it applies the
object for another reason (fluxcd/pkg, `ssa/manager_apply.go`). Older versions refuse the field.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan import Plan
from ...schema.units import Duration
from ..providers import Moving
from .common import folder, metadata, moving, path_of

__all__ = ["kustomization"]


def kustomization(plan: Plan) -> Iterator[Artifact]:
    """The Kustomization of one environment."""
    gitops = plan.platform.gitops
    if gitops.source is None:
        return
    body: Body = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": metadata(plan, "flux-system"),
        "spec": {
            "interval": gitops.interval.map(_go),
            "path": text("./{folder}", folder=folder(plan)),
            "prune": fixed(True, "what the spec no longer describes must not keep running"),
            "sourceRef": {"kind": "GitRepository", "name": gitops.source},
            "ignore": [_ignored(each) for each in moving(plan)] or None,
        },
    }
    why = because("Kustomization", "deploys this environment", gitops.tool, gitops.source, plan.environment)
    yield Artifact(path=path_of(plan), body=body, why=why)


def _ignored(moved: Moving) -> Body:
    target = {"group": moved.group, "kind": moved.kind, "name": moved.name}
    return {"paths": list(moved.pointers), "target": target}


def _go(length: Duration) -> str:
    """A duration as Go reads it, in minutes or seconds."""
    seconds = int(length.amount)
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
