"""What the objects of all GitOps tools have in common: names, places, and what they must not reset."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan import Plan
from ...compiler.plan.gitops import deployed_by, home
from .. import naming
from ..providers import Moving, TrafficProvider

__all__ = ["moving", "deployment"]


def deployment(plan: Plan, version: str, kind: str, reads: Because[str], spec: Body) -> Artifact:
    """The object that deploys an environment; `reads` names the repository that it reads."""
    metadata = {"name": deployed_by(plan), "namespace": home(plan), "labels": naming.labels(plan, "deployment")}
    body = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
    why = because(kind, "deploys this environment", plan.platform.gitops.tool, reads, plan.environment)
    return Artifact(path=f"gitops/{plan.environment.value}.yaml", body=body, why=why)


def moving(plan: Plan) -> Iterator[Moving]:
    """What controllers change in objects of this environment while a new version rolls out."""
    for service in plan.online.values():
        yield from plan.providers.chosen(TrafficProvider, service.traffic_provider).moving(service)
