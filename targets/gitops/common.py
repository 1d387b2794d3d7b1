"""What the objects of all GitOps tools have in common: names, places, and what they must not reset."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, text
from ...compiler.emit.artifact import Body
from ...compiler.plan import Plan
from ...compiler.plan.choose import or_else
from .. import naming
from ..providers import Moving, TrafficProvider

__all__ = ["folder", "metadata", "moving", "name", "path_of"]


def name(plan: Plan) -> Because[str]:
    """The name of the object that deploys an environment."""
    return text("{system}-{environment}", system=plan.system.metadata.name, environment=plan.environment)


def path_of(plan: Plan) -> str:
    """Its file, among those for all environments."""
    return f"gitops/{plan.environment.value}.yaml"


def metadata(plan: Plan, usual: str) -> Body:
    """Its metadata; `usual` is the namespace in which the tool looks for such objects."""
    tool = plan.platform.gitops.tool
    return {
        "name": name(plan),
        "namespace": or_else(
            plan.platform.gitops.namespace, lambda: because(usual, "the namespace of the tool itself", tool)
        ),
        "labels": naming.labels(plan, "deployment"),
    }


def folder(plan: Plan) -> Because[str]:
    """The folder in the repository that holds the environment's output."""
    template, system = plan.platform.gitops.path, plan.system.metadata.name
    found = template.value.format(system=system.value, environment=plan.environment.value)
    return because(found, "where the environment's files are", template, system, plan.environment)


def moving(plan: Plan) -> Iterator[Moving]:
    """What controllers change in objects of this environment while a new version rolls out."""
    for service in plan.online.values():
        yield from plan.providers.chosen(TrafficProvider, service.traffic_provider).moving(service)
