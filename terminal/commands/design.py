"""`mlspec report design`: the system design document."""

from __future__ import annotations

from ...compiler.answer.design import design as designed
from ...compiler.answer.design.bundle import document
from ..render import design as render
from . import paged
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["design"]


def design(request: Request, form: str, page: str | None) -> int:
    """Print the document of one system, and draw it on a page if asked to."""
    if paged.refused(request, page):
        return 2
    systems, drawn = Systems(request, whole, warnings=False), True
    for outcome in systems:
        system = outcome.compiled
        if system is None or not system.environments:
            continue
        if form == "json":
            request.console.document(render.json(designed(system)))
        else:
            request.console.result(render.markdown(document(system)))
        if page is not None:
            from ..render import design_page

            drawn = paged.written(request, page, design_page.page(designed(system)))
    return systems.status if drawn else 2
