"""How fast a language model is on its accelerators, and how many requests per second a replica sustains.

A replica sustains the highest rate at which it is not too busy and at which every bounded percentile holds. An estimate
from decode alone would be several times too high, because prompts are read on the same device.

The estimate is rough, and its reasons say so. A service time measured on one replica replaces it.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property

from ....schema.units import Memory, Percent, Rate
from ...because import Because, decision
from ...system import Accelerator, LlmShape, Planning
from ..choose import assumed, count, counted, number, seconds
from ..serving.capacity import Care, care
from .fit import Fit
from .limits import Chunk, Sustained, Targets, best, percentile, sustained
from .queueing import Request, alone, loaded
from .sequences import LARGE, allowed, concurrent, fast_enough, idle, missed, step_limit
from .work import Work

__all__ = ["Speed", "typical", "usual_chunk"]

CHUNKS = ((Memory.parse("160Gi"), 16384), (LARGE, 8192), (Memory.parse("0Gi"), 2048))
"""The tokens of prompts that a server processes per step, by the memory of a device, as for vLLM."""

LESS = "a100"
"""What the name of a device contains that counts as a small one for that (vllm/engine/arg_utils.py)."""

SMALLEST = 256
"""The smallest chunk that the planner tries: below it, a step with a chunk costs hardly less."""


class Speed:
    """One language model on accelerators whose memory bandwidth and compute rate are known."""

    def __init__(self, fit: Fit, device: Accelerator, targets: Targets, planning: Planning, *, chunks: bool) -> None:
        self.fit = fit
        self.targets = targets
        self.planning = planning
        self.work = Work(fit, device, planning)
        self._device = device
        self._chunks = chunks

    @cached_property
    def prefill(self) -> Because[float]:
        """The time to read a prompt of usual length, in seconds."""
        model = self.fit.model
        return _prefill(self.work, model.shape, model.usual_prompt, model.shared)

    @cached_property
    def limit(self) -> Because[float] | None:
        """The maximum duration of a decode step, in seconds; None without a bound."""
        if not self.fit.model.generates.value or not (self.targets.inter_token or self.targets.answer):
            return None
        return step_limit(self.targets, self.prefill, self.fit.model.usual_output)

    @cached_property
    def sequences(self) -> Because[int]:
        """The concurrent sequences of a replica: as many as fit, are allowed, and are fast enough."""
        batching = self.fit.model.part.batching
        most = batching.max_size if batching is not None else allowed(self.fit.memory, self.fit.taken)
        return concurrent(self.fit.sequences, most, self._fast, self._given)

    @cached_property
    def _fast(self) -> Because[int] | None:
        return fast_enough(self.limit, self.work) if self.limit is not None else None

    @cached_property
    def step(self) -> Because[float]:
        """The duration of a decode step, which generates one token per sequence, in seconds."""
        return _step(self.sequences, self.work)

    @cached_property
    def busy(self) -> Because[float]:
        """The replica time of one request, in seconds."""
        model = self.fit.model
        return _busy(
            self.work, self.prefill, self.step, self.sequences, model.usual_prompt, model.shared, model.usual_output
        )

    # The chunks of prompts, and the rate that a replica sustains

    @property
    def _given(self) -> Because[int] | None:
        llm = self.fit.model.part.llm
        return llm.prompt_chunk.given if llm is not None and self._chunks else None

    @cached_property
    def chunk(self) -> Because[int] | None:
        """How many tokens of prompts a step processes; None if the server does not split prompts."""
        if not self._chunks or not self.fit.model.generates.value:
            return None
        if self._given is not None:
            return self._given
        usual, why = usual_chunk(self._device, self.fit.memory.value)
        if not self.targets.inter_token:
            path = f"{self.fit.model.part.spec_path}.llm.promptChunk"
            return assumed(path, usual, why, self.fit.memory)
        tried = [usual]
        while tried[-1] // 2 >= max(SMALLEST, self.sequences.value):  # a step has room for one token per sequence
            tried.append(tried[-1] // 2)
        chunks = tuple(Chunk(tokens, typical(self.work, tokens)) for tokens in tried)
        return best(self.work, chunks, self.targets, self.sequences, self._utilized)

    @cached_property
    def request(self) -> Request:
        """A usual request."""
        return typical(self.work, self.chunk.value if self.chunk is not None else None)

    @cached_property
    def _utilized(self) -> Because[float]:
        return _utilized(self.busy, self.planning.utilization)

    @cached_property
    def sustained(self) -> Because[Sustained]:
        """The requests per second of one replica at which all bounds hold."""
        return sustained(self.work, self.request, self.targets, self.sequences, self._utilized, self.busy, self.chunk)

    @property
    def rough(self) -> Because[float]:
        """The error factor of the estimates."""
        return self.planning.rough_mixture if self.work.mixes else self.planning.rough

    def idle(self, sequences: int, prompt: int, output: int) -> float:
        """The time of a request among so many sequences, if no other prompt interrupts it, in seconds."""
        return self.work.prompt(prompt) + output * self.work.step(sequences)

    def percentile(self, kind: str, name: str, rate: float | None) -> float:
        """A percentile of the response or of the first token on a replica at some rate, or on an idle one, in seconds.
        Infinite if the replica is overloaded.
        """
        if rate is None:
            return percentile(alone(self.work, self.request), kind, name)
        load = loaded(self.work, self.request, rate, self.sequences.value)
        return percentile(load, kind, name) if load is not None else math.inf

    @cached_property
    def throughput(self) -> Because[Rate]:
        """The requests per second that one replica sustains; the reason has the error range."""
        return _throughput(self.sustained, self.sequences, self.fit.model.lengths, self.rough)

    @cached_property
    def in_flight(self) -> Because[float]:
        """The requests in flight on a replica at the planned throughput, which the autoscaler keeps."""
        return _in_flight(self.work, self.request, self.throughput, self.sequences, self.planning.utilization)

    @cached_property
    def late(self) -> Because[str]:
        """The bound that even a single request misses, or that holds only while a replica is idle; empty if there is
        none.
        """
        single = missed(self.work, self.request, self.targets, self.prefill, self._fast)
        return single if single.value else idle(self.sustained)

    def needed(self, rate: Because[Rate], availability: Because[Percent] | None) -> Because[int]:
        """The replicas that sustain a rate."""
        return _needed(rate, self.sustained, self.throughput, availability, care(self.planning))


def usual_chunk(device: Accelerator, memory: Memory) -> tuple[int, str]:
    """The tokens of prompts per step unless the spec limits them, and why."""
    if LESS in device.spec_path:
        return CHUNKS[-1][1], "the server's default for an A100"
    return next(tokens for least, tokens in CHUNKS if memory >= least), "the server's default for this much memory"


def typical(work: Work, chunk: int | None) -> Request:
    """A request of usual lengths whose prompt is read in chunks; None if the server does not split prompts."""
    model = work.fit.model
    prompt, known, output = model.usual_prompt.value, model.shared.value, model.usual_output.value
    size = prompt - known if chunk is None else min(chunk, prompt - known)
    if not output:
        return Request(work.prompt(prompt, known), 0, 0, 0.0, 1.0)
    steps = math.ceil((prompt - known) / size)
    together = 1.0 if chunk is None else chunk / (prompt - known)
    return Request(work.reading(prompt, known, chunk), steps, output, work.added(prompt, prompt - size), together)


@decision
def _prefill(work: Work, shape: LlmShape, prompt: Because[int], shared: Because[int]) -> tuple[float, str]:
    """2 · parameters · prompt + 2 · layers · heads · width · prompt², over the compute rate; and the exchanges."""
    active = shape.active_parameters if shape.active_parameters is not None else shape.parameters
    took, new = work.prompt(prompt.value, shared.value), prompt.value - shared.value
    without = f" (without {shared.reason})" if shared.value else ""
    sent = work.exchanges(new)
    exchanged = f", including {seconds(sent)} for the exchange between devices" if sent else ""
    return took, (
        f"2 x {counted(float(active.value))} x {count(new, 'prompt token')}{without} and attention at "
        f"{work.multiplies.reason} takes {seconds(took)}{exchanged}"
    )


@decision
def _step(sequences: Because[int], work: Work) -> tuple[float, str]:
    took = work.step(sequences.value)
    read = work.read(sequences.value) + sequences.value * work.fit.each.value
    sent = work.exchanges(sequences.value)
    exchanged = f", and {seconds(sent)} for the exchange between devices," if sent else ""
    return took, (
        f"reading {number(read / 1e9)} GB of weights and cache at {work.reads.reason}, and {seconds(work.floor)} for "
        f"{count(work.shape.layers.value, 'layer')}{exchanged} takes {seconds(took)} per step of "
        f"{count(sequences.value, 'sequence')}"
    )


@decision
def _busy(
    work: Work,
    prefill: Because[float],
    step: Because[float],
    sequences: Because[int],
    prompt: Because[int],
    shared: Because[int],
    output: Because[int],
) -> tuple[float, str]:
    """prefill + output · step / sequences: all sequences share a decode step, but each has its own prefill, which adds
    to such a step. Without output, prompts are read one by one.
    """
    reading = work.added(prompt.value, shared.value) if output.value else prefill.value
    writing = output.value * step.value / sequences.value
    took = reading + writing
    bound = "prefill" if reading > writing else "decode"
    joined = f", or {seconds(reading)} next to decode" if seconds(reading) != seconds(prefill.value) else ""
    return took, (
        f"prefill: {prefill.reason}{joined}; decode: {step.reason}, and {output.value:,} tokens x "
        f"{seconds(step.value)} / {sequences.value:,} = {seconds(writing)}; {seconds(took)} of replica time per "
        f"request, bound by {bound}"
    )


@decision
def _utilized(busy: Because[float], utilization: Because[Percent]) -> tuple[float, str]:
    rate = float(utilization.value.amount) / busy.value
    return rate, f"{number(rate)} requests/s at {utilization.value} utilization"


@decision
def _throughput(
    found: Because[Sustained], sequences: Because[int], lengths: Because[str], rough: Because[float]
) -> tuple[Rate, str]:
    rate = found.value.rate
    return Rate(Decimal(f"{rate:.9f}")), (
        f"{count(sequences.value, 'concurrent sequence')}: {number(rate)} requests/s per replica, {found.reason}; a "
        f"rough estimate ({number(rate / rough.value)} to {number(rate * rough.value)}) for {lengths.value} of "
        f"requests; set `serviceTime` to replace it with a measurement"
    )


@decision
def _in_flight(
    work: Work, request: Request, throughput: Because[Rate], sequences: Because[int], utilization: Because[Percent]
) -> tuple[float, str]:
    """By Little's law, the requests that a replica has at the rate that it sustains."""
    rate, most = float(throughput.value), float(utilization.value.amount) * sequences.value
    load = loaded(work, request, rate, sequences.value)
    if load is None or load.in_flight >= most:
        return round(most, 1), f"{utilization.value} of {count(sequences.value, 'concurrent sequence')}"
    reading = number(100 * load.read)
    found = round(max(1.0, load.in_flight), 1)
    return found, f"in flight at {number(rate)} requests/s, when {reading}% of the time goes to prompts"


@decision
def _needed(
    rate: Because[Rate],
    found: Because[Sustained],
    throughput: Because[Rate],
    availability: Because[Percent] | None,
    care: Care,
) -> tuple[int, str]:
    """⌈λ / the rate of a replica⌉, at least 2; plus a spare replica above an availability threshold."""
    by_load = max(1, math.ceil(float(rate.value) / found.value.rate - 1e-9))
    spare = care.spares(availability)
    least = max(2, by_load + 1 if spare else 2)
    chosen = max(by_load, least)
    lost = f"{least} so that one can be {'lost' if spare else 'replaced'}"
    return chosen, f"at {rate.value}, {count(by_load, 'replica')}; {lost}; {throughput.reason}"
