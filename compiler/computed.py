"""The metrics that are computed from captured outputs and their labels. The process that measures them and the rules on
bounds share these names.
"""

from __future__ import annotations

__all__ = ["QUERIES"]

QUERIES = ("ndcg", "map", "mrr", "precision_at", "recall_at", "hit_rate")
"""The metrics of rankings, whose outputs are lists. With a cutoff, only the first ranks count: `ndcg@10`."""
