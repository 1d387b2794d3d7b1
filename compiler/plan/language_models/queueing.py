"""How long requests to a language model take when others are served by the same replica.

A server with continuous batching (Yu et al., Orca, OSDI 2022) generates one token for all its sequences per step. While
it reads a prompt, no answer advances (Agrawal et al., Sarathi-Serve, arXiv:2403.02310, section 3). With λ arrivals per
second and a reading time of p, prompts take the share r = λ · p of the time, and steps take the rest. So the number in
flight n and the mean time T of a request solve n = λ · T (Little's law) and

    T = F + D,  F = p' + r' · p' / 2 / (1 - r'),  D = output · step(n + 1) + λ · T · p.

A request shares its steps with the n that it finds on arrival (R. Wolff, Poisson arrivals see time averages, 1982). As
each chunk of a prompt shares a step with the answers, p' = p + chunks · step, and r' = λ · p'. The second term of the
time F to the first token is the wait for earlier prompts (M/D/1). Prompts are read in the order of their arrival, so
all that arrive after a request, even while it waits, are read while its answer is written. A step reads one chunk, so
an answer is interrupted at most once per token.

At a quantile with z standard deviations, n + z · √n sequences are in flight, and k + z · √k prompts interrupt an
answer, with k = λ · T. The share of tokens that wait for a chunk is chunks · λ · T / output.

tests/test_batching.py compares it with a simulation, for prompts of 1,000 to 24,000 tokens and answers of 16 to 1,500:
the mean is 0.77 to 1.5 times the simulated one, the 90th to 99th percentiles 0.9 to 2 times, and the share of tokens
that wait 0.7 to 2.2 times. All are high where answers are a few tokens, and low where a prompt takes seconds.
"""

from __future__ import annotations

import itertools
import math

from ...row import Row
from .work import Work

__all__ = ["BUSIEST", "MARGIN", "LONG", "Load", "Request", "alone", "loaded", "margin"]

BUSIEST = 0.97
"""The share of time for prompts from which on a replica counts as overloaded."""

MARGIN = 1.15
"""The factor on the part of a percentile that is due to other requests: simulations reach that."""

MARGINS = ((0.0, MARGIN), (0.1, 1.5), (0.4, 1.5), (0.75, 1.0))
"""That factor for the whole response, by the share of its prompt in a single one, with straight lines between them. A
few long prompts at once make many answers slow. Where answers are a few tokens, most of them wait for prompts anyway.
"""

LONG = 0.05
"""The share of a single response from which on a prompt is long, so that percentiles are rougher."""

ROUNDS = 100
PRECISION = 1e-4


class Request(Row):
    """A typical request: times in seconds."""

    reading: float
    """The time to read its prompt, without decode steps."""
    chunks: int
    """The number of steps that read a part of its prompt."""
    output: int
    last: float
    """What the most expensive chunk adds to a step."""
    together: float
    """How many prompts one step has room for: below 1 if a prompt takes several."""


class Load(Row):
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

    def queued(self, z: float = 0.0) -> float:
        """The share of time in which some prompt is being read, with its part of the steps that it shares."""
        return self.rate * self._each(self.step(z))

    def _each(self, step: float) -> float:
        request = self.request
        return request.reading + (step / request.together if request.chunks else 0.0)

    def running(self, z: float = 0.0) -> float:
        """The sequences in flight at a quantile, without the limit of the server."""
        return self.in_flight + z * math.sqrt(self.in_flight)

    def step(self, z: float = 0.0) -> float:
        """The duration of a decode step, for a request that is in flight in addition to those of an average moment."""
        return self.work.step(min(1 + self.running(z), self.sequences))

    def first_token(self, z: float = 0.0) -> float:
        """The time to the first token: the rest of a step, the wait for earlier prompts, and the prompt itself.

        Prompts that wait share the steps in which they are read.
        """
        return self._first_token(self.step(z), z)

    def _first_token(self, step: float, z: float) -> float:
        request = self.request
        own = request.reading + request.chunks * step
        each = self._each(step)
        busy = self.rate * each
        if busy >= BUSIEST:
            return math.inf
        rest = step / 2 * min(1.0, self.in_flight) if request.chunks and self.rate else 0.0
        return rest + own + (busy * each / 2 + z * each * math.sqrt(busy)) / (1 - busy)

    def answer(self, z: float = 0.0) -> float:
        """The time to the complete response."""
        if not self.request.output:
            return self.first_token(z)
        if self.read >= BUSIEST:
            return math.inf
        step, first = self.step(z), self.first_token()
        return self._first_token(step, z) + self._written(step, first, z) if first < math.inf else math.inf

    def _written(self, step: float, first: float, z: float) -> float:
        """D = output · step + (k + z · √k) · p with k = λ · (F + D), solved for √(F + D); at most with a chunk, or with
        as many prompts as one has room for, in every step.
        """
        request = self.request
        interrupted = z * request.reading * math.sqrt(self.rate)
        left, steps = 1 - self.read, request.output * step
        root = (interrupted + math.sqrt(interrupted**2 + 4 * left * (steps + first))) / (2 * left)
        room = max(1 / request.chunks, math.floor(request.together))
        return min(root**2 - first, steps + request.output * room * request.reading)

    @property
    def interrupted(self) -> float:
        """The share of an answer's tokens that wait for a part of a prompt, from 0 to 1."""
        return min(1.0, self.request.chunks * self.rate * self.answer() / self.request.output)

    def between(self, quantile: float, z: float) -> float:
        """The time between two tokens: a step, and as many prompts or chunks as at least 1 - `quantile` of steps have.

        Each prompt has its own step, but those that arrive during a step are read together in the next.
        """
        if self.read >= BUSIEST:
            return math.inf
        step, request, share, prompts = self.step(z), self.request, self.interrupted, 0
        mean, more, term = self.rate * (step + request.last), 1.0, math.exp(-self.rate * (step + request.last))
        while prompts < max(1, math.floor(request.together)) and share * more > 1 - quantile:
            prompts, more = prompts + 1, more - term  # at least one more arrives, by a Poisson distribution
            term *= mean / prompts
        return step + prompts * request.last


def margin(single: Load) -> float:
    """The margin for percentiles of the response, by the share of its prompt."""
    share = single.request.reading / single.answer()
    for (low, first), (high, last) in itertools.pairwise(MARGINS):
        if share <= high:
            return first + (last - first) * (share - low) / (high - low)
    return MARGINS[-1][1]


def alone(work: Work, request: Request) -> Load:
    """A replica with a single request."""
    return Load(work, request, 0.0, 1, 0.0)


def loaded(work: Work, request: Request, rate: float, sequences: int) -> Load | None:
    """A replica at some rate; None if it is overloaded.

    The iteration starts from an idle replica, so that it finds the least solution.
    """
    load = Load(work, request, rate, sequences, 0.0)
    for _ in range(ROUNDS):
        found = rate * load.answer()
        if not found <= sequences:  # also if it is infinite
            return None
        last, load = load.in_flight, Load(work, request, rate, sequences, found)
        if found - last <= PRECISION * found:
            return load
    return None
