"""The status of a running system, from its plan and from what Prometheus says about it."""

from __future__ import annotations

from .answers import Answers, Firing, LoadedRule, Sample
from .judge import status
from .questions import HISTORY, Question, questions
from .report import Action, Chart, Check, Drift, Fact, Health, Quality, ServiceStatus, Status, Trouble

__all__ = [
    "HISTORY", "Action", "Answers", "Chart", "Check", "Drift", "Fact", "Firing", "Health", "LoadedRule", "Quality",
    "Question", "Sample", "ServiceStatus", "Status", "Trouble", "questions", "status",
]  # fmt: skip
