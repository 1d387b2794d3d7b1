"""How good the best trial of a search can be expected to be.

With n independent samples, the best is among the best share p of all configurations with probability 1 - (1 - p)^n: 60
samples find one of the best 5% with 95% (J. Bergstra and Y. Bengio, Random search for hyper-parameter optimization,
Journal of Machine Learning Research 13, 2012). An algorithm that learns from its trials does at least as well on
average. More trials help ever less, and cost the same.
"""

from __future__ import annotations

from ...because import Because, decision
from ...system import Tuning
from ..choose import count

__all__ = ["ENOUGH", "odds_of_the_best"]

BEST = 0.05
"""The share of configurations that counts as the best."""

ENOUGH = 59
"""The fewest samples that find one of the best 5% with a probability of 95%: ln 0.05 / ln 0.95 = 58.4."""


def odds_of_the_best(tuning: Tuning, *, exhaustive: Because[bool]) -> Because[float] | None:
    """The probability that a search finds one of the best 5% of configurations; None if it tries all of a grid."""
    return None if exhaustive.value else _odds(tuning.trials, exhaustive)


@decision
def _odds(trials: Because[int], _: Because[bool]) -> tuple[float, str]:
    found = 1 - (1 - BEST) ** trials.value
    more = f"; {ENOUGH} trials would reach 95%" if trials.value < ENOUGH else ""
    return found, f"1 - 0.95^{trials.value}: {count(trials.value, 'random sample')} of the search space{more}"
