"""`mlspec report status`: how a running system is, by its alerts."""

from __future__ import annotations

import time

from ...compiler.answer.status import Status, questions
from ...compiler.answer.status import status as judged
from ...compiler.errors import PrometheusError
from ...compiler.pipeline import Environment
from ..prometheus import answers
from ..render import status as render
from . import paged
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["status"]


def status(request: Request, form: str, page: str | None, address: str, now: float | None) -> int:
    """Print the status of each environment. The exit status is 1 unless all of them are green."""
    if paged.refused(request, page):
        return 2
    systems = Systems(request, whole, warnings=False)
    environments = [one for outcome in systems if outcome.compiled is not None for one in outcome.compiled.environments]
    if not environments:
        return systems.status
    try:
        found = [_status(one, address, now if now is not None else time.time()) for one in environments]
    except PrometheusError as error:
        request.console.complain(f"error: {error}\nhelp: {error.help}")
        return 2
    _print(request, form, found)
    if page is not None and not _drawn(request, page, found):
        return 2
    return max(systems.status, int(any(one.health != "green" for one in found)))


def _status(environment: Environment, address: str, now: float) -> Status:
    return judged(environment, answers(address, questions(environment.plan), now))


def _print(request: Request, form: str, found: list[Status]) -> None:
    if form == "json":
        request.console.document(render.json(found))
    elif form == "markdown":
        request.console.result(render.markdown(found))
    else:
        request.console.result(render.text(found, request.console.width))


def _drawn(request: Request, file: str, found: list[Status]) -> bool:
    from ..render import status_page

    return paged.written(request, file, status_page.page(found))
