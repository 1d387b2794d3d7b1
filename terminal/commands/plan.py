"""`mlspec plan`: the decisions for each environment as a memo, or the changes that a setting would make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from ...compiler.answer.memo import Memo, memo
from ...compiler.answer.memo.change import changes
from ...compiler.pipeline import Compiled
from ..render import memo as render
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["plan"]


def plan(request: Request, form: str) -> int:
    """Print the memo of each system, or, with settings, only what they change."""
    systems = Systems(request, whole, warnings=False)
    for outcome in systems:
        system = outcome.compiled
        if system is None or not system.environments:
            continue
        if request.options.settings:
            _compare(request, system, form)
        else:
            memos = [memo(environment, system.found) for environment in system.environments]
            formats: dict[str, Callable[[Iterable[Memo]], str]] = {
                "text": partial(render.text, width=request.console.width),
                "markdown": render.markdown,
                "json": render.json,
            }
            request.console.result(formats[form](memos))
    return systems.status


def _compare(request: Request, system: Compiled, form: str) -> None:
    """Print the differences from the same spec without the settings."""
    before = {environment.name: memo(environment) for environment in _without_settings(request, system).environments}
    found = [
        (environment.name, changes(before[environment.name], memo(environment))) for environment in system.environments
    ]
    if system.failed and not any(changed for _, changed in found):
        return  # the error is the answer: what is wrong cannot change a decision
    request.console.result((render.changes_json if form == "json" else render.changes)(found))


def _without_settings(request: Request, system: Compiled) -> Compiled:
    sources = system.input.sources
    assert sources is not None
    return request.compile(system.input.but(sources=sources.but(settings=())))
