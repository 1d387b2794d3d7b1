"""GitOps: the list of all objects, and the objects that tell Argo CD or Flux to apply them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from ...compiler.emit.artifact import Artifact, Made, Piece, SystemTarget, Target
from ...compiler.kinds import Kind
from ...compiler.plan import Plan
from ...compiler.system import MLSystem
from .kustomization import kustomization

__all__ = ["DEPLOYMENTS", "TARGET"]


def _no_objects(_: MLSystem, __: Plan) -> Iterable[Piece]:
    return ()


def _deployments(made: tuple[Made, ...]) -> Iterator[Piece]:
    """One object for each environment whose platform names a tool and the repository that it reads."""
    for one in made:
        yield partial(_deployment, one.plan)


def _deployment(plan: Plan) -> Iterator[Artifact]:
    tool = plan.platform.gitops.tool.value
    if tool == "argocd":
        from . import argocd

        yield from argocd.application(plan)
    elif tool == "flux":
        from . import flux

        yield from flux.kustomization(plan)


TARGET = Target(
    name="gitops",
    summary="kustomization.yaml for each environment",
    emit=_no_objects,
    finish=kustomization,
    kinds={"Kustomization": Kind()},
)

DEPLOYMENTS = SystemTarget(
    name="deployments",
    summary="the Argo CD Application or Flux Kustomization of each environment",
    emit=_deployments,
    kinds={"Application": Kind(), "Kustomization": Kind()},
)
