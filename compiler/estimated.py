"""What can be estimated before labels arrive. The process that measures and the rules on triggers share these names."""

from __future__ import annotations

__all__ = ["DECISIONS", "ESTIMATED", "SEVERAL_CLASSES"]

DECISIONS = ("accuracy", "precision", "recall", "false_positive_rate", "selection_rate", "f1", "balanced_accuracy",
             "matthews_corrcoef")  # fmt: skip
"""The metrics of decisions between two classes. An estimate also needs the threshold that decides."""

ESTIMATED = frozenset((*DECISIONS, "roc_auc", "average_precision", "brier_score", "log_loss"))
"""The metrics of two classes that calibrated probabilities estimate. They cannot estimate their own calibration."""

SEVERAL_CLASSES = ("multiclass-classification", "multilabel-classification")
"""The tasks whose labels are not of two classes, though they have metrics of the same names."""
