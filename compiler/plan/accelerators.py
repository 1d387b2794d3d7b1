"""Some accelerators of one type: how many there can be, what they are called, and whether they can run a model."""

from __future__ import annotations

from ...schema.units import Memory
from ..because import Because, decision
from ..part import Named
from ..system import LlmShape

__all__ = ["COUNTS", "called", "divides", "shares", "unfit"]

COUNTS = (1, 2, 4, 8)
"""The possible device counts per replica: tensors split into powers of two, and most nodes have at most 8 devices."""


def called(devices: int, name: str) -> str:
    """Some accelerators in words: `l4`, 2 x `l4`."""
    return f"`{name}`" if devices == 1 else f"{devices} x `{name}`"


@decision
def unfit(
    cloud: Because[str],
    nodes: tuple[dict[str, Because[str]], dict[str, Named[Because[str]]]],
    fits: Because[bool] | None,
    memory: Because[Memory] | None,
    size: Because[Memory] | None,
    slice_: Because[bool],
    bfloat16: Because[bool] | None,
    shape: LlmShape | None,
    devices: Because[int],
) -> tuple[str, str]:
    own, by_cloud = nodes
    if shape is not None and not shares(shape, devices.value):
        both = f"{shape.heads.value} query heads and " if shape.heads is not None else ""
        return f"{both}{shape.kv_heads.value} key-value heads cannot be divided", "tensor parallelism divides the heads"
    if bfloat16 is not None and not bfloat16.value:
        return "it does not compute in bfloat16", "most language models are stored in bfloat16"
    if not own and cloud.value not in by_cloud:
        return f"its node labels on `{cloud.value}` are unknown", "nodes are selected by their labels"
    if fits is not None:
        alone = ", and one model cannot span several slices" if slice_.value else ""
        return ("" if fits.value else f"does not fit: {fits.reason}{alone}"), fits.reason
    if memory is not None and size is not None and memory.value < size.value:
        return f"{memory.value} is less than the {size.value} of files", "a model is at least as large as its files"
    return "", "no known reason that it does not fit"


def divides(heads: int, devices: int) -> bool:
    """Whether devices can share the key-value heads: each has the same number, or each head has."""
    return heads % devices == 0 or devices % heads == 0


def shares(shape: LlmShape, devices: int) -> bool:
    """Whether devices can share all heads: as many query heads each, and key-value heads as in `divides`."""
    whole = shape.heads is None or shape.heads.value % devices == 0
    return whole and divides(shape.kv_heads.value, devices)
