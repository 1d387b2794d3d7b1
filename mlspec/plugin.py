"""What a target of one's own is made of; the same names keep their meaning within a version of the language.

A plugin is a `Target` that a platform file names: `plugins: [acme_quota:TARGET]`. See examples/plugin.
"""

from __future__ import annotations

from .compiler.because import Because, because, decision, first, fixed, text
from .compiler.emit.artifact import Artifact, Body, Piece, Target
from .compiler.emit.dump import Lines
from .compiler.emit.jsontext import json_lines
from .compiler.finding import Refusal, finding, refusal
from .compiler.plan import Plan
from .compiler.plan.service import ServicePlan
from .compiler.plan.serving.batch import BatchPlan
from .compiler.plan.training import TrainingPlan
from .compiler.system import MLSystem
from .targets.naming import labels, metadata, selector

__all__ = [
    "Artifact",
    "BatchPlan",
    "Because",
    "Body",
    "Lines",
    "MLSystem",
    "Piece",
    "Plan",
    "Refusal",
    "ServicePlan",
    "Target",
    "TrainingPlan",
    "because",
    "decision",
    "finding",
    "first",
    "fixed",
    "json_lines",
    "labels",
    "metadata",
    "refusal",
    "selector",
    "text",
]
