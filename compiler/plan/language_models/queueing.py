"""How long requests to a language model take when others are served by the same replica.

A server with continuous batching (Yu et al., Orca, OSDI 2022) generates one token for all its sequences per step. While
it reads a prompt, no answer advances (Agrawal et al., Sarathi-Serve, arXiv:2403.02310, section 3). With λ arrivals per
second and a reading time of p, prompts take the share r = λ · p of the time, and steps the rest. So the number in flight
n and the mean time T of a request solve n = λ · T (Little's law) and

    T = p' + r' · p' / 2 / (1 - r') + output · step(n) / (1 - r).

Each chunk of a prompt shares a step with the answers, so p' = p + chunks · step(n) and r' = λ · p'. The second term is
the wait for earlier prompts (M/D/1). At a quantile with z standard deviations, n + z · √n sequences are in flight, and
k + z · √k prompts interrupt an answer that takes D, with k = λ · D.

tests/test_batching.py compares it with a simulation.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .work import Work

__all__ = ["BUSIEST", "MARGIN", "Load", "Request", "alone", "loaded"]

BUSIEST = 0.97
"""The share of time for prompts from which on a replica counts as overloaded."""

MARGIN = 1.2
"""By how much the part of a percentile that is due to other requests is increased: simulations reach that."""

ROUNDS = 100
PRECISION = 1e-4


class Request(NamedTuple):
    """A typical request: times in seconds."""

    reading: float
    """The time to read its prompt, without decode steps."""
    chunks: int
    """The number of steps that read a part of its prompt."""
    output: int
    last: float
    """What the most expensive chunk adds to a step."""


class Load(NamedTuple):
    """A replica at some rate of arrivals."""

    work: Work
    request: Request
    rate: float
    sequences: int
    in_flight: float

    @property
    def read(self) -> float:
        """The share of time that goes to prompts."""
        return self.rate * self.request.reading

    def running(self, z: float = 0.0) -> float:
        """The sequences in flight at a quantile, without the limit of the server."""
        return self.in_flight + z * math.sqrt(self.in_flight)

    def step(self, z: float = 0.0) -> float:
        """The duration of a decode step."""
        return self.work.step(min(max(1.0, self.running(z)), self.sequences))

    def first_token(self, z: float = 0.0) -> float:
        """The time to the first token: the wait for earlier prompts, and the prompt itself."""
        each = self.request.reading + self.request.chunks * self.step(z)
        busy = self.rate * each
        if busy >= BUSIEST:
            return math.inf
        return each + (busy * each / 2 + z * each * math.sqrt(busy)) / (1 - busy)

    def answer(self, z: float = 0.0) -> float:
        """The time to the complete response. D = output · step + (k + z · √k) · p with k = λ · D is solved for √D."""
        if not self.request.output:
            return self.first_token(z)
        if self.read >= BUSIEST:
            return math.inf
        interrupted = z * self.request.reading * math.sqrt(self.rate)
        left = 1 - self.read
        steps = self.request.output * self.step(z)
        root = (interrupted + math.sqrt(interrupted**2 + 4 * left * steps)) / (2 * left)
        return self.first_token(z) + root**2

    def between(self, quantile: float, z: float) -> float:
        """The time between two tokens: a step, and a chunk of a prompt if that many steps have one."""
        if self.read >= BUSIEST:
            return math.inf
        step = self.step(z)
        with_chunk = self.rate * self.request.chunks
        alone = max(0.0, 1 - self.read - with_chunk * step) / step
        return step + (self.request.last if with_chunk > (1 - quantile) * (with_chunk + alone) else 0.0)


def alone(work: Work, request: Request) -> Load:
    """A replica with a single request."""
    return Load(work, request, 0.0, 1, 1.0)


def loaded(work: Work, request: Request, rate: float, sequences: int) -> Load | None:
    """A replica at some rate; None if it is overloaded.

    The iteration starts from an idle replica, so that it finds the least solution.
    """
    found = 0.0
    for _ in range(ROUNDS):
        load = Load(work, request, rate, sequences, found)
        time = load.answer()
        last, found = found, rate * time
        if not found <= sequences:
            return None
        if found - last <= PRECISION * found:
            break
    return Load(work, request, rate, sequences, found)
