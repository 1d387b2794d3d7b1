"""`mlspec test`: run the alerts and the rollouts of a system on series, before it runs in a cluster."""

from __future__ import annotations

from ..promtool import Missing
from ..rehearsed import played, rehearsals
from ..render import rehearsal as render
from ..series import given
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["test"]


def test(request: Request, form: str, *, mutants: bool, series: str | None) -> int:
    """Print the result for each environment. A scene that fails is a failure; without promtool, nothing runs."""
    if series is not None:
        return _played(request, form, series)
    systems, found = Systems(request, whole, warnings=False), []
    try:
        for outcome in systems:
            if outcome.compiled is not None and not outcome.failed:
                found += rehearsals(outcome.compiled, faults=mutants)
    except Missing as why:
        return _missing(request, why)
    if not found:
        return systems.status
    if form == "text":
        request.console.result(render.text(found))
    else:
        request.console.document((render.json if form == "json" else render.junit)(found))
    return max(systems.status, int(not all(one.passed for one in found)))


def _missing(request: Request, why: Missing) -> int:
    request.console.complain(f"error: {why}: it comes with Prometheus, such as in Debian's package `prometheus`")
    return 2


def _played(request: Request, form: str, file: str) -> int:
    """Print what the series of a file do. Nothing is expected of them, so nothing can fail."""
    if form == "junit":
        request.console.complain("error: --format junit has no place for --series, which expects nothing: use json")
        return 2
    systems, found = Systems(request, whole, warnings=False), []
    try:
        series = given(file)
        for outcome in systems:
            if outcome.compiled is not None and not outcome.failed:
                found += played(outcome.compiled, series)
    except Missing as why:
        return _missing(request, why)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        request.console.complain(f"error: --series {file} cannot be played: {said}")
        return 2
    if not found:
        return systems.status
    if form == "text":
        request.console.result(render.played(found))
    else:
        request.console.document(render.played_json(found))
    return systems.status
