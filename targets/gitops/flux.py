"""Flux 2.9 and later: a Kustomization that keeps the weights of a canary.

Flux applies with force every interval. For a path in `spec.ignore`, it keeps the live value, also when it applies the
object for another reason (fluxcd/pkg, `ssa/manager_apply.go`). Older versions refuse the field.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan import Plan
from ...compiler.plan.gitops import applied
from ...schema.units import Duration
from ..providers import Moving
from .common import deployment, moving

__all__ = ["kustomization"]


def kustomization(plan: Plan) -> Iterator[Artifact]:
    """The Kustomization of one environment."""
    gitops = plan.platform.gitops
    if gitops.source is None:
        return
    spec: Body = {
        "interval": gitops.interval.map(_go),
        "path": text("./{folder}", folder=applied(plan)),
        "prune": fixed(True, "what the spec no longer describes must not keep running"),
        "sourceRef": {"kind": "GitRepository", "name": gitops.source},
        "ignore": [_ignored(each) for each in moving(plan)] or None,
    }
    yield deployment(plan, "kustomize.toolkit.fluxcd.io/v1", "Kustomization", gitops.source, spec)


def _ignored(moved: Moving) -> Body:
    target = {"group": moved.group, "kind": moved.kind, "name": moved.name}
    return {"paths": list(moved.pointers), "target": target}


def _go(length: Duration) -> str:
    """A duration as Go reads it, in minutes, seconds, or milliseconds."""
    for unit, each in (("m", 60_000), ("s", 1_000)):
        if length.amount * 1_000 % each == 0:
            return f"{int(length.amount * 1_000 // each)}{unit}"
    return f"{int(length.amount * 1_000)}ms"
