"""O4: an alert on the age of the live version of each service."""

from __future__ import annotations

import re
from datetime import datetime

from ...kinds import Object
from ...plan.choose import whole_seconds
from ...plan.service import ServicePlan
from ...plan.serving.batch import BatchPlan
from ...system import Release
from .seen import Lacking, Seen, Shown, at

__all__ = ["fresh"]

SEVERITIES = ("page", "ticket")

TOKENS = re.compile(r"\w+|[<>=!]+")
"""The words, the numbers, and the comparisons of an expression."""


def fresh(seen: Seen) -> Shown | Lacking:
    """The alert must compare the age of the live version with the limit in the spec, and go to a receiver."""
    if not seen.services:
        return Lacking(why="this environment serves no model")
    retraining = seen.system.retraining
    if retraining is None or retraining.max_model_age is None:
        why = "no alert fires when the live model is too old"
        help_ = "write the oldest age that is acceptable, and `trainedAt` in each release"
        return Lacking(why=why, path="retraining.maxModelAge", help=help_)
    proofs = []
    for service in seen.services:
        rule = _alert(seen, service, whole_seconds(retraining.max_model_age.value))
        if rule is None:
            return _lacks(seen, service)
        proofs.append(seen.objects.proof(rule))
    oldest = retraining.max_model_age.value
    return Shown(proofs=tuple(proofs), why=f"an alert fires when a live version is older than {oldest}")


def _lacks(seen: Seen, service: ServicePlan | BatchPlan) -> Lacking:
    why = f"no alert fires when the live model of `{service.name.value}` is too old"
    if not seen.plan.runs("monitoring").value:
        path = f"environments.{seen.objects.environment}.runs"
        return Lacking(why=f"{why}, because nothing monitors this environment", path=path, help="add `monitoring`")
    if service.release.trained_at is None:
        path = f"releases.{service.model.value}.trainedAt"
        return Lacking(why=why, path=path, help="write when the version was trained")
    return Lacking(why=why)


def _alert(seen: Seen, service: ServicePlan | BatchPlan, oldest: int) -> Object | None:
    """The object with the alert on the age of a service's version."""
    trained = _trained(service.release)
    if trained is None:
        return None
    compares = {str(trained), str(oldest), "time", ">"}
    for body, rule in seen.objects.alerts():
        severity, receiver, about = (at(rule, "labels", key) for key in ("severity", "receiver", "service"))
        routed = severity in SEVERITIES and bool(receiver) and about == service.name.value
        if routed and compares <= set(TOKENS.findall(str(rule.get("expr")))):
            return body
    return None


def _trained(release: Release) -> int | None:
    """When a version was trained, in seconds since 1970."""
    return int(datetime.fromisoformat(release.trained_at.value).timestamp()) if release.trained_at is not None else None
