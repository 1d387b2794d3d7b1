"""How fast a language model answers on its accelerators, estimated from their data sheets.

Reading a prompt is bound by multiplication, writing an answer by memory: each step reads all weights and every
sequence's cache once, for one token of each sequence (Pope et al., Efficiently Scaling Transformer Inference,
arXiv:2211.05102, section 2). Decoding alone would promise several times too much: prompts are read on the same device.

The estimate is rough, which its reasons say: a service time that was measured on one replica replaces it.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property

from ....schema.hardware import Bandwidth, Compute
from ....schema.units import Duration, Memory, Percent, Rate
from ...because import Because, decision
from ...system import DeviceMemory, LlmShape, Planning
from ..choose import count, number, seconds
from ..serving.capacity import Care, care
from .fit import Fit, counted

__all__ = ["Speed", "Targets"]

LARGE = Memory.parse("70Gi")
"""From this memory on a device is large: a server that is not told may work on more sequences at once."""

SEQUENCES = {False: 256, True: 1024}
"""How many sequences are assumed on a small and on a large device where the runtime does not say it: as vLLM does."""


class Targets:
    """How fast a service must answer: the tightest bounds of each kind."""

    def __init__(
        self,
        answer: tuple[Because[Duration], ...],
        first_token: tuple[Because[Duration], ...],
        inter_token: tuple[Because[Duration], ...],
    ) -> None:
        self.answer = answer
        self.first_token = first_token
        self.inter_token = inter_token


class Speed:
    """One language model on accelerators whose bandwidth and rate are known."""

    def __init__(
        self, fit: Fit, bandwidth: Because[Bandwidth], compute: Because[Compute], targets: Targets, planning: Planning
    ) -> None:
        self.fit = fit
        self.targets = targets
        self.planning = planning
        self._bandwidth = bandwidth
        self._compute = compute

    @cached_property
    def reads(self) -> Because[float]:
        """Bytes that the devices read in a second of their memory."""
        return _reached(self._bandwidth, self.fit.devices, self.planning.memory_efficiency)

    @cached_property
    def multiplies(self) -> Because[float]:
        """Operations that the devices do in a second."""
        return _reached(self._compute, self.fit.devices, self.planning.compute_efficiency)

    @cached_property
    def prefill(self) -> Because[float]:
        """Seconds to read a prompt."""
        return _prefill(self.fit.model.shape, self.fit.model.prompt, self.multiplies)

    @cached_property
    def limit(self) -> Because[float] | None:
        """The longest that a step may take, in seconds; None without a bound."""
        if not self.targets.inter_token and not self.targets.answer:
            return None
        return _limit(self.targets.inter_token, self.targets.answer, self.prefill, self.fit.model.output)

    @cached_property
    def sequences(self) -> Because[int]:
        """How many sequences a replica works on at once: those that fit, that are allowed, and that are fast enough."""
        batching = self.fit.model.part.batching
        most = batching.max_size if batching is not None else _most(self.fit.memory, self.fit.taken)
        fast = self._fast
        return _worked_on(self.fit.sequences, most, fast)

    @cached_property
    def _fast(self) -> Because[int] | None:
        if self.limit is None:
            return None
        return _fast_enough(self.limit, self.fit.model.weights, self.fit.each, self.reads)

    @cached_property
    def step(self) -> Because[float]:
        """Seconds to write one token of each sequence."""
        return _step(self.sequences, self.fit.model.weights, self.fit.each, self.reads)

    @cached_property
    def busy(self) -> Because[float]:
        """Seconds of a replica that one request takes."""
        return _busy(self.prefill, self.step, self.sequences, self.fit.model.output)

    @cached_property
    def throughput(self) -> Because[Rate]:
        """Requests that one replica answers while it is as busy as it may be, with the bound and how rough that is."""
        return _throughput(self.busy, self.prefill, self.sequences, self.planning.utilization, self.planning.rough)

    @cached_property
    def late(self) -> Because[str]:
        """Which bound is missed even by a request alone; an empty text while all can be kept."""
        return _late(self.prefill, self.targets.first_token, self._fast)

    def needed(self, rate: Because[Rate], availability: Because[Percent] | None) -> Because[int]:
        """The replicas that carry a rate."""
        return _needed(rate, self.busy, self.throughput, availability, care(self.planning))


@decision
def _reached(
    rate: Because[Bandwidth] | Because[Compute], devices: Because[int], share: Because[Percent]
) -> tuple[float, str]:
    all_ = str(rate.value) if devices.value == 1 else f"{devices.value} x {rate.value}"
    return float(rate.value) * devices.value * float(share.value), f"{share.value} of {all_}"


@decision
def _prefill(shape: LlmShape, prompt: Because[int], multiplies: Because[float]) -> tuple[float, str]:
    """Two operations for each weight that a token passes through: 2 · parameters · prompt / rate."""
    active = shape.active_parameters if shape.active_parameters is not None else shape.parameters
    took = 2 * float(active.value) * prompt.value / multiplies.value
    return took, (
        f"2 x {counted(float(active.value))} x {prompt.value:,} tokens of prompt at {multiplies.reason} takes "
        f"{seconds(took)}"
    )


@decision
def _limit(
    inter_token: tuple[Because[Duration], ...],
    answer: tuple[Because[Duration], ...],
    prefill: Because[float],
    output: Because[int],
) -> tuple[float, str]:
    between = [(float(bound.value), f"{bound.value} between tokens are allowed") for bound in inter_token]
    whole = [
        (
            (float(bound.value) - prefill.value) / output.value,
            f"{bound.value} for the answer, less {seconds(prefill.value)} for the prompt, over {output.value:,} tokens",
        )
        for bound in answer
    ]
    return min(between + whole)


@decision
def _most(memory: Because[Memory], taken: DeviceMemory | None) -> tuple[int, str]:
    large = memory.value >= LARGE
    where = f"on devices {'from' if large else 'below'} {LARGE}"
    if taken is None:
        return SEQUENCES[large], f"an assumption {where}, as the runtime does not say it"
    return (taken.large_sequences if large else taken.sequences).value, f"the server's own limit {where}"


@decision
def _fast_enough(
    limit: Because[float], weights: Because[int], each: Because[int], reads: Because[float]
) -> tuple[int, str]:
    """The largest batch whose step stays within the limit."""
    found = max(0, math.floor((limit.value * reads.value - weights.value) / each.value))
    alone = (weights.value + each.value) / reads.value
    if found < 1:
        allowed = seconds(limit.value) if limit.value > 0 else "nothing"
        return 0, f"one sequence alone needs {seconds(alone)} a token, and {allowed} is left of {limit.reason}"
    return found, f"{found:,} so that a step takes at most {seconds(limit.value)} ({limit.reason})"


@decision
def _late(
    prefill: Because[float], first_token: tuple[Because[Duration], ...], fast: Because[int] | None
) -> tuple[str, str]:
    tightest = min((bound.value for bound in first_token), default=None)
    if tightest is not None and prefill.value > float(tightest):
        return f"{prefill.reason}, more than the {tightest} to the first token", "a bound that is missed"
    if fast is not None and fast.value < 1:
        return fast.reason, "a bound that is missed"
    return "", "no bound is missed by a request alone"


@decision
def _worked_on(fitting: Because[int], most: Because[int], fast: Because[int] | None) -> tuple[int, str]:
    by = f" ({most.reason})" if most.reason else ""
    said = [f"{fitting.value:,} sequences fit ({fitting.reason})", f"{most.value:,} are allowed{by}"]
    chosen = min(fitting.value, most.value)
    if fast is not None and fast.value < 1:
        said.append(f"{fast.reason}: the bound cannot be kept, and is left aside")
    elif fast is not None:
        chosen, said = min(chosen, fast.value), [*said, fast.reason]
    return max(1, chosen), f"{'; '.join(said)}: {max(1, chosen):,} at once"


@decision
def _step(
    sequences: Because[int], weights: Because[int], each: Because[int], reads: Because[float]
) -> tuple[float, str]:
    """(weights + sequences · cache of one) / rate."""
    read = weights.value + sequences.value * each.value
    took = read / reads.value
    return took, (
        f"{read / 1e9:.3g} GB of weights and cache at {reads.reason} takes {seconds(took)} for a step of "
        f"{sequences.value:,} sequences"
    )


@decision
def _busy(
    prefill: Because[float], step: Because[float], sequences: Because[int], output: Because[int]
) -> tuple[float, str]:
    """prefill + output · step / sequences: a step is shared by all sequences, a prompt is read for one."""
    writing = output.value * step.value / sequences.value
    took = prefill.value + writing
    bound = "prefill" if prefill.value > writing else "decode"
    return took, (
        f"prefill: {prefill.reason}; decode: {step.reason}, and {output.value:,} tokens x {seconds(step.value)} / "
        f"{sequences.value:,} = {seconds(writing)}; {seconds(took)} of a replica for each request, bound by {bound}"
    )


@decision
def _throughput(
    busy: Because[float],
    prefill: Because[float],
    sequences: Because[int],
    utilization: Because[Percent],
    rough: Because[float],
) -> tuple[Rate, str]:
    rate = float(utilization.value.amount) / busy.value
    bound = "reading prompts" if prefill.value > busy.value / 2 else "writing answers"
    return Rate(Decimal(f"{rate:.9f}")), (
        f"{sequences.value:,} sequences at once, {utilization.value} of the time: {number(rate)} requests/s of a "
        f"replica, bound by {bound}; rough: {number(rate / rough.value)} to {number(rate * rough.value)}, with every "
        f"answer as long as it may be; a `serviceTime` that was measured counts before the estimate"
    )


@decision
def _needed(
    rate: Because[Rate],
    busy: Because[float],
    throughput: Because[Rate],
    availability: Because[Percent] | None,
    care: Care,
) -> tuple[int, str]:
    """⌈λ · busy / 0.7⌉, at least 2; from 99.9 % availability on, one more than load asks for."""
    by_load = max(1, math.ceil(float(rate.value) * busy.value / care.busiest - 1e-9))
    spare = care.spares(availability)
    least = max(2, by_load + 1 if spare else 2)
    chosen = max(by_load, least)
    lost = f"{least} so that one can be {'lost' if spare else 'replaced'}"
    return chosen, (
        f"{busy.reason}; at {rate.value} {count(by_load, 'replica')} for {care.utilization.value} utilization; {lost}; "
        f"{throughput.reason}"
    )
