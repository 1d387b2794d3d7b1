"""What a spec sets more than once, although only one of them can have an effect: the planner would take the first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..because import Because, Unavailable
from ..diagnostics import Diagnostic
from ..finding import finding
from ..system import MLSystem, Stage

__all__ = ["repeated"]

Given = tuple[object, str]
"""Where something was set, and what it would be the second one of."""

_STAGES: dict[str, Callable[[Stage], object | None]] = {
    "shadow": lambda stage: stage.shadow,
    "canary": lambda stage: stage.canary,
    "experiment": lambda stage: stage.experiment,
    "blueGreen": lambda stage: stage.blue_green,
}


def repeated(system: MLSystem) -> Iterator[Diagnostic]:
    """A finding for each setting that an earlier one hides."""
    for settings in (_stages, _regressions, _candidates, _reasons):
        seen: dict[str, object] = {}
        for at, what in _known(settings(system)):
            if what in seen:
                yield _again(at, what, seen[what])
            seen.setdefault(what, at)
    yield from _shadow_after_canary(system)


def _known(found: Iterator[Given]) -> Iterator[Given]:
    """Without what follows a part that has a mistake, which has been reported."""
    try:
        yield from found
    except Unavailable:
        return


def _again(at: object, what: str, first: object) -> Diagnostic:
    return finding(
        "MLS017",
        f"{what} is set twice",
        at,
        label="set again",
        others=((first, "first set here"),),
        note="only one of them can have an effect, and mlspec cannot tell which one you mean",
        help="remove one of them",
    )


def _stages(system: MLSystem) -> Iterator[Given]:
    for stage in system.rollout.stages:
        for kind, chosen in _STAGES.items():
            if (given := chosen(stage)) is not None:
                yield given, f"the `{kind}` stage of the rollout"


def _regressions(system: MLSystem) -> Iterator[Given]:
    for stage in system.rollout.stages:
        for asked in stage.canary.detect if stage.canary is not None else ():
            yield asked.metric, f"the regression of `{asked.metric.value}` to detect"


def _candidates(system: MLSystem) -> Iterator[Given]:
    for name, model in system.models.items():
        chosen = (candidate.selected for candidate in model.candidates)
        yield from ((one, f"the selected candidate of `{name}`") for one in chosen if one.value)


def _reasons(system: MLSystem) -> Iterator[Given]:
    for name, model in system.models.items():
        outputs: Iterable[Because[str] | None] = (
            (output.carries for output in model.signature.outputs) if model.signature is not None else ()
        )
        yield from ((one, f"the output of `{name}` that carries its {one.value}") for one in outputs if one is not None)


def _shadow_after_canary(system: MLSystem) -> Iterator[Diagnostic]:
    """A shadow stage gets no copy of requests that its version already answers, so it is always the first one."""
    canary: object | None = None
    for at, what in _known(_stages(system)):
        if "canary" in what:
            canary = at
        elif "shadow" in what and canary is not None:
            yield finding(
                "MLS017",
                "the `shadow` stage is after the `canary` stage",
                at,
                others=((canary, "the canary"),),
                note="requests are mirrored to a version before it answers any, so the shadow always comes first",
                help="move it before the canary",
            )
