"""Flagger: a Canary next to a plain Deployment. Flagger creates the Services and the weights itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlspec.plugin import (
    Artifact,
    Kind,
    Known,
    RolloutProvider,
    ServicePlan,
    because,
    fixed,
    labels,
    metadata,
    path_of,
    rolling_update,
)

__all__ = ["PROVIDER"]


def workload(service: ServicePlan, common: dict[str, Any]) -> dict[str, Any]:
    """The common part of a Deployment, which Flagger copies for the live version."""
    return {**common, "strategy": rolling_update(service.in_place)}


def judge(service: ServicePlan) -> Iterator[Artifact]:
    """The Canary, with the steps that the plan chose."""
    scope, run = service.scope, service.workload
    steps = service.canary.steps
    body = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": metadata(scope, service.name, labels(scope, "rollout", service.name)),
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": run.api, "kind": run.kind, "name": run.name},
            "analysis": {
                "interval": steps[0].lasts.map(lambda lasts: f"{int(lasts.amount)}s"),
                "threshold": fixed(2, "one bad window is no trend, two are"),
                "stepWeights": [step.share for step in steps],
            },
        },
    }
    why = because("Canary", "Flagger shifts traffic step by step", run.progressive, service.runtime_name)
    yield Artifact(path=path_of(scope, "rollout", "Canary", service.name), body=body, why=why)


def check(body: dict[str, Any], known: Known) -> Iterator[str]:
    """Check that what it moves traffic to exists."""
    target = body["spec"]["targetRef"]
    if not known.has(target["kind"], target["name"]):
        yield f"moves traffic to a {target['kind']} `{target['name']}` that does not exist"


PROVIDER = RolloutProvider(name="flagger", workload=workload, judge=judge, kinds={"Canary": Kind(check=check)})
