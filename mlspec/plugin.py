"""The names for custom targets and providers. They keep their meaning within a version of the language.

A plugin is a `Target` that a platform file names: `plugins: [acme_quota:TARGET]`. See examples/plugin. Everything that
functions and objects named here take and give has its name here, too. The parts of a system are classes of the module
`language`, such as `language.Service`. The parts of a plan, such as `plan.quota` or `service.timing`, are read as
attributes: these names stay, while the planner's classes that stand behind them may change.
"""

from __future__ import annotations

from .compiler import system as language
from .compiler.because import Because, Derived, Source, because, decision, first, fixed, text
from .compiler.because import Kind as ReasonKind
from .compiler.diagnostics import Diagnostic, Edit, Fix, Label, Severity, SourceFile, Span
from .compiler.emit.artifact import Artifact, Body, Made, Piece, SystemTarget, Target
from .compiler.emit.dump import Line, Lines
from .compiler.emit.jsontext import json_lines
from .compiler.finding import Refusal, finding, refusal
from .compiler.kinds import Check, Kind, Known, Object, pod, pods_of, scales, workload
from .compiler.part import Named
from .compiler.plan import Plan
from .compiler.plan.scope import Scope
from .compiler.plan.service import ServicePlan
from .compiler.plan.serving.batch import BatchPlan
from .compiler.plan.training import TrainingPlan
from .compiler.scenes.analysis import Condition as ReplayedCondition
from .compiler.scenes.analysis import Measured as ReplayedMetric
from .compiler.scenes.analysis import Replayed
from .compiler.scenes.analysis import Step as ReplayedStep
from .compiler.system import MLSystem
from .compiler.tree import Mapping, Node, Place, Scalar, Sequence
from .schema.hardware import Bandwidth, Compute
from .schema.money import Budget, HourlyPrice, StoragePrice, TransferPrice, UnitPrice
from .schema.units import Cores, Count, Duration, Margin, Measure, Memory, Percent, Rate
from .targets.naming import labels, metadata, path_of, selector
from .targets.providers import (
    AutoscalingProvider,
    Moving,
    OrchestrationProvider,
    Phase,
    Phases,
    Replicas,
    RolloutProvider,
    Runs,
    Sample,
    Scaler,
    TrafficProvider,
)
from .targets.rolling import rolling_update

__all__ = [
    "Artifact",
    "AutoscalingProvider",
    "Bandwidth",
    "BatchPlan",
    "Because",
    "Body",
    "Budget",
    "Check",
    "Compute",
    "Cores",
    "Count",
    "Derived",
    "Diagnostic",
    "Duration",
    "Edit",
    "Fix",
    "HourlyPrice",
    "Kind",
    "Known",
    "Label",
    "Line",
    "Lines",
    "MLSystem",
    "Made",
    "Mapping",
    "Margin",
    "Measure",
    "Memory",
    "Named",
    "Node",
    "Object",
    "Percent",
    "Moving",
    "OrchestrationProvider",
    "Phase",
    "Phases",
    "Replicas",
    "Scaler",
    "Piece",
    "Place",
    "Plan",
    "Rate",
    "ReasonKind",
    "Refusal",
    "Replayed",
    "ReplayedCondition",
    "ReplayedMetric",
    "ReplayedStep",
    "RolloutProvider",
    "Runs",
    "Sample",
    "Scalar",
    "Scope",
    "Sequence",
    "ServicePlan",
    "Severity",
    "Source",
    "SourceFile",
    "Span",
    "StoragePrice",
    "SystemTarget",
    "Target",
    "TrafficProvider",
    "TransferPrice",
    "TrainingPlan",
    "UnitPrice",
    "because",
    "decision",
    "finding",
    "first",
    "fixed",
    "json_lines",
    "labels",
    "language",
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
