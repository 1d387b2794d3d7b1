"""How the pods of one version behave, and how many requests users send: what a scenario decides."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GOOD", "Behavior"]


@dataclass(frozen=True)
class Behavior:
    """One version's pods."""

    errors: float = 0.001
    """The share of requests that fail."""
    milliseconds: float = 20.0
    """How long a successful request takes."""
    blind: bool = False
    """`/metrics` answers 500."""
    dies: bool = False
    """The server ends a few seconds after it started, again and again."""
    hangs: bool = False
    """The server answers its probes, and requests get no answer: nothing is counted, clients time out."""
    starts: bool = True
    """Whether the server ever becomes ready."""


GOOD = Behavior()
