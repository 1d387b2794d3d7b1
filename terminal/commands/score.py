"""`mlspec score`: the ML Test Score of each environment, with what proves each test and what would raise it."""

from __future__ import annotations

from ...compiler.answer.score import Score
from ...compiler.answer.score import score as scores
from ...compiler.pipeline import Compiled
from ..render import score as render
from .outcome import whole
from .request import Request
from .systems import Systems

__all__ = ["score"]


def score(request: Request, form: str) -> int:
    """Print the score of each environment of a system. A system with errors has none, because it has no output."""
    systems = Systems(request, whole, warnings=False)
    found = [outcome.compiled for outcome in systems if outcome.compiled is not None and not outcome.failed]
    if found:
        _print(request, form, [one for system in found for one in _scores(request, system)])
    return systems.status


def _scores(request: Request, system: Compiled) -> list[Score]:
    """The scores of the requested environments. The gate of training may run in another one, which counts, too."""
    whole_ = request.but(environments=()).compile(system.input) if request.environments else system
    known = system if whole_.failed else whole_
    found = scores(known.environments, request.today)
    return [one for one in found if not request.environments or one.environment in request.environments]


def _print(request: Request, form: str, found: list[Score]) -> None:
    if form == "json":
        request.console.document(render.json(found))
    elif form == "markdown":
        request.console.result(render.markdown(found))
    else:
        request.console.result(render.text(found, request.console.width))
