"""Hints for reuse: features that two systems or two views compute twice, and names that mean two things."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from .catalog import CatalogFeature, ReuseHint

__all__ = ["hints"]

SAME = (
    "Compute it once: keep it with one owner, and let the other models read that view. Two copies cost twice, and "
    "differ as soon as one of them is changed."
)
NAME = "Compare them before you reuse one: a reader cannot tell which is meant. If they should differ, rename one."
COLUMN = "If one of them is what you need, read it instead of a new one."


def hints(features: Sequence[CatalogFeature]) -> Iterator[ReuseHint]:
    """The same computation twice, then one name for several, then one column that several systems read."""
    told: set[frozenset[str]] = set()
    for same in _groups(features, _computation):
        told.add(_names(same))
        yield _hint("same", f"{same[0].computed} of `{same[0].location}`, by `{same[0].key}`", same, SAME)
    for named in _groups(features, lambda one: one.name):
        if _several_systems(named) and _names(named) not in told:
            told.add(_names(named))
            differ = [what for what, of in DIFFERENCES if len({of(one) for one in named}) > 1]
            yield _hint("name", f"the name `{named[0].name}`, but not the {' and the '.join(differ)}", named, NAME)
    for read in _groups(features, _column):
        if _several_systems(read) and _names(read) not in told:
            yield _hint("column", f"the column `{read[0].column}` of `{read[0].location}`", read, COLUMN)


DIFFERENCES: tuple[tuple[str, Callable[[CatalogFeature], Hashable]], ...] = (
    ("entity", lambda one: (one.entity, one.key)),
    ("type", lambda one: one.dtype),
    ("source", lambda one: _location(one) or (one.system, one.source)),
    ("computation", lambda one: one.computed),
    ("moment at which it is known", lambda one: one.available),
)
"""What features of one name can differ in. If they differed in none of it, they would be the same computation."""


def _location(one: CatalogFeature) -> str:
    return one.location.rstrip("/")


def _computation(one: CatalogFeature) -> Hashable:
    """What a value is computed from, and how. A source without a location could be any, so nothing equals it."""
    if not one.location or not one.key:
        return None
    return _location(one), one.key, one.column, one.aggregate, one.code, one.window


def _column(one: CatalogFeature) -> Hashable:
    return (_location(one), one.column) if one.location and one.column else None


def _groups(
    features: Iterable[CatalogFeature], by: Callable[[CatalogFeature], Hashable]
) -> Iterator[list[CatalogFeature]]:
    """The features that agree in something, if they are more than one, in the order of the first."""
    found: dict[Hashable, list[CatalogFeature]] = {}
    for one in features:
        if by(one) is not None:
            found.setdefault(by(one), []).append(one)
    yield from (group for group in found.values() if len(_names(group)) > 1)


def _names(group: Iterable[CatalogFeature]) -> frozenset[str]:
    return frozenset(one.path for one in group)


def _several_systems(group: Iterable[CatalogFeature]) -> bool:
    return len({one.system for one in group}) > 1


def _hint(kind: str, subject: str, group: Iterable[CatalogFeature], advice: str) -> ReuseHint:
    paths = tuple(dict.fromkeys(one.path for one in group))
    return ReuseHint(kind=kind, subject=subject, features=paths, advice=advice)
