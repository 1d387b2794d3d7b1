"""Accesses that are for another store than the URI that they are used with, wherever a spec pairs the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ..because import Unavailable
from ..diagnostics import Diagnostic
from ..finding import Refusal
from ..part import Part
from ..plan import Plan
from ..plan.stores import check_store, check_store_of

__all__ = ["mismatched_accesses"]

_ELSEWHERE = ("platform", "environments")
"""Sections that are not about this environment: the platform's own, and what other environments change."""


def mismatched_accesses(plan: Plan) -> Iterator[Diagnostic]:
    """A finding for each access that is not for its store. It repeats none that a target makes."""
    checks: list[Callable[[], None]] = [*_in_pairs(plan), partial(_of_the_monitor, plan)]
    for check in checks:
        try:
            check()
        except Unavailable:
            continue  # the mistake has been reported
        except Refusal as refused:
            yield refused.diagnostic.but(environments=(plan.name,))


def _in_pairs(plan: Plan) -> Iterator[Callable[[], None]]:
    """A check of each part that has a URI and an access."""
    for name in plan.system.fields:
        if name not in _ELSEWHERE:
            try:
                section = getattr(plan.system, name)
            except Unavailable:
                continue
            yield from (partial(check_store_of, plan, part) for part in _parts(section))


def _parts(thing: object) -> Iterator[Part]:
    """A part and all parts in it."""
    if isinstance(thing, Part):
        yield thing
        for leaf in thing.leaves():
            yield from _parts(leaf)
    elif isinstance(thing, (tuple, dict)):
        for item in thing.values() if isinstance(thing, dict) else thing:
            yield from _parts(item)


def _of_the_monitor(plan: Plan) -> None:
    """The accesses of the process that measures, which reads predictions, labels, and the reference itself."""
    own, measuring = plan.system.monitoring.access, plan.measuring
    if measuring is None:
        return
    labels = measuring.labels
    if own is None and labels is not None and labels.uri is not None and labels.access is not None:
        check_store(plan, labels.uri, labels.access)
    for uri in measuring.uris if own is not None else ():
        assert own is not None
        check_store(plan, uri, own)
