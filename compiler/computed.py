"""The metrics that are computed from captured outputs and their labels, and those that are not. The process that
measures them and the rules on bounds share these names.
"""

from __future__ import annotations

__all__ = [
    "COMPUTED",
    "DECISIONS",
    "EQUAL",
    "ERRORS",
    "ESTIMATED",
    "OTHERS",
    "PROBABILITIES",
    "QUERIES",
    "RANKED",
    "SEVERAL_CLASSES",
    "WITH_RESULT",
    "rival_column",
]

DECISIONS = ("accuracy", "precision", "recall", "false_positive_rate", "selection_rate", "f1", "balanced_accuracy",
             "matthews_corrcoef")  # fmt: skip
"""The metrics of decisions between two classes. An estimate also needs the threshold that decides."""

PROBABILITIES = ("brier_score", "log_loss", "expected_calibration_error")
"""The metrics of probabilities."""

RANKED = ("roc_auc", "average_precision")
"""The metrics of scores."""

EQUAL = ("accuracy", "exact_match")
"""Metrics of any values, which are right if they equal their label."""

ERRORS = ("mae", "mse", "rmse", "mape", "smape", "wape", "r2", "pinball_loss")
"""The metrics of numbers. `pinball_loss` needs its quantile: `pinball_loss@0.9`."""

QUERIES = ("ndcg", "map", "mrr", "precision_at", "recall_at", "hit_rate")
"""The metrics of rankings, whose outputs are lists. With a cutoff, only the first ranks count: `ndcg@10`."""

COMPUTED = frozenset((*DECISIONS, *PROBABILITIES, *RANKED, *EQUAL, *ERRORS, *QUERIES, "ctr"))

ESTIMATED = frozenset((*DECISIONS, *RANKED, *PROBABILITIES)) - {"expected_calibration_error"}
"""The metrics of two classes that calibrated probabilities estimate before labels arrive, which are all of them but
their own calibration.
"""

SEVERAL_CLASSES = ("multiclass-classification", "multilabel-classification")
"""The tasks whose labels are not of two classes, though they have metrics of the same names."""

OTHERS = {
    "mase": "the error of a naive forecast on the training data",
    "mean_average_precision": "boxes and their overlap",
    "iou": "boxes or masks",
    "dice": "masks",
    "rouge_l": "a tokenizer",
    "bleu": "a tokenizer and whole corpora",
    "perplexity": "the probabilities of tokens",
    "win_rate": "a judge of two answers",
    "faithfulness": "a judge",
    "answer_relevancy": "a judge",
    "context_precision": "a judge",
    "context_recall": "a judge",
    "schema_validity": "the schema of the answers",
}
"""What metrics need that captured outputs and labels do not contain."""

WITH_RESULT = ("champion", "human")
"""The rivals with a result from before, and no answers to the newest requests."""


def rival_column(output: str, rival: str) -> str:
    """The captured column with what a rival would have answered: `score__rules`."""
    return f"{output}__{rival}"
