"""What a target of one's own is made of; the same names keep their meaning within a version of the language.

A plugin is a `Target` that a platform file names: `plugins: [acme_quota:TARGET]`. See examples/plugin.
"""

from __future__ import annotations

from .compiler.because import Because, because, decision, first, fixed, text
from .compiler.emit.artifact import Artifact, Body, Made, Piece, SystemTarget, Target
from .compiler.emit.dump import Lines
from .compiler.emit.jsontext import json_lines
from .compiler.finding import Refusal, finding, refusal
from .compiler.kinds import Check, Kind, Known, pod, pods_of, scales, workload
from .compiler.plan import Plan
from .compiler.plan.service import ServicePlan
from .compiler.plan.serving.batch import BatchPlan
from .compiler.plan.training import TrainingPlan
from .compiler.system import MLSystem
from .targets.naming import labels, metadata, path_of, selector
from .targets.providers import AutoscalingProvider, RolloutProvider, TrafficProvider
from .targets.rolling import rolling_update

__all__ = [
    "Artifact",
    "AutoscalingProvider",
    "BatchPlan",
    "Because",
    "Body",
    "Check",
    "Kind",
    "Known",
    "Lines",
    "MLSystem",
    "Made",
    "Piece",
    "Plan",
    "Refusal",
    "RolloutProvider",
    "ServicePlan",
    "SystemTarget",
    "Target",
    "TrafficProvider",
    "TrainingPlan",
    "because",
    "decision",
    "finding",
    "first",
    "fixed",
    "json_lines",
    "labels",
    "metadata",
    "path_of",
    "pod",
    "pods_of",
    "refusal",
    "rolling_update",
    "scales",
    "selector",
    "text",
    "workload",
]
