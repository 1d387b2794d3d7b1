"""The score of one environment, as callers see it."""

from __future__ import annotations

from typing import Literal

from ...record import Record, one_line
from .seen import Effort, Proof

__all__ = ["Score", "ScoreStep", "ScoredSection", "ScoredTest", "Remedy"]


class Remedy(Record):
    """A way to raise the points of a test."""

    how: Literal["spec", "evidence"]
    """Whether to write a field that compiles to a proof, or to run the test by hand and record it."""
    path: str
    """The field to write."""
    text: str
    """What to do, as an imperative."""
    points: float
    """The points of the test afterward."""
    effort: Effort
    """How long it takes, in mlspec's judgment."""


class ScoredTest(Record):
    """One test of the rubric, and why it has its points."""

    id: str
    """Its name here: the section's letter and a number, such as `D1`."""
    title: str
    points: float
    """1 for a proof in the bundle, 0.5 for a dated record of a run by hand, else 0."""
    needs: str
    """What earns the point."""
    proofs: tuple[Proof, ...] = ()
    """The compiled objects that prove it."""
    why: str
    """What the proof shows, or why there is none."""
    remedies: tuple[Remedy, ...] = ()
    """What would raise its points; empty if it has all of them."""


class ScoredSection(Record):
    """A section of the rubric: seven tests, so seven points at most."""

    key: str
    title: str
    points: float
    tests: tuple[ScoredTest, ...]


class ScoreStep(Record):
    """One of the next steps, and the score after it and the steps before it."""

    test: str
    """The ID of the test that it raises."""
    remedy: Remedy
    section: str
    """The title of the section."""
    points: float
    """The points of the section afterward."""
    score: float
    """The score afterward."""


class Score(Record):
    """The ML Test Score of one environment, as a lower bound."""

    environment: str
    score: float
    """The points of the weakest section, from 0 to 7."""
    means: str
    """What the paper says about such a score."""
    sections: tuple[ScoredSection, ...]
    steps: tuple[ScoreStep, ...]
    """The next steps that raise the score, cheapest first."""

    @property
    def weakest(self) -> tuple[ScoredSection, ...]:
        """The sections that determine the score."""
        return tuple(section for section in self.sections if section.points == self.score)

    def __repr__(self) -> str:
        return one_line(self, f"{self.environment}: {self.score:g} of 7")
