"""Where pods may run: on nodes with the accelerator, despite their taints, and spread as far as the cluster allows."""

from __future__ import annotations

from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.scope import Scope
from ...compiler.system import Accelerator, AcceleratorRequest, Toleration
from ...compiler.words import listing

__all__ = ["accelerators", "node_selector", "spread", "tolerations"]


def node_selector(scope: Scope, asked: AcceleratorRequest | None) -> dict[str, Any] | None:
    """The labels of nodes with the accelerator: the platform's own, otherwise those of its cloud."""
    if asked is None:
        return None
    entry = scope.platform.accelerators[asked.type.value]
    if entry.node_selector:
        return dict(entry.node_selector)
    cloud = scope.platform.cloud
    if cloud.value not in entry.selectors:
        raise refusal(
            "MLS012",
            f"the labels of nodes with `{asked.type.value}` on `{cloud.value}` are unknown",
            asked.type,
            others=((cloud, "the cloud"),),
            note="the pod could run on a node without the accelerator, or stay unscheduled",
            help=f"write {_labels(asked.type.value, entry, cloud.value)}",
        )
    return {
        key: because(value.value, "nodes with the accelerator", value, asked.type, cloud)
        for key, value in entry.selectors[cloud.value].items()
    }


def _labels(name: str, entry: Accelerator, cloud: str) -> str:
    """The labels that the platform file has to state, with the instance types that its nodes may have."""
    place = f"`platform.accelerators.{name}.nodeSelector`"
    sizes = [size.value for size in entry.instance_types[cloud]] if cloud in entry.instance_types else []
    if not sizes:
        return f"the labels under {place}"
    label = f"`{{node.kubernetes.io/instance-type: {sizes[0]}}}`"
    return f"{label} under {place}, with the type of your nodes: {listing(sizes)}"


def tolerations(scope: Scope, asked: AcceleratorRequest | None) -> list[Body]:
    """The taints of nodes with the accelerator."""
    if asked is None:
        return []
    return [_toleration(taint, asked.type) for taint in scope.platform.accelerators[asked.type.value].tolerations]


def _toleration(taint: Toleration, asked: Because[str]) -> Body:
    return {
        "key": because(taint.key.value, "nodes with the accelerator have this taint", taint.key, asked),
        "operator": _operator(taint),
        "value": taint.value,
        "effect": taint.effect,
    }


def _operator(taint: Toleration) -> Because[str]:
    """`Equal` for a taint with a value: Kubernetes refuses pods that have a value and `Exists`."""
    if taint.value is None or taint.operator.value != "Exists":
        return taint.operator
    if taint.operator.kind == "default":
        return because("Equal", "the toleration has a value", taint.value, taint.operator)
    raise refusal(
        "MLS008",
        "a toleration with `operator: Exists` cannot have a value",
        taint.value,
        others=((taint.operator, "matches any value"),),
        note="Kubernetes would refuse every pod, and the workload would never start",
        help="write `operator: Equal`, or remove the value",
    )


def accelerators(scope: Scope, asked: AcceleratorRequest | None) -> dict[str, Any]:
    """The extended resource and its count, the same for limits and requests, because Kubernetes requires it."""
    if asked is None:
        return {}
    resource, most = scope.resource_of(asked), scope.platform.accelerators[asked.type.value].per_node
    if most is not None and asked.count.value > most.value:
        raise refusal(
            "MLS012",
            f"no node has {asked.count.value} x `{asked.type.value}`",
            asked.count,
            others=((most, f"a node has at most {most.value}"),),
            note="the pod would wait for such a node forever, because it cannot use the devices of two nodes",
            help=f"write `count: {most.value}` or less, or set `platform.accelerators.{asked.type.value}.perNode` if "
            "your nodes have more",
        )
    return {
        resource.value: because(str(asked.count.value), "the number of accelerators", asked.count, asked.type, resource)
    }


def spread(selector: Body, version: str | Because[str] | None) -> list[Body]:
    """Spread over nodes and zones, but run even where that is impossible: accelerators are scarce.

    Each version is spread by itself, by the label with its hash. Otherwise a new version would go where the old one has
    few pods, and would be on few nodes once the old one is gone.
    """
    why = "a node or a zone may fail"
    return [
        {
            "maxSkew": fixed(1, why),
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector},
            "matchLabelKeys": None if version is None else [version],
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]
