"""How the processes of a training run are grouped: into replicas of the model, tensor groups, and pipeline stages.

The sizes multiply to the number of processes (M. Shoeybi et al., Megatron-LM: training multi-billion parameter language
models using model parallelism, arXiv:1909.08053; D. Narayanan et al., Efficient large-scale language model training on
GPU clusters using Megatron-LM, arXiv:2104.04473, section 3.1). A tensor group exchanges activations in every layer, so
it stays on the links of one node (section 5.4 there).
"""

from __future__ import annotations

from ...because import Because, decision, first, fixed
from ...finding import Refusal, refusal
from ...row import Row
from ...system import Distributed, Training
from ..choose import count

__all__ = ["PREFIX", "Sizes", "across", "prefix", "sizes", "unequal"]

PREFIX = 36
"""The longest prefix of the name of a TrainJob. Its pods are called `PREFIX-HASH-node-0-INDEX-RANDOM`, which are 9 + 7
+ 5 + 6 more characters, and at most 63 (JobSet v0.12, pkg/webhooks/jobset_webhook.go)."""


class Sizes(Row):
    """The sizes of the groups; their product is the number of processes."""

    data: Because[int]
    """Replicas of the model, or shards of it if it is fully sharded."""
    tensor: Because[int]
    pipeline: Because[int]


def across(devices: Because[int], part: Training) -> Because[int]:
    """The accelerators of all pods together, by those of one."""
    return _across(devices, part.distributed.nodes) if part.distributed is not None else devices


@decision
def _across(devices: Because[int], nodes: Because[int]) -> tuple[int, str]:
    return devices.value * nodes.value, f"{devices.value} on each of {count(nodes.value, 'node')}"


@decision
def prefix(name: Because[str]) -> tuple[str, str]:
    """The prefix of the names of a run's TrainJobs."""
    return name.value[:PREFIX].rstrip("-"), "short enough for the names of its pods"


def sizes(spread: Distributed, devices: Because[int] | None) -> Sizes:
    """The sizes of the groups. Those that do not fit the processes are refused, and so are processes that are not one
    per accelerator, unless a single one uses all of them.

    Without accelerators, processes share the cores.
    """
    if devices is not None:
        _one_each(spread.processes_per_node, devices, spread)
    tensor = spread.tensor.given
    if tensor is None:
        tensor = _size(spread.strategy, spread.processes_per_node, _of("tensor-parallel"))
    pipeline = spread.pipeline.given
    if pipeline is None:
        pipeline = _size(spread.strategy, spread.nodes, _of("pipeline-parallel"))
    _grouped(spread, tensor, pipeline)
    _within_a_node(spread, tensor)
    processes = spread.nodes.value * spread.processes_per_node.value
    if processes % (tensor.value * pipeline.value):
        raise refusal(
            "MLS012",
            f"{count(processes, 'process')} cannot be divided into groups of {tensor.value} x {pipeline.value}",
            first(spread.pipeline.given, spread.tensor.given, spread.strategy),
            others=((spread.nodes, "the nodes"), (spread.processes_per_node, "the processes on each of them")),
            note="replicas x `tensor` x `pipeline` must equal `nodes` x `processesPerNode`; otherwise every process "
            "fails when the groups are formed, or waits for ranks that do not exist",
            help="choose `tensor` and `pipeline` so that their product divides the number of processes",
        )
    return Sizes(_replicas(spread.nodes, spread.processes_per_node, tensor, pipeline), tensor, pipeline)


def _one_each(processes: Because[int], devices: Because[int], spread: Distributed) -> None:
    """PyTorch has one process per accelerator (docs/source/elastic/run.rst), and one process of JAX or TensorFlow uses
    all of a node (docs/multi_process.md; tf.distribute.MultiWorkerMirroredStrategy). The code is not known here.
    """
    if processes.value == devices.value:
        return
    if processes.kind == "default":
        raise refusal(
            "MLS009",
            f"nothing says how many processes share the {devices.value} accelerators of a node",
            spread.strategy,
            devices,
            others=((devices, "the accelerators of a node"),),
            note="by default there is one process, and in PyTorch it would leave the other accelerators idle",
            help=f"add `processesPerNode: {devices.value}` under `distributed`, or `processesPerNode: 1` if one "
            "process uses all accelerators of its node, as in JAX and TensorFlow",
        )
    if processes.value > 1:
        raise unequal(spread, devices)


def _of(strategy: str) -> Because[str]:
    return fixed(strategy, "the strategy that this size belongs to")


@decision
def _size(strategy: Because[str], largest: Because[int], of: Because[str]) -> tuple[int, str]:
    if strategy.value == of.value:
        return largest.value, f"the largest group of `{of.value}`"
    return 1, f"`{strategy.value}` needs no such groups"


@decision
def _replicas(nodes: Because[int], each: Because[int], tensor: Because[int], pipeline: Because[int]) -> tuple[int, str]:
    many = nodes.value * each.value // (tensor.value * pipeline.value)
    return many, f"{nodes.value} x {each.value} processes / ({tensor.value} x {pipeline.value})"


def _grouped(spread: Distributed, tensor: Because[int], pipeline: Because[int]) -> None:
    """A strategy whose groups have one member is another strategy."""
    named = {"tensor-parallel": ("tensor", tensor), "pipeline-parallel": ("pipeline", pipeline)}
    key, size = named.get(spread.strategy.value, ("", None))
    if size is None or size.value > 1:
        return
    raise refusal(
        "MLS012",
        f"`{spread.strategy.value}` with groups of 1 does not distribute the model",
        spread.strategy,
        others=((size, "the size of a group"),),
        note="each process would hold the whole model",
        help=f"write `{key}: 2` or more under `distributed`, or `strategy: data-parallel`",
    )


def unequal(spread: Distributed, devices: Because[int]) -> Refusal:
    """The refusal of processes that are not one per accelerator."""
    processes = spread.processes_per_node
    return refusal(
        "MLS012",
        f"{count(processes.value, 'process')} cannot share {count(devices.value, 'accelerator')}",
        processes,
        devices,
        others=((devices, "the accelerators of a node"),),
        note="each process takes one accelerator: the others are idle, or too few",
        help=f"write `processesPerNode: {devices.value}`",
    )


def _within_a_node(spread: Distributed, tensor: Because[int]) -> None:
    each = spread.processes_per_node
    if each.value % tensor.value == 0:
        return
    raise refusal(
        "MLS012",
        f"a tensor group of {tensor.value} does not fit {count(each.value, 'process')} per node",
        tensor,
        others=((each, "the processes of a node"),),
        note="a group exchanges activations in every layer, which the network between nodes is too slow for",
        help=f"write a `tensor` that divides {each.value}, and distribute more layers with `pipeline`",
    )
