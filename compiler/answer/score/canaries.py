"""I6: a new version serves some of the traffic, and is rolled back if its analysis fails, before it serves all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...kinds import Object
from ...plan.service import ServicePlan
from .seen import Lacking, Objects, Proof, Seen, Shown, at, each, number

__all__ = ["canaried"]

ALL = 100
"""The share of the traffic, in percent, at which a version is not a canary any more."""

NEW = "{{args."
"""What the query of a new version contains: an argument of the analysis, which selects its pods."""


def canaried(seen: Seen) -> Shown | Lacking:
    """Every service must have a canary: a version that skips it in one of them skips the test."""
    if not seen.services:
        return Lacking(why="this environment serves no model")
    for name in seen.plan.batch:
        return Lacking(why=f"mlspec compiles no canary for batch services such as `{name}`: a new version scores all")
    proofs: list[Proof] = []
    for name, service in seen.plan.online.items():
        found = list(_proofs(seen.objects, service.name.value))
        if not found:
            return _lacks(name, service)
        proofs += found
    return Shown(
        proofs=tuple(proofs),
        why="a new version gets some of the traffic first, and Argo Rollouts rolls it back if its analysis fails",
    )


def _lacks(name: str, service: ServicePlan) -> Lacking:
    """Why a service has no canary that can fail, and what would change that."""
    gradual, entry = service.workload.progressive, service.canary.capability
    if not gradual.value:
        why = f"a new version of `{name}` gets all traffic at once: {gradual.reason}"
    else:
        why = f"no analysis that can fail judges a new version of `{name}`"
    if not service.canary.can("canary") or not entry.judges:
        help_ = "write a provider that shifts traffic and judges versions"
        return Lacking(why=why, path="platform.rollout.provider", help=help_, effort="days")
    if service.arrival.direct.value:
        help_ = "give the service a host, and let its callers use it"
        return Lacking(why=why, path=f"services.{name}.endpoint.hosts", help=help_, effort="hours")
    if not gradual.value:
        return Lacking(why=why, path="rollout.stages", help="add a `canary` stage")
    return Lacking(why=why, path="constraints", help="write an availability or a latency that the analysis can judge")


def _proofs(objects: Objects, name: str) -> Iterator[Proof]:
    """The Rollout and the analyses of its canary; nothing if it has none, or if one of them cannot fail."""
    rollout = objects.get("Rollout", name)
    if rollout is None:
        return
    judging = [objects.get("AnalysisTemplate", template) for template in _judging(rollout)]
    able = [body for body in judging if body is not None and _can_fail(body)]
    if able and len(able) == len(judging):
        yield from map(objects.proof, (rollout, *able))


def _judging(rollout: Object) -> Iterator[str]:
    """The analyses that run while the new version has some of the traffic. One without consequences is no analysis."""
    share = 0.0
    for step in each(rollout, "spec", "strategy", "canary", "steps"):
        share = number(step.get("setWeight", share)) or 0.0
        if 0 < share < ALL and not at(step, "analysis", "dryRun"):
            yield from (str(one.get("templateName")) for one in each(step, "analysis", "templates"))


def _can_fail(template: Object) -> bool:
    """Whether some measurements of the new version can end the rollout."""
    return not at(template, "spec", "dryRun") and any(map(_can_end, each(template, "spec", "metrics")))


def _can_end(metric: dict[str, Any]) -> bool:
    """Whether failed measurements of a metric can end the rollout: a condition reads the result of the new version, and
    there are more measurements than it tolerates.
    """
    query, condition = at(metric, "provider", "prometheus", "query"), metric.get("failureCondition")
    many, tolerated = number(metric.get("count", 1)), number(metric.get("failureLimit", 0))
    of_new = NEW in str(query) and "result" in str(condition)
    return of_new and many is not None and tolerated is not None and many > tolerated
