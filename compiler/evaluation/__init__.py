"""The evaluation of a model: the metrics file, its intervals, and whether to ship, iterate, or reject."""

from .evaluate import environment_of, evaluated, facts_of
from .report import EvaluationReport

__all__ = ["EvaluationReport", "environment_of", "evaluated", "facts_of"]
