"""The evaluation of a model: the metrics file, its intervals, and whether to ship, iterate, or reject."""

from .evaluate import evaluated, facts_of

__all__ = ["evaluated", "facts_of"]
