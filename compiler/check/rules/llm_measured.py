"""The rule on what was measured of a language model: its accelerators must be able to reach it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count, number, percentiles, seconds
from ...plan.service import ServicePlan
from ...plan.serving.identity import OF_TOKENS
from ...system import MLSystem, ServiceTime
from ..lint import rule

if TYPE_CHECKING:
    from ...plan.language_models.speed import Speed

__all__ = ["faster_than_its_accelerators"]

SHORTER = 30
"""How many times shorter than the largest lengths requests may be on average, where the spec does not say."""


@rule(
    "MLS424",
    "warning",
    "services.*.serviceTime",
    "services.*.llm.tokens",
    "services.*.llm.retrieval",
    "constraints.firstToken",
    "constraints.interToken",
    "services.*.constraints.firstToken",
    "services.*.constraints.interToken",
    "models.*.llm.family",
    "models.*.llm.shape",
    "models.*.llm.window",
)
def faster_than_its_accelerators(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Measurement or bound of a language model that its accelerators cannot reach.

    Why: replicas and cost follow from the measured service time. If it is from shorter answers, another accelerator, or
    fewer requests in flight than `at` says, there are too few replicas. A bound on tokens below the estimate burns the
    error budget from the first day, and a measured service time says nothing about tokens.

    Bad:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        serving:
          runtime: vllm
          serviceTime: {mean: 500ms, at: 32}
          resources: {accelerator: {type: l4}}
          llm:
            tokens: {context: 8192, prompt: 2000, output: 512}
    Good:
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        serving:
          runtime: vllm
          serviceTime: {mean: 50s, at: 32}
          resources: {accelerator: {type: l4}}
          llm:
            tokens: {context: 8192, prompt: 2000, output: 512}
    """
    for service in plan.online.values():
        time, speed = service.part.service_time, service.hardware.speed if service.is_language_model else None
        if time is None or speed is None or not speed.fit.fits.value or not service.generates.value:
            continue
        if service.part.llm is None or service.part.llm.tokens is None:
            continue  # the lengths are guesses
        yield from _too_fast(speed, time)
        yield from _below_the_estimate(service, speed, time)


def _too_fast(speed: Speed, time: ServiceTime) -> Iterator[Diagnostic]:
    model = speed.fit.model
    usual = 1 if model.says_usual else SHORTER
    prompt, output = max(1, model.usual_prompt.value // usual), max(1, model.usual_output.value // usual)
    expected = speed.idle(time.at.value, prompt, output)
    if float(time.mean.value) * speed.rough.value >= expected:
        return
    yield finding(
        "MLS424",
        f"a service time of {time.mean.value} with {count(time.at.value, 'request')} in flight is "
        f"{number(expected / float(time.mean.value))} times as fast as the accelerators should be",
        time.mean,
        others=((time.at, "requests in flight"),),
        note=f"{count(prompt, 'prompt token')} and {output:,} steps with {count(time.at.value, 'sequence')} take "
        f"{seconds(expected)}, as data sheets suggest{_tenth(usual)}; the plan counts on the measurement",
        help="measure again with prompts and answers as long as `llm.tokens` says, or write `llm.tokens.usual` if they "
        "are usually shorter",
    )


def _tenth(usual: int) -> str:
    return "" if usual == 1 else f", even if requests have a {SHORTER}th of the lengths that `llm.tokens` allows"


def _below_the_estimate(service: ServicePlan, speed: Speed, time: ServiceTime) -> Iterator[Diagnostic]:
    model = speed.fit.model
    prompt = model.usual_prompt.value if model.says_usual else max(1, model.usual_prompt.value // SHORTER)
    least = {"first_token": speed.work.prompt(prompt), "inter_token": speed.work.step(1)}
    for kind in OF_TOKENS:
        for name, bound in percentiles(service.bounds(kind)).items():
            if float(bound.value) * speed.rough.value < least[kind]:
                what = f"to read {count(prompt, 'token')}" if kind == "first_token" else "for a step of one sequence"
                yield finding(
                    "MLS424",
                    f"the {name} bound is {bound.value}, but a single request needs {seconds(least[kind])} {what}",
                    bound,
                    others=((time.mean, "the service time, which says nothing about tokens"),),
                    note="data sheets suggest that time; the alert on the bound would fire from the first day",
                    help="use a faster accelerator or more of them, allow more time, or limit `llm.tokens`",
                )
