"""The next steps: what raises the score with the least effort.

The score is the minimum of the sections, so only a step in a weakest section brings it closer to rising. Each step is
the one with the least effort there, and the next one starts from the points that it adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .report import Remedy, ScoredSection, ScoredTest, ScoreStep

__all__ = ["next_steps"]

MOST = 3

EFFORTS = ("minutes", "hours", "days")
"""From the least."""


def next_steps(sections: Iterable[ScoredSection]) -> tuple[ScoreStep, ...]:
    """At most three steps; fewer if nothing more raises a weakest section."""
    return tuple(_steps({section.title: list(section.tests) for section in sections}))


def _steps(tests: dict[str, list[ScoredTest]]) -> Iterator[ScoreStep]:
    for _ in range(MOST):
        sums = {title: _sum(some) for title, some in tests.items()}
        lowest = min(sums.values())
        choices = [
            (title, test, remedy)
            for title, some in tests.items()
            if sums[title] == lowest
            for test in some
            for remedy in test.remedies
            if remedy.points > test.points
        ]
        if not choices:
            return
        title, test, remedy = min(choices, key=lambda choice: _cost(choice[1], choice[2]))
        tests[title] = [one.but(points=remedy.points) if one is test else one for one in tests[title]]
        after = {name: _sum(some) for name, some in tests.items()}
        yield ScoreStep(test=test.id, remedy=remedy, section=title, points=after[title], score=min(after.values()))


def _sum(tests: Iterable[ScoredTest]) -> float:
    return sum(test.points for test in tests)


def _cost(test: ScoredTest, remedy: Remedy) -> tuple[int, float]:
    """The effort, then the points that are gained, most first. The order of the rubric breaks ties."""
    return EFFORTS.index(remedy.effort), test.points - remedy.points
