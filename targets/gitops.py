"""GitOps: the file that lists all others, for `kubectl apply -k` and the tools that read the same.

Only `resources` and annotations: labels that kustomize adds would reach selectors, which cannot change. Flux replaces
`${...}` wherever its user asks for substitution, and refuses a variable that it does not know; shell scripts are full
of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..compiler.because import Because, because
from ..compiler.emit.artifact import Artifact, Body, Piece, Target
from ..compiler.kinds import Kind
from ..compiler.plan import Plan
from ..compiler.system import MLSystem

__all__ = ["TARGET"]


def emit(_: MLSystem, __: Plan) -> Iterable[Piece]:
    """Nothing of its own."""
    return ()


def finish(_: MLSystem, plan: Plan, artifacts: tuple[Artifact, ...]) -> Iterator[Artifact]:
    """`kustomization.yaml`: every object, and nothing that is none."""
    objects = [artifact for artifact in artifacts if artifact.object is not None]
    body: Body = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "commonAnnotations": _as_written(plan),
        "resources": [because(artifact.path, "one of the objects", artifact.why) for artifact in objects],
    }
    yield Artifact(
        path="kustomization.yaml", body=body, why=because("Kustomization", "lists every object", plan.environment)
    )


def _as_written(plan: Plan) -> Because[Body] | None:
    tool = plan.platform.gitops.tool
    if tool.value != "flux":
        return None
    return because(
        {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}, "what looks like a variable is part of a script", tool
    )


TARGET = Target(
    name="gitops",
    summary="kustomization.yaml for each environment",
    emit=emit,
    finish=finish,
    kinds={"Kustomization": Kind()},
)
