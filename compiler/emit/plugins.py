"""Plugins: an organization's own targets and providers, loaded only because its platform file names them.

Installing a plugin by itself changes no output.
"""

from __future__ import annotations

from ..diagnostics import Diagnostic
from ..layer import Layered
from ..tree import Scalar, Sequence, lookup
from .backends import Backend

__all__ = ["named", "plugins"]


def plugins(layered: Layered) -> tuple[list[Backend], list[Diagnostic]]:
    """The targets and providers that the platform names, in order; only the platform's own layers count."""
    places = named(layered)
    if not places:
        return [], []
    from .loading import load  # rarely needed, so imported late

    return load(places, layered.environment)


def named(layered: Layered) -> list[Scalar]:
    """The plugins that the platform names, in order."""
    lists = (
        lookup(layer.tree, ("platform", "plugins")) for layer in reversed(layered.layers) if layer.owner == "platform"
    )
    last = next((node for node in lists if isinstance(node, Sequence)), None)
    return [item for item in last.items if isinstance(item, Scalar)] if last is not None else []
