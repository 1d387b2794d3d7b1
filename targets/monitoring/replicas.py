"""Whether the replicas stay up, and whether there are as many as wanted.

`for` restarts with each sample that does not match, so no alert that waits for a replica to stay down ever hears one
that goes down, comes back, and goes down again. These look back on a window instead. A replica that has been up counts
as down only after that: one that loads its model was never up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...compiler.because import Because, decision, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.choose import readable
from ...compiler.plan.objectives.sli import Indicators
from ...compiler.plan.service import ServicePlan
from ...compiler.promql import promql
from ...schema.units import Duration
from ..providers import RolloutProvider
from .alert import alert
from .proofs import replicas as proofs

__all__ = ["added", "group", "pods", "settled"]


def group(service: ServicePlan) -> Body:
    """The alerts on replicas."""
    return {
        "name": text("mlspec-{service}-replicas", service=service.name),
        "interval": fixed("1m", "the same as for objectives"),
        "rules": [*_flapping(service), *_missing(service), *_restarting(service)],
    }


@decision
def settled(deadline: Because[int]) -> tuple[str, str]:
    """A pod that is still downloading or loading its model is already a scrape target, but does not answer."""
    wait = max(15, math.ceil(deadline.value / 60))
    return f"{wait}m", f"longer than the {deadline.value} s after which a new replica has failed, and at least 15 min"


@decision
def added(reaction: Because[Duration]) -> tuple[str, str]:
    """The autoscaler adds replicas first, several times if one step is not enough."""
    wait = max(15, math.ceil(2 * reaction.value.amount / 60))
    return f"{wait}m", f"twice the {readable(reaction.value)} until a new replica serves, and at least 15 min"


def _flapping(service: ServicePlan) -> Iterator[Body]:
    """Replicas that go down again and again: all of them, so that most requests fail, or one."""
    up = Indicators(service).up()
    every = alert(
        service,
        "ModelServiceFlapping",
        "page",
        "outage",
        text(
            "sum((1 - avg_over_time({up}[15m])) and resets({up}[15m]) >= 2 and {up}) / count({up}) > {most}",
            up=up,
            most=fixed("0.5", "less than half of the capacity is left"),
        ),
        text(
            "{service}: replicas keep going down and coming back, and {{{{ $value | humanizePercentage }}}} of the "
            "capacity was lost in the last 15 minutes",
            service=service.name,
        ),
        keep=fixed("15m", "the next time down may be as late as that"),
    )
    one = alert(
        service,
        "ModelReplicaFlapping",
        "ticket",
        "replicas",
        text(
            "count(avg_over_time({up}[1h]) < {least} and resets({up}[1h]) >= 3 and {up}) > 0",
            up=up,
            least=fixed("0.8", "a few scrapes of a busy replica may fail"),
        ),
        text(
            "{service}: {{{{ $value }}}} of the replicas went down three times or more in an hour", service=service.name
        ),
    )
    yield proofs.flapping(service, every)
    yield proofs.one_flaps(service, one)


def _missing(service: ServicePlan) -> Iterator[Body]:
    """Pods that no node has room for, or that the quota refuses, are no scrape targets: only the workload knows."""
    wait = settled(service.live.progress_deadline)
    seen = service.scope.providers.chosen(RolloutProvider, service.workload.provider).replicas(service, wait)
    if seen is None:
        return
    missing = alert(
        service,
        "ModelReplicasMissing",
        "ticket",
        "replicas",
        text("{available}\n< {wanted}", available=seen.available, wanted=seen.wanted),
        text(
            "{service}: at most {{{{ $value }}}} replicas have been available for {wait}, fewer than wanted",
            service=service.name,
            wait=wait,
        ),
        action=_describe(service),
    )
    yield proofs.missing(missing, seen, wait)


def _restarting(service: ServicePlan) -> Iterator[Body]:
    """A server that crashes and comes back between two scrapes was never down for Prometheus."""
    restarts = text("kube_pod_container_status_restarts_total{{{pods}}}", pods=pods(service))
    restarting = alert(
        service,
        "ModelReplicaRestarting",
        "ticket",
        "replicas",
        text("count(increase({restarts}[1h]) >= 3 and {restarts}) > 0", restarts=restarts),
        text(
            "{service}: {{{{ $value }}}} of the containers restarted three times or more in an hour",
            service=service.name,
        ),
        action=_describe(service),
    )
    unseen = alert(
        service,
        "ModelPodMetricsAbsent",
        "ticket",
        "monitoring",
        text("absent({restarts}) and on () count({up} == 1)", restarts=restarts, up=Indicators(service).up()),
        text(
            "{service}: Prometheus has no metrics of kube-state-metrics for the pods, so no alert on restarts or on "
            "the limits of the autoscaler can fire",
            service=service.name,
        ),
        wait=fixed("30m", "longer than an upgrade of kube-state-metrics"),
    )
    yield proofs.restarting(service, restarting)
    yield proofs.unseen(service, unseen)


def pods(service: ServicePlan, prefix: str = "") -> Because[str]:
    """The matchers for the pods of all versions in series that kube-state-metrics and others export about them.

    `prefix` is what a scrape that keeps its own labels adds to their names: `exported_`.
    """
    return promql(
        f'{prefix}namespace="{{namespace}}",{prefix}pod=~"{{name}}-[a-z0-9]{{{{1,10}}}}-?[a-z0-9]{{{{5}}}}"',
        namespace=service.scope.namespace,
        name=service.name,
    )


def _describe(service: ServicePlan) -> Because[str]:
    return text(
        "`kubectl describe pods -n {namespace} -l app.kubernetes.io/instance={service}` shows why: no node with room, "
        "an image, a failed download, or how the last container ended. If a pod does not exist, `kubectl describe "
        "replicasets` with the same options shows why, such as a quota.",
        namespace=service.scope.namespace,
        service=service.name,
    )
