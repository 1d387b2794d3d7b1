"""The ML Test Score of a system, as a lower bound (E. Breck et al., IEEE Big Data 2017).

The rubric has 28 tests in four sections, and the score is the minimum of the sections' sums. A test earns 1 only if the
bundle contains the object that runs it automatically, and 0.5 for a dated record of a run by hand. What a spec only
declares earns nothing. A test that does not apply to a system stays at 0, because the paper has no rule for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...pipeline import Environment
from . import ages, canaries, checks, gates, monitors
from .report import Remedy, Score, ScoredSection, ScoredTest, ScoreStep
from .rubric import RubricTest, rubric
from .seen import Effort, Evidence, Lacking, Objects, Proof, Seen, Shown, Trainer
from .steps import next_steps

__all__ = [
    "EVIDENCE",
    "Effort",
    "Proof",
    "Score",
    "ScoreStep",
    "ScoredSection",
    "ScoredTest",
    "Remedy",
    "score",
    "scored",
    "seen",
]

EVIDENCE: dict[str, Evidence] = {
    "D1": checks.expected,
    "M3": checks.searched,
    "M5": gates.baseline,
    "M6": gates.slices,
    "M7": gates.groups,
    "I4": gates.validated,
    "I6": canaries.canaried,
    "O2": monitors.invariants,
    "O4": ages.fresh,
    "O7": monitors.quality,
}
"""What looks for the proof of a test in a bundle, by the ID of the test."""

RECORDED = 0.5
"""The points of a test that was run by hand, with a documented result (section VI of the paper)."""


def score(environments: Iterable[Environment], today: str | None = None) -> list[Score]:
    """The score of each environment of a system without errors. The gate of training runs counts for all of them.

    A record that is dated after `today`, as in 2026-11-28, counts for nothing. Without it, dates are not checked.
    """
    compiled = tuple(environments)
    trainer = next((_trainer(one) for one in compiled if one.plan.training is not None), None)
    return [scored(seen(one, trainer), today) for one in compiled]


def _trainer(environment: Environment) -> Trainer:
    training = environment.plan.training
    assert training is not None
    return Trainer(model=training.model.value, objects=_objects(environment))


def seen(environment: Environment, trainer: Trainer | None) -> Seen:
    """One environment, with the one that trains."""
    return Seen(system=environment.system, plan=environment.plan, objects=_objects(environment), trainer=trainer)


def _objects(environment: Environment) -> Objects:
    return Objects.of(environment.name, environment.bundle.artifacts)


def scored(looked: Seen, today: str | None = None) -> Score:
    """The score of what was looked at."""
    known = rubric()
    tests = [(test.section, _test(test, looked, today)) for test in known.tests]
    sections = tuple(
        _section(key, title, [test for of, test in tests if of == key]) for key, title in known.sections.items()
    )
    least = min(section.points for section in sections)
    return Score(
        environment=looked.objects.environment,
        score=least,
        means=known.means(least),
        sections=sections,
        steps=next_steps(sections),
    )


def _section(key: str, title: str, tests: list[ScoredTest]) -> ScoredSection:
    return ScoredSection(key=key, title=title, points=sum(test.points for test in tests), tests=tuple(tests))


def _test(test: RubricTest, looked: Seen, today: str | None) -> ScoredTest:
    found = EVIDENCE[test.id](looked) if test.id in EVIDENCE else _unproven(test)
    made = ScoredTest(id=test.id, title=test.title, needs=test.proof, points=0.0, why=found.why)
    if isinstance(found, Shown):
        return made.but(points=1.0, proofs=found.proofs)
    recorded, said = _recorded(test, looked, today)
    points = RECORDED if recorded else 0.0
    why = f"{said}; {found.why}" if said else found.why
    return made.but(points=points, why=why, remedies=tuple(_remedies(test, found, points)))


def _unproven(test: RubricTest) -> Lacking:
    """Why no object could prove a test."""
    if test.lacks is not None:
        return Lacking(why=f"mlspec does not compile {test.lacks}")
    return Lacking(why=f"no object can prove it, only {test.proof}")


def _recorded(test: RubricTest, looked: Seen, today: str | None) -> tuple[bool, str]:
    """Whether a record of a run by hand counts, and what it says; nothing if there is none."""
    record = looked.system.evidence.get(test.id)
    if record is None:
        return False, ""
    date, where = record.date.value, record.url.value
    if record.digest is not None:
        where = f"{where} ({record.digest.value})"
    if today is not None and date > today:
        return False, f"the record at {where} is dated {date}, which is in the future"
    return True, f"run outside of mlspec on {date}: {where}"


def _remedies(test: RubricTest, found: Lacking, points: float) -> Iterator[Remedy]:
    if found.path:
        yield Remedy(how="spec", path=found.path, text=found.help, points=1.0, effort=found.effort)
    if points < RECORDED:
        path = f"evidence.{test.id}"
        yield Remedy(how="evidence", path=path, text=test.hand, points=RECORDED, effort=test.effort)
