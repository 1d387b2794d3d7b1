"""What one replica asks for, where nobody says it: cores for the requests it works on, and memory for its model."""

from __future__ import annotations

from ....schema.units import Cores, Memory
from ...because import Because, decision

__all__ = ["cores", "memory"]


@decision
def cores(
    usual: Because[Cores], slots: Because[int], cpu_bound: Because[bool], accelerated: Because[bool]
) -> tuple[Cores, str]:
    if accelerated.value:
        return usual.value, "what the runtime needs, as the accelerator does the work"
    if not cpu_bound.value or slots.value <= usual.value.amount:
        return usual.value, "what the runtime needs"
    return Cores(slots.value), f"a core for each of the {slots.value} requests that a replica works on at once"


@decision
def memory(
    usual: Because[Memory], size: Because[Memory] | None, accelerated: Because[bool], cache: Because[Memory] | None
) -> tuple[Memory, str]:
    step = 256 * 2**20
    weights = 0 if size is None else int(size.value.amount)
    needed = int(usual.value.amount) + (weights if accelerated.value else 2 * weights)
    what = f"{usual.value} for the runtime"
    if cache is not None:
        needed, what = needed + int(cache.value.amount), f"{what}, {cache.value} for answers that are kept"
    once = "once, on its way to the accelerator" if accelerated.value else "twice, as it is read and as it is served"
    known = f" and the model {once}" if size is not None else "; the size of the model is not known"
    return Memory(-(-needed // step) * step), f"{what}{known}"
