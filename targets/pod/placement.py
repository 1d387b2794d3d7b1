"""Where pods may run: on nodes with the accelerator and with what else was asked for, despite their taints, and spread
as far as the cluster allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...compiler.because import Because, because, first, fixed
from ...compiler.emit.artifact import Body
from ...compiler.emit.dump import plain
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.scope import Scope
from ...compiler.system import Accelerator, AcceleratorRequest, NodeLabel, Scheduling, Toleration
from ...compiler.words import listing

__all__ = ["accelerators", "placed", "spread"]

Labels = dict[str, Because[str]]


def placed(scope: Scope, own: Scheduling, asked: AcceleratorRequest | None) -> Body:
    """What a pod says about its nodes: the accelerator's part, the platform's, and its own."""
    common = scope.platform.scheduling
    said = scope.spot(own)
    spot = said if said is not None and said.value else None
    affinity = list({label.key.value: label for label in (*common.node_affinity, *own.node_affinity)}.values())
    wanted: Labels = {**common.node_selector, **own.node_selector}
    labels = _together(wanted, _accelerated(scope, asked), _spot_labels(scope, spot) if spot is not None else {})
    _check(labels, affinity)
    tolerations = _tolerations(scope, own, asked, spot) or None
    return {
        "nodeSelector": labels or None
        if said is None
        else because(labels or None, "the nodes that it may run on", said),
        "tolerations": tolerations
        if said is None
        else because(tolerations, "the taints of the nodes that it may run on", said),
        "affinity": _affinity(affinity) if affinity else None,
        "runtimeClassName": first(own.runtime_class, common.runtime_class),
    }


# Labels


def _accelerated(scope: Scope, asked: AcceleratorRequest | None) -> Labels:
    """The labels of nodes with the accelerator: the platform's own, otherwise those of its cloud."""
    if asked is None:
        return {}
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


def _spot_labels(scope: Scope, spot: Because[bool]) -> Labels:
    known, cloud = scope.cloud.spot.node_selector, scope.platform.cloud
    if not known:
        raise refusal(
            "MLS012",
            f"the labels of spot nodes on `{cloud.value}` are unknown",
            spot,
            others=((cloud, "the cloud"),),
            note="the pods would run on nodes at full price, or stay unscheduled",
            help=f"write the labels under `platform.clouds.{cloud.value}.spot.nodeSelector`, and tolerations for the "
            "taints next to it",
        )
    return {key: because(value.value, "spot nodes", value, spot, cloud) for key, value in known.items()}


def _together(*parts: Labels) -> Labels:
    """The labels of all parts. No node has two values of one label."""
    found: Labels = {}
    for key, value in (pair for part in parts for pair in part.items()):
        other = found.setdefault(key, value)
        if other.value != value.value:
            raise _nowhere(key, other, value)
        if other is not value:
            found[key] = other.also(value)
    return found


def _check(labels: Labels, affinity: Iterable[NodeLabel]) -> None:
    for label in affinity:
        chosen = labels.get(label.key.value)
        if not label.values:
            raise _no_value(label)
        if chosen is not None and chosen.value not in {value.value for value in label.values}:
            raise _nowhere(label.key.value, chosen, label.values[0])


def _no_value(label: NodeLabel) -> Refusal:
    return refusal(
        "MLS012",
        f"`{label.key.value}` has no accepted value",
        label.key,
        note="no node would match, and no pod would be scheduled",
        help="add its `values`, or remove the item",
    )


def _nowhere(key: str, one: Because[str], other: Because[str]) -> Refusal:
    return refusal(
        "MLS012",
        f"no node has both `{key}: {one.value}` and `{key}: {other.value}`",
        one,
        label="one requirement",
        others=((other, "the other requirement"),),
        note="no pod would be scheduled",
        help="remove one of the two, or write the same value",
    )


def _affinity(wanted: Iterable[NodeLabel]) -> Body:
    expressions = [_expression(label) for label in wanted]
    terms = [{"matchExpressions": expressions}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def _expression(label: NodeLabel) -> Because[Body]:
    body = {"key": label.key, "operator": "In", "values": list(label.values)}
    return because(body, "the node must have one of these values", label.key)


# Taints


def _tolerations(
    scope: Scope, own: Scheduling, asked: AcceleratorRequest | None, spot: Because[bool] | None
) -> list[Body | Because[Body]]:
    """The taints of the nodes of the accelerator, of spot nodes, and of those that the platform and the author name."""
    made: list[Body] = []
    if asked is not None:
        why = "nodes with the accelerator have this taint"
        made += [
            _toleration(taint, why, asked.type) for taint in scope.platform.accelerators[asked.type.value].tolerations
        ]
    if spot is not None:
        why = "spot nodes may have this taint"
        made += [_toleration(taint, why, spot, scope.platform.cloud) for taint in scope.cloud.spot.tolerations]
    given = (*scope.platform.scheduling.tolerations, *own.tolerations)
    made += [_toleration(taint, "the pods tolerate it") for taint in given]
    same: dict[str, list[Body]] = {}
    for one in made:
        same.setdefault(str(plain(one)), []).append(one)
    return [because(one, "a taint of the nodes", others) if others else one for one, *others in same.values()]


def _toleration(taint: Toleration, why: str, *sources: object) -> Body:
    return {
        "key": because(taint.key.value, why, taint.key, *sources),
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


def spread(selector: Body, version: str | Because[str] | None, zones: Because[bool]) -> list[Body]:
    """Spread over nodes and zones. Where a zone may be lost, its share of the replicas is what the plan counts on, so
    they are spread evenly over the zones, or not started. Otherwise they run even where that is impossible.

    Each version is spread by itself, by the label with its hash. Otherwise a new version would go where the old one has
    few pods, and would be on few nodes once the old one is gone. A zone whose nodes are all down, which have taints, is
    left out: replicas that have to move would else wait for it.
    """
    why = "a node or a zone may fail"
    unless, taints = zones.map(lambda _: "DoNotSchedule"), zones.map(lambda _: "Honor")
    return [
        {
            "maxSkew": fixed(1, why),
            "topologyKey": key,
            "whenUnsatisfiable": unless if even else "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector},
            "matchLabelKeys": None if version is None else [version],
            "nodeTaintsPolicy": taints if even else None,
        }
        for key, even in (("kubernetes.io/hostname", False), ("topology.kubernetes.io/zone", zones.value))
    ]
