"""`mlspec plan`: the decisions for each environment as a memo, or the changes that a setting would make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from ...compiler.answer.memo import Memo, memo
from ...compiler.answer.memo.change import Change, changes
from ...compiler.pipeline import Compiled
from ..render import memo as render
from . import paged
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["plan"]


def plan(request: Request, form: str, page: str | None = None) -> int:
    """Print the memo of each system, or, with settings, only what they change. Draw the same on a page if asked to."""
    if paged.refused(request, page):
        return 2
    systems = Systems(request, whole, warnings=False)
    told: list[tuple[str, Memo]] = []
    changed: list[tuple[str, str, list[Change]]] = []
    for outcome in systems:
        system, name = outcome.compiled, outcome.name or outcome.shown
        if system is None or not system.environments:
            continue
        if request.options.settings:
            changed += [(name, *found) for found in _compare(request, system, form)]
        else:
            memos = [memo(environment, system.found) for environment in system.environments]
            _print(request, memos, form)
            told += [(name, one) for one in memos]
    drawn = page is None or _drawn(request, page, told, changed)
    return systems.status if drawn else 2


def _print(request: Request, memos: Iterable[Memo], form: str) -> None:
    formats: dict[str, Callable[[Iterable[Memo]], str]] = {
        "text": partial(render.text, width=request.console.width),
        "markdown": render.markdown,
        "json": render.json,
    }
    request.console.result(formats[form](memos))


def _compare(request: Request, system: Compiled, form: str) -> list[tuple[str, list[Change]]]:
    """Print the differences from the same spec without the settings, by environment."""
    before = {environment.name: memo(environment) for environment in _without_settings(request, system).environments}
    found = [
        (environment.name, changes(before[environment.name], memo(environment))) for environment in system.environments
    ]
    unread = not all(environment.bound for environment in system.environments)
    if system.failed and (unread or not any(changed for _, changed in found)):
        return []  # the error is the answer: a value that cannot be read says nothing about the decisions
    request.console.result((render.changes_json if form == "json" else render.changes)(found))
    return found


def _drawn(
    request: Request, file: str, memos: list[tuple[str, Memo]], changed: list[tuple[str, str, list[Change]]]
) -> bool:
    """Write the page, unless there is nothing to draw. Returns whether that was possible."""
    from ..render import memo_page

    if memos:
        return paged.written(request, file, memo_page.page(memos))
    return not changed or paged.written(request, file, memo_page.changed(changed))


def _without_settings(request: Request, system: Compiled) -> Compiled:
    sources = system.input.sources
    assert sources is not None
    return request.compile(system.input.but(sources=sources.but(settings=())))
