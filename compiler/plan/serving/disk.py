"""The disk space of the node that a pod needs: its model, what its containers write, and their logs.

Kubernetes schedules by requests of `ephemeral-storage`, and evicts a pod that uses more than its limit. What counts is
the sum of volumes that are `emptyDir`, of logs, and of what containers write to their root file systems; volumes in
memory and image volumes do not count (kubernetes.io, Local ephemeral storage). Without a request, pods are placed on
nodes that their models do not fit on, and run full together.
"""

from __future__ import annotations

from ....schema.units import Memory
from ...because import Because, decision

__all__ = ["downloaded", "needed", "room", "written"]

MEBI = 2**20

_ELSEWHERE = {
    "image": "the model is an image, which does not count",
    "inside": "the model is in the image, which does not count",
    "claim": "the model is on a claim, which does not count",
    "cached": "the model is on the claim that pods share, which does not count",
}
"""Why a model takes no disk space of the node, by how it gets into the pod."""

LOGS = Memory(100 * MEBI)
"""The logs of a pod: the kubelet keeps five files of 10 MiB for each container, and a pod has one or two."""


def room(size: Memory) -> int:
    """The bytes that the files of a model may take: the size in the spec, rounded, may be a little too small."""
    return (-(-int(size.amount) * 5 // 4 // MEBI) + 16) * MEBI


@decision
def downloaded(size: Because[Memory]) -> tuple[Memory, str]:
    """What the download needs, with its logs."""
    return Memory(
        room(size.value) + int(LOGS.amount)
    ), f"{size.value} of model files plus a quarter, and {LOGS} for logs"


@decision
def written(
    scratch: Because[Memory], source: Because[str], size: Because[Memory] | None, unpacks: Because[bool]
) -> tuple[Memory, str]:
    """What a server may write to its own paths."""
    total, why = int(scratch.value.amount), f"{scratch.value} for its own files"
    if size is not None and source.value == "hub":
        total, why = total + room(size.value), f"{why}, and {size.value} of model files plus a quarter"
    elif size is not None and unpacks.value:
        total, why = total + 2 * room(size.value), f"{why}, and 2 x {size.value} to unpack the model"
    return Memory(total), why


@decision
def needed(source: Because[str], size: Because[Memory] | None, writes: Because[Memory] | None) -> tuple[Memory, str]:
    """The disk of a pod; without the model or the server's own files if their sizes are unknown."""
    total, parts = int(LOGS.amount), [f"{LOGS} for logs"]
    if source.value in _ELSEWHERE:
        parts.append(_ELSEWHERE[source.value])
    elif size is None:
        parts.append("the model size is unknown")
    elif source.value == "download":
        total += room(size.value)
        parts.append(f"{size.value} of model files plus a quarter")
    if writes is None:
        parts.append("how much the container writes is unknown")
    else:
        total += int(writes.value.amount)
        parts.append(writes.reason or f"{writes.value} for what the container writes")
    step = 256 * MEBI
    return Memory(-(-total // step) * step), "; ".join(parts)
