"""Captured predictions of two environments in one folder.

The record of a prediction does not say which environment made it. So what reads a folder, which it does with everything
below it, would take the predictions of both for those of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..because import Because, Unavailable
from ..diagnostics import Diagnostic
from ..finding import Refusal, finding
from ..plan import Plan
from ..plan.serving.recording import capture_of

__all__ = ["shared_recordings"]


def shared_recordings(plans: Iterable[Plan]) -> Iterator[Diagnostic]:
    """One finding for each environment that records into the folder of one before it, above it, or below it."""
    known: dict[str, tuple[str, Because[str]]] = {}
    for plan in plans:
        to = _folder(plan)
        if to is None:
            continue
        own = _parts(to)
        same = [other for folder, other in known.items() if own.startswith(folder) or folder.startswith(own)]
        if same:
            yield _shared(plan.name, to, *same[0])
        known.setdefault(own, (plan.name, to))


def _folder(plan: Plan) -> Because[str] | None:
    """Where the predictions of an environment are recorded; None if they are not, or what is wrong is said already."""
    try:
        found = [capture_of(plan, service.part) for service in plan.online.values()]
        return next((capture.to for capture in found if capture is not None), None)
    except (Unavailable, Refusal):
        return None


def _parts(to: Because[str]) -> str:
    """The folder, with a slash at its end, so that `a/b` is below `a` and `ab` is not."""
    return f"{to.value.rstrip('/')}/"


def _shared(name: str, to: Because[str], other: str, there: Because[str]) -> Diagnostic:
    apart = f"{min(to.value, there.value, key=len).rstrip('/')}-{name}"
    both = there.value == to.value
    said = f"`{other}` and `{name}` both record their predictions in `{to.value}`"
    if not both:
        said = f"`{name}` records its predictions in `{to.value}`, and `{other}` in `{there.value}`"
    return finding(
        "MLS754",
        said,
        to,
        others=() if both else ((there, f"where `{other}` records"),),
        note="readers look into folders, and a record does not say which environment made it, so drift and quality "
        "would be those of a mixture",
        help=f"write `to: {apart}` under `monitoring.capture` of the environment `{name}`",
    ).but(environments=(other, name))
