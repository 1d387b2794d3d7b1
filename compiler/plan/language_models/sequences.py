"""How many sequences a replica works on at once, and the bounds that even a single one misses."""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal

from ....schema.units import Memory, Percent
from ...because import Because, decision
from ...system import DeviceMemory
from ..choose import count, seconds
from .limits import Sustained, Targets
from .queueing import Request, alone
from .work import Work

__all__ = ["LARGE", "allowed", "concurrent", "fast_enough", "idle", "missed", "step_limit"]

LARGE = Memory.parse("70Gi")
"""The memory from which on a device counts as large, so that a server allows more concurrent sequences by default."""

SEQUENCES = {False: 256, True: 1024}
"""The assumed concurrent sequences on a small and on a large device if the runtime's limit is unknown, as for vLLM."""

IDLE = 0.05
"""The mean number of requests in flight below which a replica is idle for nothing but a latency bound."""


@decision
def step_limit(targets: Targets, prefill: Because[float], output: Because[int]) -> tuple[float, str]:
    """The longest decode step with which every bound between tokens and for the response can hold."""
    between = [(float(bound.value), f"the bound of {bound.value} between tokens") for _, bound in targets.inter_token]
    whole = [
        (
            (float(bound.value) - prefill.value) / output.value,
            f"{bound.value} for the response minus {seconds(prefill.value)} of prefill, over {output.value:,} tokens",
        )
        for _, bound in targets.answer
    ]
    return min(between + whole)


@decision
def allowed(memory: Because[Memory], taken: DeviceMemory | None) -> tuple[int, str]:
    """The runtime's limit on concurrent sequences."""
    large = memory.value >= LARGE
    where = f"on devices {'with at least' if large else 'below'} {LARGE}"
    if taken is None:
        return SEQUENCES[large], f"an assumption {where}, because the runtime's limit is unknown"
    return (taken.large_sequences if large else taken.sequences).value, f"the runtime's default limit {where}"


@decision
def fast_enough(limit: Because[float], work: Work) -> tuple[int, str]:
    """The largest batch whose decode step stays within the limit."""
    single = work.step(1)
    if single > limit.value:
        room = f"only {seconds(limit.value)} is" if limit.value > 0 else "no time is"
        return 0, f"a single sequence needs {seconds(single)} per token, but {room} left ({limit.reason})"
    found = bisect_left(range(1, 2**20), True, key=lambda batch: work.step(batch) > limit.value)
    return found, f"{found:,} for a step to take at most {seconds(limit.value)} ({limit.reason})"


@decision
def concurrent(
    fitting: Because[int], most: Because[int], fast: Because[int] | None, chunk: Because[int] | None
) -> tuple[int, str]:
    """The concurrent sequences: the fewest that one of these allows."""
    by = f" ({most.reason})" if most.reason else ""
    said = [f"{fitting.value:,} fit in memory ({fitting.reason})", f"{most.value:,} allowed{by}"]
    chosen = min(fitting.value, most.value)
    if fast is not None:
        chosen = min(chosen, fast.value)
        said.append(fast.reason)
    if chunk is not None:
        chosen = min(chosen, chunk.value)
        said.append(f"{chunk.value:,} have a token in a step of `promptChunk: {chunk.value}`")
    return max(1, chosen), f"{'; '.join(said)}: {count(max(1, chosen), 'concurrent sequence')}"


@decision
def missed(
    work: Work, request: Request, targets: Targets, prefill: Because[float], fast: Because[int] | None
) -> tuple[str, str]:
    """The bound that a single request misses."""
    single = alone(work, request)
    kinds = (
        (targets.first_token, single.first_token(), "to the first token"),
        (targets.answer, single.answer(), "for the response"),
    )
    if fast is not None and fast.value < 1:
        return fast.reason, "a bound that a single request misses"
    for bounds, took, what in kinds:
        tightest = min((bound.value for _, bound in bounds), default=None)
        if tightest is not None and took > float(tightest):
            why = f"{prefill.reason}; a single request needs {seconds(took)}, more than the {tightest} {what}"
            return why, "a bound that a single request misses"
    return "", "a single request meets all bounds"


@decision
def idle(found: Because[Sustained]) -> tuple[str, str]:
    """Whether the bounds hold only while a replica has hardly any requests."""
    if found.value.in_flight >= IDLE:
        return "", "the bounds hold while a replica has requests"
    idle = Percent(Decimal(f"{1 - found.value.in_flight:.3f}"))
    return f"the bounds hold only while a replica is idle {idle} of the time ({found.reason})", "a bound without room"
