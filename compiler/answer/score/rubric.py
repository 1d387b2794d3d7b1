"""The rubric of the ML Test Score, as the catalog has it: sections, tests, and the bands of scores."""

from __future__ import annotations

from functools import cache
from typing import Any

from ...catalog import load as catalog
from ...record import Record
from ...tree import Mapping, Node, Scalar, Sequence
from .seen import Effort

__all__ = ["Band", "Rubric", "RubricTest", "rubric"]


class RubricTest(Record):
    """One test of the rubric."""

    id: str
    section: str
    """The key of its section."""
    title: str
    by: str
    """`compiled` if an object that mlspec compiles can prove it, else `outside`."""
    proof: str
    """What earns the point."""
    lacks: str | None = None
    """What mlspec does not compile, so that no object earns the point; None if one does, or none could."""
    hand: str
    """What to run by hand for half a point."""
    effort: Effort
    """How long that takes."""


class Band(Record):
    """A range of scores, up to and including `most`, and what they mean."""

    most: float
    means: str


class Rubric(Record):
    """The whole rubric."""

    sections: dict[str, str]
    """The title of each section, by its key."""
    tests: tuple[RubricTest, ...]
    bands: tuple[Band, ...]
    """Lowest first. The last one ends at the highest score."""

    def means(self, score: float) -> str:
        """What a score from 0 to 7 means."""
        return next(band.means for band in self.bands if score <= band.most)


@cache
def rubric() -> Rubric:
    """The rubric in the catalog."""
    tree = catalog.rubric()
    bands = tree.entries["bands"]
    assert isinstance(bands, Sequence)
    return Rubric(
        sections=_texts(tree.entries["sections"]),
        tests=tuple(RubricTest(id=name, **_texts(entry)) for name, entry in _entries(tree.entries["tests"])),
        bands=tuple(Band(most=float(band["most"]), means=band["means"]) for band in map(_texts, bands.items)),
    )


def _entries(node: Node) -> list[tuple[str, Node]]:
    assert isinstance(node, Mapping)
    return list(node.entries.items())


def _texts(node: Node) -> dict[str, Any]:
    """The texts of a mapping; a word of a closed list is one, too."""
    return {key: child.text for key, child in _entries(node) if isinstance(child, Scalar)}
