"""The series of NVIDIA's DCGM exporter about the devices of some pods.

They are from its default set (NVIDIA/dcgm-exporter, etc/default-counters.csv). Each has the labels `Hostname` (the
node), `gpu` (the number of the device there), `namespace`, and `pod`. The last two are those of the pod that has the
device. A monitor that does not honor the labels of its target renames them to `exported_namespace` and `exported_pod`.
"""

from __future__ import annotations

from collections.abc import Callable

from ...compiler.because import Because, text
from ...compiler.plan.scope import Scope
from ...compiler.plan.training import TrainingPlan
from ...compiler.promql import promql
from ...compiler.system import AcceleratorRequest
from .alert import Watched

__all__ = ["Pods", "either", "nvidia", "of_nodes", "of_runs", "sliced"]

Pods = Callable[[str], Because[str]]
"""The matchers for the pods, whose labels have this prefix."""


def nvidia(scope: Scope, asked: AcceleratorRequest | None) -> Because[str] | None:
    """The resource that pods request, if it is a device of NVIDIA or a slice of one."""
    resource = scope.resource_of(asked) if asked is not None else None
    return resource if resource is not None and resource.value.startswith("nvidia.com/") else None


def sliced(scope: Scope, asked: AcceleratorRequest) -> Because[bool]:
    """Whether it is a slice, which has no utilization of its own."""
    return scope.platform.accelerators[asked.type.value].slice


def either(template: str, pods: Pods) -> tuple[Because[str], Because[str]]:
    """An expression with `{pods}` for the two names that the labels can have: renamed, and as they are."""
    return text(template, pods=pods("exported_")), text(template, pods=pods(""))


def of_nodes(training: TrainingPlan) -> Pods:
    """The pods of the TrainJobs of runs: `name-4f2a91c0-node-0-1-x7k2p`. If a run is one pod, that of its Job."""
    if training.spread is None:
        return of_runs(training)
    return lambda prefix: promql(
        f'{prefix}namespace="{{namespace}}",{prefix}pod=~"{{name}}-[0-9a-f]{{{{8}}}}-node-0-[0-9]{{{{1,4}}}}-[a-z0-9]{{{{5}}}}"',
        namespace=training.scope.namespace,
        name=training.prefix,
    )


def of_runs(runs: Watched) -> Pods:
    """The pods of the Jobs of a CronJob: `name-29384840-x7k2p`, or `name-29384840-0-x7k2p` of an Indexed Job."""
    return lambda prefix: promql(
        f'{prefix}namespace="{{namespace}}",{prefix}pod=~"{{name}}-[0-9]{{{{1,10}}}}(-[0-9]{{{{1,5}}}})?-[a-z0-9]{{{{5}}}}"',
        namespace=runs.scope.namespace,
        name=runs.name,
    )
