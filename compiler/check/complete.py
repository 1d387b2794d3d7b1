"""Complete: output that lacks a part always has an error, because writing it would delete what is missing.

Every stage skips what depends on a mistake. That is safe only as long as the mistake is an error. Two things could
break it: a comment or a policy that turns off the error, and a fault of mlspec that reports none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..diagnostics import Diagnostic, Span
from ..record import Record
from ..tree import Mapping

__all__ = ["Lacking", "incomplete"]

_WHY = "GitOps tools delete from the cluster what disappears from the output, so an incomplete output is not written"


class Lacking(Record):
    """What one environment lacks."""

    environment: str
    left_out: tuple[str, ...]
    """What was skipped because it needs a missing value, or was refused."""
    refused: tuple[Diagnostic, ...]
    """The findings of what was refused, before comments and policies applied."""


def incomplete(lacking: Iterable[Lacking], judged: Sequence[Diagnostic], spec: Mapping) -> Iterator[Diagnostic]:
    """An error for each environment that lacks a part although nothing that is `judged` says so."""
    errors = {(one.id, one.span.place) for one in judged if one.severity == "error"}
    for one in lacking:
        off = next((refused for refused in one.refused if (refused.id, refused.span.place) not in errors), None)
        if off is not None:
            yield _turned_off(one.environment, off)
        elif one.left_out and not errors:
            yield _fault(one, spec)


def _turned_off(environment: str, off: Diagnostic) -> Diagnostic:
    return Diagnostic(
        id="MLS037",
        severity="error",
        message=f"the output for `{environment}` is incomplete: it lacks what {off.id} refuses",
        span=off.span,
        label=f"{off.id} is turned off",
        note=_WHY,
        help=f"fix what {off.id} reports; a comment or the platform turns off the finding, but not what it prevents",
        environments=(environment,),
    )


def _fault(lacking: Lacking, spec: Mapping) -> Diagnostic:
    key = next(iter(spec.keys.values()), None)
    return Diagnostic(
        id="MLS037",
        severity="error",
        message=f"the output for `{lacking.environment}` is incomplete: it lacks {lacking.left_out[0]}",
        span=key.span if key is not None else Span(spec.file, 0, 0, 0, len(spec.file.lines[0])),
        note=_WHY,
        help="this is a bug in mlspec: please report it, with the spec and the platform file",
        environments=(lacking.environment,),
    )
