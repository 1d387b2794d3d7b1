"""A language model whose service time was not measured: what a replica is, by the estimates of the plan."""

from __future__ import annotations

from ..plan.choose import seconds
from ..plan.service import ServicePlan
from .batching import Engine, Lengths

__all__ = ["Skipped", "engine"]

CHUNK = 2048
"""The tokens of prompts that a step reads at most, if the plan does not set it: the default of vLLM."""


class Skipped(Exception):  # noqa: N818 - not an error: the message says why a service is not simulated
    """A service that cannot be simulated."""


def engine(service: ServicePlan, startup: float, room: int | None, timeout: float) -> tuple[Engine, list[str]]:
    """A language model, by the estimates of the planner: how long a step and a prompt take, and what fits."""
    speed = service.hardware.speed if service.is_language_model else None
    if speed is None or not speed.fit.fits.value:
        raise Skipped("how long a request takes is unknown: set `serviceTime`")
    fit, model, work = speed.fit, speed.fit.model, speed.work
    reads, sequences = work.reads.value, speed.sequences.value
    cached = fit.each.value / max(1, model.mean_length.value)
    usual = max(1, model.usual_prompt.value)
    chunk = speed.chunk.value if speed.chunk is not None else CHUNK
    found = Engine(
        steps=tuple(work.step(n) - n * fit.each.value / reads for n in range(sequences + 1)),
        each=cached / reads,
        reading=work.reading(usual, model.shared.value, chunk) / usual,
        chunk=chunk,
        cache=max(1, int(fit.budget.value / cached)) if cached else 2**60,
        prompt=Lengths(mean=usual, most=max(usual, model.prompt.value)),
        output=Lengths(mean=model.usual_output.value, most=model.output.value),
        routing=service.queues.value,
        room=room,
        timeout=timeout,
        startup=startup,
    )
    return found, [
        (
            f"a step of {sequences} sequences takes {seconds(speed.step.value)}, and a prompt of {usual:,} tokens "
            f"{seconds(speed.prefill.value)}: the estimates of the plan"
        ),
        f"a step reads at most {chunk:,} tokens of prompts",
        "lengths are exponential with the mean of the spec, and cut at the largest"
        if model.usual_output.value < model.output.value
        else f"every prompt has {usual:,} tokens, and every response {model.output.value:,}",
    ]
