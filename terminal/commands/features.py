"""`mlspec report features`: the catalog of features of one or several systems."""

from __future__ import annotations

from ...compiler.answer.features import CatalogFeature, catalog, features_of
from ..render import features as render
from . import paged
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["features"]


def features(request: Request, form: str, page: str | None) -> int:
    """Print the catalog of all systems of a request, and draw it on a page if asked to.

    A system with errors is left out, and the catalog says so.
    """
    if paged.refused(request, page):
        return 2
    systems, drawn = Systems(request, whole, warnings=False), True
    named: list[str] = []
    left_out: list[str] = []
    found: list[CatalogFeature] = []
    for outcome in systems:
        if outcome.compiled is None or outcome.failed or outcome.name is None:
            left_out.append(outcome.shown)
            continue
        named.append(outcome.name)
        found += features_of(outcome.compiled)
    if named:
        whole_ = catalog(named, found, left_out)
        if form == "json":
            request.console.document(render.json(whole_))
        else:
            request.console.result(render.markdown(whole_))
        if page is not None:
            from ..render import features_page

            drawn = paged.written(request, page, features_page.page(whole_))
    return systems.status if drawn else 2
