"""`mlspec simulate`: what the plan promises, and what happens in a simulation of the planned system."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from ...compiler.pipeline import Compiled
from ...compiler.simulate import Options, Simulation, simulated
from ...compiler.simulate.arrivals import Burst
from ..render import named
from ..render import simulation as render
from . import paged
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["simulate"]

WIDE = 116
"""The width of the output unless the terminal is narrower, as for memos."""


def simulate(request: Request, form: str, page: str | None, given: Mapping[str, Any]) -> int:
    """Print the simulation of each environment, and draw it on a page if asked to."""
    if paged.refused(request, page):
        return 2
    systems, found, name = Systems(request, whole, warnings=False), [], ""
    for outcome in systems:
        if outcome.compiled is not None:
            name = outcome.name or outcome.shown
            found += _environments(outcome.compiled, _options(given))
    if not found:
        return systems.status
    if named(form).document:
        request.console.document(render.json(found))
    else:
        request.console.result(render.text(found, min(WIDE, shutil.get_terminal_size((WIDE, 24)).columns)))
    status = max(systems.status, int(any(simulation.broken for simulation in found)))
    return status if page is None or _drawn(request, page, name, found) else 2


def _options(given: Mapping[str, Any]) -> Options:
    burst = given["burst"]
    return Options(**{**given, "burst": Burst(times=burst[0], lasts=burst[1]) if burst is not None else None})


def _environments(system: Compiled, options: Options) -> list[Simulation]:
    return [simulated(environment.name, environment.plan, options) for environment in system.environments]


def _drawn(request: Request, file: str, name: str, found: list[Simulation]) -> bool:
    """Write the page. Returns whether that was possible."""
    from ..render import simulation_page

    return paged.written(request, file, simulation_page.page(name, found))
