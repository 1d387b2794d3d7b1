"""What the objects of all GitOps tools have in common: names, places, and what they must not reset."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan import Plan
from ...compiler.plan.choose import or_else
from .. import naming
from ..providers import Moving, TrafficProvider

__all__ = ["moving", "deployment"]


def deployment(plan: Plan, version: str, kind: str, usual: str, reads: Because[str], spec: Body) -> Artifact:
    """The object that deploys an environment.

    `usual` is the namespace in which the tool looks for such objects, and `reads` names the repository that it reads.
    """
    body = {"apiVersion": version, "kind": kind, "metadata": _metadata(plan, usual), "spec": spec}
    why = because(kind, "deploys this environment", plan.platform.gitops.tool, reads, plan.environment)
    return Artifact(path=f"gitops/{plan.environment.value}.yaml", body=body, why=why)


def _metadata(plan: Plan, usual: str) -> Body:
    tool = plan.platform.gitops.tool
    return {
        "name": text("{system}-{environment}", system=plan.system.metadata.name, environment=plan.environment),
        "namespace": or_else(
            plan.platform.gitops.namespace, lambda: because(usual, "the namespace of the tool itself", tool)
        ),
        "labels": naming.labels(plan, "deployment"),
    }


def moving(plan: Plan) -> Iterator[Moving]:
    """What controllers change in objects of this environment while a new version rolls out."""
    for service in plan.online.values():
        yield from plan.providers.chosen(TrafficProvider, service.traffic_provider).moving(service)
