"""The evaluation of a model: the metrics file, its intervals, and whether to ship, iterate, or reject."""

from .evaluate import evaluated, facts_of
from .report import EvaluationReport

__all__ = ["EvaluationReport", "evaluated", "facts_of"]
