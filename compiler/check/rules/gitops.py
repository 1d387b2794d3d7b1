"""Rules on the tool that applies the output: it must not undo what a rollout controller does."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem
from ..lint import rule

__all__ = ["resets_the_canary"]

READS = {"argocd": "repository", "flux": "source"}
"""The field that each tool's object needs."""


@rule("MLS614", "warning", "platform.gitops.tool")
def resets_the_canary(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """GitOps tool that resets a canary.

    Why: the weights of a route are in Git and change during a rollout. Argo CD and Flux set them back, so the new
    version loses its traffic. It looks like one that answers no request, and is rolled back. The objects that mlspec
    writes prevent it.

    Bad:
        platform:
          gitops: {tool: flux}
    Good:
        platform:
          gitops: {tool: flux, source: deploy}
    """
    gitops = plan.platform.gitops
    needs = READS.get(gitops.tool.value)
    if needs is None or getattr(gitops, needs) is not None:
        return
    shifted = [service for service in plan.online.values() if service.workload.progressive.value]
    if shifted:
        example = "https://git.example.com/deploy.git" if needs == "repository" else "deploy"
        yield finding(
            "MLS614",
            f"`{gitops.tool.value}` would reset the traffic of a canary",
            gitops.tool,
            others=tuple((service.workload.progressive, "the canary") for service in shifted[:1]),
            note="each time it applies the route, the new version gets no requests until its step ends; it looks like "
            "one that answers none, and is rolled back",
            help=f"write `{needs}: {example}`, so that mlspec writes the object that prevents it, or apply the "
            "settings of docs/gitops.md and turn this rule off",
        )
