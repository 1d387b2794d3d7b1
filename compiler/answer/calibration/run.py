"""Calibration: the fractions of an accelerator's data-sheet peak at which the planner's estimates match a benchmark.

The planner estimates, for a request among others on one replica (see `plan/language_models/queueing.py`):

    time between tokens = step(sequences, memory share) / (1 - rate · reading(compute share))
    time to the first token = rest of a step + wait for earlier prompts + reading(compute share) + step

The rate and the sequences are the benchmark's: by Little's law, as many responses are generated at once as tokens per
second times the time of each. Of `N` requests in flight at most, one sees `N - 1` others (the arrival theorem:
Stationary state probabilities at arrival instants, Journal of Applied Probability 17, 1980). Both times fall as either
share rises, so each is found by halving an interval, in turn until neither changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from ....schema.units import Percent
from ...because import Because, because
from ...plan.language_models.fit import Fit, LanguageModel
from ...plan.language_models.queueing import Load
from ...plan.language_models.speed import Speed, typical
from .benchmark import Benchmark

__all__ = ["COMPUTE", "LEAST", "MEMORY", "Pair", "Run", "replaced"]

Pair = tuple[float, float]
"""The share of the memory bandwidth and the share of the compute rate."""

MEMORY, COMPUTE = 0, 1

MOST = 10.0
LEAST = 0.001
"""The shares that are tried. Above 100%, they only say that the benchmark and the spec do not belong together."""

HALVINGS = 30
ROUNDS = 50
PRECISION = 1e-6

SOME = 1e-12
"""A rate at which no request waits for another one's prompt."""


class _Model(LanguageModel):
    """The same model with the requests of a benchmark, without any prompt in the prefix cache."""

    def __init__(self, model: LanguageModel, measured: Benchmark) -> None:
        super().__init__(model.shape, model)
        self.usual_prompt = because(measured.prompt, "the mean of the benchmark")
        self.usual_output = because(measured.output, "the mean of the benchmark")
        self.shared = because(0, "the prompts of a benchmark differ")


class Run:
    """The benchmark, as the planner estimates it with some shares."""

    def __init__(self, speed: Speed, measured: Benchmark) -> None:
        self.measured = measured
        self.given = speed.work
        self.fit = Fit(_Model(speed.fit.model, measured), speed.fit.memory, speed.fit.devices)
        self.chunk = speed.chunk.value if speed.chunk is not None else None

    @property
    def before(self) -> Pair:
        """The shares that the planner uses now."""
        return float(self.given.memory_share.value), float(self.given.compute_share.value)

    def load(self, shares: Pair) -> Load:
        """The replica during the benchmark, as one of its requests finds it."""
        measured, work = self.measured, self.given.at(self.fit, *map(_percent, shares))
        others = 1 - 1 / measured.together if measured.together is not None else 1.0
        most = measured.together if measured.together is not None else 2**20
        return Load(work, typical(work, self.chunk), measured.rate * others, most, measured.decoding * others)

    def between(self, shares: Pair) -> float:
        """The time between tokens."""
        load = self.load(shares)
        return load.step() / (1 - load.read) if load.read < 1 else math.inf

    def first_token(self, shares: Pair) -> float:
        """The time to the first token."""
        return self.load(shares).first_token()

    def waiting(self, shares: Pair) -> float:
        """How much of that is the wait for the prompts of others, as a share."""
        load = self.load(shares)
        return 1 - load._replace(rate=min(SOME, load.rate)).first_token() / load.first_token()

    def estimate(self, at: int, shares: Pair) -> float:
        """The time that decides a share: between tokens for that of the memory, to the first token for the other."""
        return self.between(shares) if at == MEMORY else self.first_token(shares)

    def loose(self, wanted: Mapping[int, float], at: int, shares: Pair) -> float:
        """How much a share changes, relative to the solution, if the time that decides it is 2% longer."""
        return abs(self.solved({**wanted, at: 1.02 * wanted[at]})[at] / shares[at] - 1)

    def solved(self, wanted: Mapping[int, float]) -> Pair:
        """The shares with which the wanted times are the measured ones, as far as shares between the limits can."""
        shares = self.before
        for _ in range(ROUNDS):
            last = shares
            for at, measured in wanted.items():
                shares = replaced(shares, at, self._halved(at, shares, measured))
            if all(abs(new - old) <= PRECISION * old for new, old in zip(shares, last, strict=True)):
                break
        return shares

    def _halved(self, at: int, shares: Pair, measured: float) -> float:
        low, high = LEAST, MOST
        for _ in range(HALVINGS):
            middle = math.sqrt(low * high)
            slow = self.estimate(at, replaced(shares, at, middle)) > measured
            low, high = (middle, high) if slow else (low, middle)
        return high


def replaced(shares: Pair, at: int, share: float) -> Pair:
    """A pair with one other share."""
    return (share, shares[COMPUTE]) if at == MEMORY else (shares[MEMORY], share)


def _percent(share: float) -> Because[Percent]:
    return because(Percent(Decimal(f"{share:.9g}")), "")
