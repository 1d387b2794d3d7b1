"""Plugins: targets of the organisation's own, loaded because its platform file names them and for no other reason.

What is merely installed changes no byte. A plugin that cannot be loaded or fails is a finding at the line that names
it; the rest of the bundle is checked all the same, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from importlib import import_module
from typing import Any

from ..because import Unavailable
from ..diagnostics import Diagnostic
from ..finding import Refusal, finding
from ..layer import Layered
from ..plan import Plan
from ..system import MLSystem
from ..tree import Scalar, Sequence, lookup
from ..words import shown
from .artifact import Artifact, Piece, Target

__all__ = ["plugins"]


def plugins(layered: Layered) -> tuple[list[Target], list[Diagnostic]]:
    """The targets that the platform names, in its order; only its own layers count."""
    targets: list[Target] = []
    found: list[Diagnostic] = []
    for place in _named(layered):
        try:
            targets.append(_guarded(_load(place.text), place))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever its module does, it is the plugin's fault
            found.append(_broken(place, "cannot be loaded", error).but(environments=(layered.environment,)))
    return targets, found


def _named(layered: Layered) -> list[Scalar]:
    lists = (
        lookup(layer.tree, ("platform", "plugins")) for layer in reversed(layered.layers) if layer.owner == "platform"
    )
    last = next((node for node in lists if isinstance(node, Sequence)), None)
    return [item for item in last.items if isinstance(item, Scalar)] if last is not None else []


@cache
def _load(name: str) -> Target:
    module, _, attribute = name.partition(":")
    target = getattr(import_module(module), attribute)
    if not isinstance(target, Target):
        raise TypeError(f"{attribute} is a {type(target).__name__}, not a Target")
    return target


def _guarded(target: Target, place: Scalar) -> Target:
    """The same target, whose accidents become findings."""

    def guard(call: Callable[..., Iterable[Any]], *arguments: object) -> Iterator[Any]:
        try:
            yield from call(*arguments)
        except (Refusal, Unavailable):
            raise
        except (Exception, SystemExit) as error:
            raise Refusal(_broken(place, "failed", error)) from error

    def emit(system: MLSystem, plan: Plan) -> Iterator[Piece]:
        pieces: Iterator[Piece] = guard(target.emit, system, plan)
        return (partial(guard, piece) for piece in pieces)

    def finish(system: MLSystem, plan: Plan, artifacts: tuple[Artifact, ...]) -> Iterator[Artifact]:
        assert target.finish is not None
        return guard(target.finish, system, plan, artifacts)

    return target.but(emit=emit, finish=finish if target.finish is not None else None)


def _broken(place: Scalar, what: str, error: BaseException) -> Diagnostic:
    return finding(
        "MLS036",
        f"the plugin `{place.text}` {what}: {type(error).__name__}: {shown(str(error))}",
        place,
        note="the platform counts on what it adds, so nothing is written without it",
        help="install the version of the plugin that fits this mlspec, or take it out of `platform.plugins`",
    )
