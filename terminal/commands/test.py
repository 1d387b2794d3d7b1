"""`mlspec test`: run the alerts and the rollouts of a system on series, before it runs in a cluster."""

from __future__ import annotations

from ..promtool import Missing
from ..rehearsed import rehearsals
from ..render import rehearsal as render
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["test"]


def test(request: Request, form: str, *, mutants: bool) -> int:
    """Print the result for each environment. A scene that fails is a failure; without promtool, nothing runs."""
    systems, found = Systems(request, whole, warnings=False), []
    try:
        for outcome in systems:
            if outcome.compiled is not None and not outcome.failed:
                found += rehearsals(outcome.compiled, faults=mutants)
    except Missing as why:
        request.console.complain(f"error: {why}: it comes with Prometheus, such as in Debian's package `prometheus`")
        return 2
    if not found:
        return systems.status
    if form == "text":
        request.console.result(render.text(found))
    else:
        request.console.document((render.json if form == "json" else render.junit)(found))
    return max(systems.status, int(not all(one.passed for one in found)))
