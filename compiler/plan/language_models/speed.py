"""How fast a language model is on its accelerators, estimated from their data sheets.

Prefill is compute-bound, and decode is memory-bound: each decode step reads all weights and the cache of every sequence
once, to generate one token per sequence (Pope et al., Efficiently Scaling Transformer Inference, arXiv:2211.05102,
section 2). An estimate from decode alone would be several times too high, because prefill runs on the same device.

The estimate is rough, and its reasons say so. A service time measured on one replica replaces it.
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
"""The memory from which on a device counts as large, so that a server allows more concurrent sequences by default."""

SEQUENCES = {False: 256, True: 1024}
"""The assumed concurrent sequences on a small and on a large device if the runtime's limit is unknown, as for vLLM."""


class Targets:
    """The latency bounds of a service, by kind."""

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
    """One language model on accelerators whose memory bandwidth and compute rate are known."""

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
        """The effective memory bandwidth of the devices, in bytes per second."""
        return _reached(self._bandwidth, self.fit.devices, self.planning.memory_efficiency)

    @cached_property
    def multiplies(self) -> Because[float]:
        """The effective compute rate of the devices, in operations per second."""
        return _reached(self._compute, self.fit.devices, self.planning.compute_efficiency)

    @cached_property
    def prefill(self) -> Because[float]:
        """The prefill time of a long prompt, in seconds."""
        return _prefill(self.fit.model.shape, self.fit.model.prompt, self.multiplies)

    @cached_property
    def usual_prefill(self) -> Because[float]:
        """The prefill time of a prompt of the mean length, in seconds."""
        return _prefill(self.fit.model.shape, self.fit.model.usual_prompt, self.multiplies)

    @cached_property
    def limit(self) -> Because[float] | None:
        """The maximum duration of a decode step, in seconds; None without a bound."""
        if not self.fit.model.generates.value or (not self.targets.inter_token and not self.targets.answer):
            return None
        return _limit(self.targets.inter_token, self.targets.answer, self.prefill, self.fit.model.output)

    @cached_property
    def sequences(self) -> Because[int]:
        """The concurrent sequences of a replica: as many as fit, are allowed, and are fast enough."""
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
        """The duration of a decode step, which generates one token per sequence, in seconds."""
        return _step(self.sequences, self.fit.model.weights, self.fit.each, self.reads)

    @cached_property
    def busy(self) -> Because[float]:
        """The replica time of one request, in seconds."""
        return _busy(self.usual_prefill, self.step, self.sequences, self.fit.model.usual_output)

    @cached_property
    def throughput(self) -> Because[Rate]:
        """The requests per second of one replica at the maximum utilization; the reason has the error range."""
        lengths, planning = self.fit.model.lengths, self.planning
        return _throughput(self.busy, self.usual_prefill, self.sequences, lengths, planning.utilization, planning.rough)

    @cached_property
    def in_flight(self) -> Because[float]:
        """The requests in flight on a replica at the planned throughput, which the autoscaler keeps."""
        model = self.fit.model
        return _in_flight(
            self.throughput,
            self.usual_prefill,
            self.sequences,
            model.usual_output,
            model.weights,
            self.fit.each,
            self.reads,
            self.planning.utilization,
        )

    @cached_property
    def late(self) -> Because[str]:
        """The bound that even a single request misses; empty if there is none."""
        if not self.fit.model.generates.value:
            return _late(self.prefill, self.targets.answer, "for the response", None)
        return _late(self.prefill, self.targets.first_token, "to the first token", self._fast)

    def needed(self, rate: Because[Rate], availability: Because[Percent] | None) -> Because[int]:
        """The replicas that sustain a rate."""
        return _needed(rate, self.busy, self.throughput, availability, care(self.planning))


@decision
def _reached(
    rate: Because[Bandwidth] | Because[Compute], devices: Because[int], share: Because[Percent]
) -> tuple[float, str]:
    all_ = str(rate.value) if devices.value == 1 else f"{devices.value} x {rate.value}"
    return float(rate.value) * devices.value * float(share.value), f"{share.value} of {all_}"


@decision
def _prefill(shape: LlmShape, prompt: Because[int], multiplies: Because[float]) -> tuple[float, str]:
    """Two operations per token for each weight that it uses: 2 · parameters · prompt / rate."""
    active = shape.active_parameters if shape.active_parameters is not None else shape.parameters
    took = 2 * float(active.value) * prompt.value / multiplies.value
    return took, (
        f"2 x {counted(float(active.value))} x {count(prompt.value, 'prompt token')} at {multiplies.reason} takes "
        f"{seconds(took)}"
    )


@decision
def _limit(
    inter_token: tuple[Because[Duration], ...],
    answer: tuple[Because[Duration], ...],
    prefill: Because[float],
    output: Because[int],
) -> tuple[float, str]:
    between = [(float(bound.value), f"the bound of {bound.value} between tokens") for bound in inter_token]
    whole = [
        (
            (float(bound.value) - prefill.value) / output.value,
            f"{bound.value} for the response minus {seconds(prefill.value)} of prefill, over {output.value:,} tokens",
        )
        for bound in answer
    ]
    return min(between + whole)


@decision
def _most(memory: Because[Memory], taken: DeviceMemory | None) -> tuple[int, str]:
    large = memory.value >= LARGE
    where = f"on devices {'with at least' if large else 'below'} {LARGE}"
    if taken is None:
        return SEQUENCES[large], f"an assumption {where}, because the runtime's limit is unknown"
    return (taken.large_sequences if large else taken.sequences).value, f"the runtime's default limit {where}"


@decision
def _fast_enough(
    limit: Because[float], weights: Because[int], each: Because[int], reads: Because[float]
) -> tuple[int, str]:
    """The largest batch whose decode step stays within the limit."""
    found = max(0, math.floor((limit.value * reads.value - weights.value) / each.value))
    alone = (weights.value + each.value) / reads.value
    if found < 1:
        allowed = f"only {seconds(limit.value)} is" if limit.value > 0 else "no time is"
        return 0, f"a single sequence needs {seconds(alone)} per token, but {allowed} left ({limit.reason})"
    return found, f"{found:,} for a step to take at most {seconds(limit.value)} ({limit.reason})"


@decision
def _late(
    prefill: Because[float], bounds: tuple[Because[Duration], ...], what: str, fast: Because[int] | None
) -> tuple[str, str]:
    tightest = min((bound.value for bound in bounds), default=None)
    if tightest is not None and prefill.value > float(tightest):
        return f"{prefill.reason}, more than the {tightest} {what}", "a bound that a single request misses"
    if fast is not None and fast.value < 1:
        return fast.reason, "a bound that a single request misses"
    return "", "a single request meets all bounds"


@decision
def _worked_on(fitting: Because[int], most: Because[int], fast: Because[int] | None) -> tuple[int, str]:
    by = f" ({most.reason})" if most.reason else ""
    said = [f"{fitting.value:,} fit in memory ({fitting.reason})", f"{most.value:,} allowed{by}"]
    chosen = min(fitting.value, most.value)
    if fast is not None and fast.value < 1:
        said.append(f"{fast.reason}: the bound cannot be met, and is ignored")
    elif fast is not None:
        chosen, said = min(chosen, fast.value), [*said, fast.reason]
    return max(1, chosen), f"{'; '.join(said)}: {count(max(1, chosen), 'concurrent sequence')}"


@decision
def _step(
    sequences: Because[int], weights: Because[int], each: Because[int], reads: Because[float]
) -> tuple[float, str]:
    """(weights + sequences · cache per sequence) / bandwidth."""
    read = weights.value + sequences.value * each.value
    took = read / reads.value
    return took, (
        f"reading {number(read / 1e9)} GB of weights and cache at {reads.reason} takes {seconds(took)} per step of "
        f"{count(sequences.value, 'sequence')}"
    )


@decision
def _busy(
    prefill: Because[float], step: Because[float], sequences: Because[int], output: Because[int]
) -> tuple[float, str]:
    """prefill + output · step / sequences: all sequences share a decode step, but each has its own prefill."""
    writing = output.value * step.value / sequences.value
    took = prefill.value + writing
    bound = "prefill" if prefill.value > writing else "decode"
    return took, (
        f"prefill: {prefill.reason}; decode: {step.reason}, and {output.value:,} tokens x {seconds(step.value)} / "
        f"{sequences.value:,} = {seconds(writing)}; {seconds(took)} of replica time per request, bound by {bound}"
    )


@decision
def _throughput(
    busy: Because[float],
    prefill: Because[float],
    sequences: Because[int],
    lengths: Because[str],
    utilization: Because[Percent],
    rough: Because[float],
) -> tuple[Rate, str]:
    rate = float(utilization.value.amount) / busy.value
    bound = "prefill" if prefill.value > busy.value / 2 else "decode"
    return Rate(Decimal(f"{rate:.9f}")), (
        f"{count(sequences.value, 'concurrent sequence')} at {utilization.value} utilization: {number(rate)} "
        f"requests/s per replica, bound by {bound}; a rough estimate ({number(rate / rough.value)} to "
        f"{number(rate * rough.value)}) for {lengths.value} of requests; set `serviceTime` to replace it with a "
        f"measurement"
    )


@decision
def _in_flight(
    throughput: Because[Rate],
    prefill: Because[float],
    sequences: Because[int],
    output: Because[int],
    weights: Because[int],
    each: Because[int],
    reads: Because[float],
    utilization: Because[Percent],
) -> tuple[float, str]:
    """n = λ · (prefill + output · step(n) / (1 - λ · prefill)), by Little's law: while a replica reads prompts, which
    takes the share λ · prefill of its time, no answer advances. A step takes (weights + n · cache) / bandwidth.
    """
    rate = float(throughput.value)
    writing = 1 - rate * prefill.value
    slower = rate * output.value * each.value / reads.value / writing if writing > 0 else 1.0
    most = float(utilization.value.amount) * sequences.value
    if slower >= 1:
        return round(most, 1), f"{utilization.value} of {count(sequences.value, 'concurrent sequence')}"
    alone = rate * (prefill.value + output.value * weights.value / reads.value / writing)
    found = max(1.0, alone / (1 - slower))
    if found >= most:
        return round(most, 1), f"{utilization.value} of {count(sequences.value, 'concurrent sequence')}"
    reading = number(100 * rate * prefill.value)
    return round(found, 1), f"in flight at {number(rate)} requests/s, when {reading}% of the time goes to prompts"


@decision
def _needed(
    rate: Because[Rate],
    busy: Because[float],
    throughput: Because[Rate],
    availability: Because[Percent] | None,
    care: Care,
) -> tuple[int, str]:
    """⌈λ · busy / utilization⌉, at least 2; plus a spare replica above an availability threshold."""
    by_load = max(1, math.ceil(float(rate.value) * busy.value / care.busiest - 1e-9))
    spare = care.spares(availability)
    least = max(2, by_load + 1 if spare else 2)
    chosen = max(by_load, least)
    lost = f"{least} so that one can be {'lost' if spare else 'replaced'}"
    return chosen, (
        f"{busy.reason}; at {rate.value}, {count(by_load, 'replica')} for {care.utilization.value} utilization; "
        f"{lost}; {throughput.reason}"
    )
