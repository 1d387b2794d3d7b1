"""A simulation of a server with continuous batching and chunked prompts, to compare the planner's formulas with.

In each iteration, the server adds one token to every running sequence, and reads waiting prompts, first come first
served, up to a number of tokens. It starts no more sequences than it is allowed to run.
"""

from __future__ import annotations

import math
import random
from collections import deque
from typing import NamedTuple

from mlspec.compiler.plan.language_models.work import Work


class Case(NamedTuple):
    """Requests of one kind, and the limits of the server."""

    prompt: int
    output: int
    chunk: int
    sequences: int
    rate: float


class Simulated(NamedTuple):
    """Times in seconds, of every request and between all tokens, sorted; and the mean number in flight."""

    answers: list[float]
    first_tokens: list[float]
    between: list[float]
    in_flight: float


class _Running:
    def __init__(self, arrived: float) -> None:
        self.arrived, self.read, self.written = arrived, 0, 0


def simulate(work: Work, case: Case, requests: int = 1500, seed: int = 1) -> Simulated:
    """Requests with exponential times between arrivals; the first and the last tenth are not counted."""
    dice = random.Random(seed)
    arrivals = deque[float]()
    now = 0.0
    for _ in range(requests):
        now += dice.expovariate(case.rate)
        arrivals.append(now)
    counted = arrivals[requests // 10], arrivals[-requests // 10]
    now, area, span = 0.0, 0.0, 0.0
    waiting, reading, running = deque[_Running](), deque[_Running](), list[_Running]()
    answers, first_tokens, between = list[float](), list[float](), list[float]()
    while arrivals or waiting or reading or running:
        if not (waiting or reading or running):
            span += arrivals[0] - now if counted[0] <= now <= counted[1] else 0.0
            now = arrivals[0]
        while arrivals and arrivals[0] <= now:
            waiting.append(_Running(arrivals.popleft()))
        while waiting and len(reading) + len(running) < case.sequences:
            reading.append(waiting.popleft())
        budget, took, done = case.chunk, 0.0, list[_Running]()
        while reading and budget:
            first = reading[0]
            size = min(budget, case.prompt - first.read)
            took += work.added(first.read + size, first.read)
            first.read, budget = first.read + size, budget - size
            if first.read == case.prompt:
                done.append(reading.popleft())
        took += work.step(len(running))
        if counted[0] <= now <= counted[1]:
            area, span = area + (len(waiting) + len(reading) + len(running) + len(done)) * took, span + took
            between.extend([took] * len(running))
        now += took
        for each in done:
            if counted[0] <= each.arrived <= counted[1]:
                first_tokens.append(now - each.arrived)
        for each in running:
            each.written += 1
            if each.written == case.output and counted[0] <= each.arrived <= counted[1]:
                answers.append(now - each.arrived)
        running = [each for each in running + done if each.written < case.output]
    return Simulated(sorted(answers), sorted(first_tokens), sorted(between), area / span)


def quantile(values: list[float], share: float) -> float:
    """A quantile of sorted values."""
    return values[min(len(values) - 1, math.ceil(share * len(values)) - 1)]
