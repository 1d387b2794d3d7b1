"""Recording rules and alerts, as a PrometheusRule and as a plain rule file for `promtool`.

Recording rules and the alerts on them are in the same group, so that Prometheus evaluates them in order. Everything
loads in Prometheus 2.42 and in 3.x.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import because
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.service import ServicePlan
from .. import naming
from . import health, replicas, rollout, scaler, shadow, traffic
from .burn import burn_groups
from .unit_tests import unit_tests

__all__ = ["rules"]


def rules(service: ServicePlan) -> Iterator[Artifact]:
    """The same groups twice: for the Prometheus Operator, and as a plain rule file."""
    scope = service.scope
    groups = [*burn_groups(service), health.group(service)]
    groups += [replicas.group(service), *traffic.groups(service), *scaler.groups(service)]
    groups += [*rollout.groups(service), *shadow.groups(service)]
    why = because("rules", "alerts on the service's objectives and health", service.part.own_name, service.runtime_name)
    body: Body = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": naming.metadata(
            scope, service.name, {**naming.labels(scope, "rules", service.name), **scope.platform.prometheus.labels}
        ),
        "spec": {"groups": groups},
    }
    yield Artifact(path=naming.path_of(scope, "monitoring", "PrometheusRule", service.name), body=body, why=why)
    yield Artifact(path=naming.path_of(scope, "monitoring", "Rules", service.name), body={"groups": groups}, why=why)
    rates = [rate for rate in (service.traffic("trough"), service.traffic("mean")) if rate is not None]
    busy = max((float(rate.value) * 60 for rate in rates), default=0.0)
    yield from unit_tests(scope, service.name, groups, busy, *rates)
