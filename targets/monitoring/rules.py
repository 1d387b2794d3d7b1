"""Recording rules and alerts, as a PrometheusRule and as a plain rule file for `promtool`.

Recording rules and the alerts on them are in the same group, so that Prometheus evaluates them in order. Everything
loads in Prometheus 2.42 and in 3.x.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.service import ServicePlan
from . import capture, gpus, health, replicas, rollout, scaler, shadow, traffic
from .burn import burn_groups
from .files import rule_files

__all__ = ["rules"]


def rules(service: ServicePlan) -> Iterator[Artifact]:
    """The same groups twice: for the Prometheus Operator, and as a plain rule file."""
    groups: list[Body | Because[Body]] = [*burn_groups(service), health.group(service)]
    groups += [replicas.group(service), *traffic.groups(service), *scaler.groups(service)]
    groups += [*gpus.groups(service), *rollout.groups(service), *shadow.groups(service)]
    groups += capture.groups(service)
    why = because("rules", "alerts on the service's objectives and health", service.part.own_name, service.runtime_name)
    rates = [rate.map(float) for rate in (service.requested("trough"), service.requested("mean")) if rate is not None]
    yield from rule_files(service.scope, service.name, groups, why, rates)
