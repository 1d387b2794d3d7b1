"""The kustomization that lists every object, for `kubectl apply -k` and tools that read the same format.

It sets only `resources` and annotations. Labels that kustomize adds would end up in selectors, which are immutable. If
the user turns on substitution, Flux replaces `${...}` everywhere and fails on an unknown variable, and shell scripts
are full of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because
from ...compiler.conventions import KUSTOMIZATION
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan import Plan
from ...compiler.system import MLSystem

__all__ = ["kustomization"]


def kustomization(_: MLSystem, plan: Plan, artifacts: tuple[Artifact, ...]) -> Iterator[Artifact]:
    """`kustomization.yaml`, which lists every object and no other files."""
    objects = [artifact for artifact in artifacts if artifact.object is not None]
    body: Body = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "commonAnnotations": _as_written(plan),
        "resources": [because(artifact.path, "one of the objects", artifact.why) for artifact in objects],
    }
    yield Artifact(path=KUSTOMIZATION, body=body, why=because("Kustomization", "lists every object", plan.environment))


def _as_written(plan: Plan) -> Because[Body] | None:
    tool = plan.platform.gitops.tool
    if tool.value != "flux":
        return None
    return because(
        {"kustomize.toolkit.fluxcd.io/substitute": "disabled"},
        "what looks like a variable is part of a shell script",
        tool,
    )
