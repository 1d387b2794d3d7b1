"""The ML Test Score as text, Markdown, and JSON: the score, the next steps, and each test with its proof."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from json import dumps
from textwrap import wrap
from typing import Any

from ...compiler.answer.score import Remedy, Score, ScoredTest, ScoreStep
from ...compiler.record import Record
from .markdown import table

__all__ = ["json", "markdown", "text"]

NOTE = (
    "A lower bound: a test earns 1 only if an object in the bundle runs it automatically, 0.5 for a run by hand "
    "with a dated record under `evidence`, and nothing for what the spec only declares."
)
MOST = 7
"""The tests of a section, and the highest score."""

AT = 13
"""The column of what follows the ID and the points of a test."""


def text(scores: Iterable[Score], width: int) -> str:
    """Scores for a terminal of that many columns."""
    return "\n".join(line for score in scores for line in _score(score, width))


def _score(score: Score, width: int) -> Iterator[str]:
    yield f"in {score.environment}:"
    yield ""
    yield from _hung("  score      ", f"{score.score:g} of {MOST}: {score.means}", width)
    yield from _hung("  sections   ", _sums(score), width)
    yield from _hung("  weakest    ", _weakest(score), width)
    if score.steps:
        yield from ("", "  Next steps")
    for number, step in enumerate(score.steps, 1):
        yield from _hung(f"    {number}. ", f"{step.test}: {_remedy(step.remedy)}. {_after(step)}", width)
    for section in score.sections:
        yield from ("", f"  {section.title}: {section.points:g} of {MOST}")
        for test in section.tests:
            yield from _test(test, width)
    yield from ("", *_hung("  ", NOTE, width), "")


def _test(test: ScoredTest, width: int) -> Iterator[str]:
    yield from _hung(f"    {test.id}  {test.points:<3g}  ", test.title, width)
    yield from _hung(" " * AT, test.why, width)
    yield from (f"{' ' * AT}{proof.object} in {proof.path}" for proof in test.proofs)
    for remedy in test.remedies:
        yield from _hung(f"{' ' * AT}for {remedy.points:g}: ", _remedy(remedy), width)


def _hung(head: str, content: str, width: int) -> list[str]:
    """A text behind a head, with the other lines below its first word."""
    return wrap(content, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)


def _sums(score: Score) -> str:
    return ", ".join(f"{section.title} {section.points:g}" for section in score.sections)


def _weakest(score: Score) -> str:
    return f"{' and '.join(section.title for section in score.weakest)}: the score is the minimum of the sections"


def _remedy(remedy: Remedy) -> str:
    return f"`{remedy.path}`: {remedy.text} ({remedy.effort})"


def _after(step: ScoreStep) -> str:
    return f"{step.section} becomes {step.points:g}, the score {step.score:g}"


def markdown(scores: Iterable[Score]) -> str:
    """Scores for a document or a pull request, with one table per section."""
    return "\n".join(line for score in scores for line in _markdown(score))


def _markdown(score: Score) -> Iterator[str]:
    yield from (f"# ML Test Score of {score.environment}: {score.score:g} of {MOST}", "")
    yield f"{score.means[0].upper()}{score.means[1:]}. {_sums(score)}. {NOTE}"
    if score.steps:
        yield from ("", "## Next steps", "")
        rows = [(step.test, _remedy(step.remedy), f"{step.points:g}", f"{step.score:g}") for step in score.steps]
        yield from table(("test", "step", "section", "score"), rows)
    for section in score.sections:
        yield from ("", f"## {section.title}: {section.points:g} of {MOST}", "")
        yield from table(("ID", "test", "points", "why", "proof", "to raise"), map(_row, section.tests))
    yield ""


def _row(test: ScoredTest) -> tuple[str, ...]:
    proofs = ", ".join(f"`{proof.object}` in `{proof.path}`" for proof in test.proofs)
    remedies = "; ".join(f"for {remedy.points:g}, {_remedy(remedy)}" for remedy in test.remedies)
    return test.id, test.title, f"{test.points:g}", test.why, proofs, remedies


def json(scores: Iterable[Score]) -> str:
    """Scores as one JSON document (schema/score.v1.schema.json); `version` increases when its structure changes."""
    return dumps({"version": 1, "environments": [_document(score) for score in scores]}, indent=2) + "\n"


def _document(score: Score) -> dict[str, Any]:
    return {**_plain(score), "weakest": [section.key for section in score.weakest]}


def _plain(value: Any) -> Any:
    """Records as mappings, and tuples as lists."""
    if isinstance(value, Record):
        return {name: _plain(getattr(value, name)) for name in value._fields}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
