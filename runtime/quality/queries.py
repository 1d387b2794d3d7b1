"""Metrics of rankings: one row is one query, and the observations are queries, not items.

The output is a list. A list of numbers with decimals scores the candidates in their order, and the label says how
relevant each of them is. A list of ids is the ranking itself, best first, and the label lists the relevant ids.

- nDCG: linear gains, as in scikit-learn, and the mean gain of candidates with equal scores (F. McSherry and M. Najork,
  Computing information retrieval performance measures efficiently in the presence of tied scores, 2008).
- The interval is that of a mean over queries: a bootstrap (BCa) up to 100 queries, then Student's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..intervals import FEW, bca
from .found import Floats, Found, Unmeasured, Z, mean_of, student_ends

__all__ = ["dcg", "ndcg", "per_query", "query_difference", "query_found"]


def ndcg(gains: Sequence[float], scores: Sequence[float], cut: int | None = None) -> float | None:
    """The normalized discounted gain of candidates; None if none is relevant."""
    ideal = dcg(sorted(gains, reverse=True), cut)
    if ideal <= 0:
        return None
    tied: dict[float, list[float]] = {}
    for score, gain in zip(scores, gains, strict=True):
        tied.setdefault(score, []).append(gain)
    shared = [sum(same) / len(same) for _, same in sorted(tied.items(), reverse=True) for _ in same]
    return dcg(shared, cut) / ideal


def dcg(gains: Sequence[float], cut: int | None = None) -> float:
    """The discounted gain of candidates in this order."""
    some = np.asarray(gains[:cut], dtype=np.float64)
    return float((some / np.log2(np.arange(2, len(some) + 2))).sum())


def _hits(output: Sequence[Any], label: Sequence[Any]) -> tuple[list[float], int]:
    """The relevance of each rank, and how many relevant items there are."""
    if _scored(output):
        if len(output) != len(label):
            raise Unmeasured("a label does not have one relevance for each score")
        order = sorted(range(len(output)), key=lambda index: -output[index])
        return [float(label[index] > 0) for index in order], sum(each > 0 for each in label)
    relevant = set(label)
    return [float(each in relevant) for each in output], len(relevant)


def _scored(output: Sequence[Any]) -> bool:
    return all(isinstance(each, float) for each in output)


def _precision(hits: list[float], of: int) -> float:
    """The mean of the precision at the rank of each relevant item."""
    found, total = 0.0, 0.0
    for rank, hit in enumerate(hits, 1):
        found += hit
        total += hit * found / rank
    return total / of


def _one(metric: str, output: Sequence[Any], label: Sequence[Any], cut: int | None) -> float | None:
    hits, of = _hits(output, label)
    if metric == "ndcg":
        if _scored(output):
            return ndcg([float(each) for each in label], output, cut)
        ideal = dcg([1.0] * of, cut)
        return dcg(hits, cut) / ideal if ideal > 0 else None
    if not of:
        return None
    top = hits[:cut]
    simple: dict[str, Callable[[], float]] = {
        "map": lambda: _precision(top, min(of, cut) if cut is not None else of),
        "mrr": lambda: next((1 / rank for rank, hit in enumerate(top, 1) if hit), 0.0),
        "precision_at": lambda: sum(top) / (cut if cut is not None else max(1, len(hits))),
        "recall_at": lambda: sum(top) / of,
        "hit_rate": lambda: float(any(top)),
    }
    return simple[metric]()


def per_query(metric: str, outputs: Sequence[Any], labels: Sequence[Any], cut: float | None) -> Floats:
    """The metric of each query; NaN for one without relevant items, which no ranking gets right."""
    if cut is not None and (cut < 1 or cut != int(cut)):
        raise Unmeasured("its cutoff is not a number of ranks", len(outputs))
    ranks = int(cut) if cut is not None else None
    found = np.empty(len(outputs))
    for index, (output, label) in enumerate(zip(outputs, labels, strict=True)):
        if not isinstance(output, (list, tuple)) or not isinstance(label, (list, tuple)):
            raise Unmeasured("it needs a list as output and a list as label", len(outputs))
        one = _one(metric, output, label, ranks)
        found[index] = np.nan if one is None else one
    return found


def query_found(values: Floats) -> Found:
    """The mean over queries that have relevant items, with its interval."""
    values = values[~np.isnan(values)]
    found = mean_of(values)
    if len(values) <= FEW and found.low < found.high:
        low, high = bca([float(each) for each in values], lambda total: total / len(values))(Z)
        found = found.but(low=low, high=high)
    return found.but(low=max(0.0, found.low), high=min(1.0, found.high))


def query_difference(values: Floats, others: Floats) -> Found:
    """The mean difference over queries, paired."""
    apart = values - others
    apart = apart[~np.isnan(apart)]
    if len(apart) < 2:
        raise Unmeasured(f"{len(apart)} queries have relevant items, and at least 2 are needed", len(apart))
    value = float(apart.mean())
    low, high = student_ends(value, float(apart.std(ddof=1)) / len(apart) ** 0.5, len(apart) - 1)
    return Found(value=value, low=max(-1.0, low), high=min(1.0, high), samples=len(apart))
