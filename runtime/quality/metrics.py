"""Which metric is computed from which values, and which ones cannot be computed from outputs and labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiler.computed import COMPUTED, DECISIONS, EQUAL, ERRORS, OTHERS, PROBABILITIES, QUERIES, RANKED
from ...compiler.record import Record
from ..conditions import Unreadable, shown, wilson
from ..differences import Paired, tango
from . import classes, errors, queries, ranks
from .config import Bound
from .found import Floats, Found, Unmeasured, Z, mean_of

__all__ = ["Rows", "apart", "checked", "measured"]


class Rows(Record):
    """Predictions with their labels, in the same order."""

    label: Any
    """Numbers, or an array of objects: texts, or lists."""
    output: Any
    threshold: float | None = None
    """The score from which a row is positive; None if the output is the decision itself."""

    def of(self, kept: Any) -> Rows:
        """Some of the rows."""
        return self.but(label=self.label[kept], output=self.output[kept])

    def paired(self, output: Any) -> Rows:
        """The same rows with the predictions of another model."""
        return self.but(output=output)


def checked(bound: Bound) -> None:
    """Raise Unreadable for a metric that outputs and labels do not determine."""
    _ = bound.cut
    if bound.base in OTHERS:
        raise Unreadable(
            f"`{shown(bound.metric)}` cannot be computed from outputs and labels: it needs {OTHERS[bound.base]}. "
            "Measure it in a job of yours, and export it as docs/reference/metrics.md says"
        )
    if bound.base not in COMPUTED:
        raise Unreadable(f"`{shown(bound.metric)}` is not a metric that this version computes: use a metric of the "
                         "catalog, or measure it in a job of yours")  # fmt: skip


def measured(bound: Bound, rows: Rows) -> Found:
    """A metric on these rows. Raises Unmeasured, with the observations that there are."""
    if not len(rows.label):
        raise Unmeasured("there are no rows with a label")
    return _finite(_measured(bound, rows))


def _finite(found: Found) -> Found:
    if not np.isfinite(found.value):
        raise Unmeasured("its value is not finite", found.samples)
    return found


def _measured(bound: Bound, rows: Rows) -> Found:
    base = bound.base
    if base in RANKED or base in PROBABILITIES:
        label, score = _classes(rows), _scores(rows, probable=base in PROBABILITIES)
        found = {"roc_auc": ranks.roc_auc, "average_precision": ranks.precision_found, **classes.BY_NAME}
        return found[base](label, score)
    if base in EQUAL and not _is_two_classes(rows):
        return _share(_equal(rows))
    if base in DECISIONS:
        return classes.decided(base, _classes(rows), _decisions(rows))
    if base == "ctr":
        return _share(_classes(rows))
    if base in ERRORS:
        return errors.error_found(base, _numbers(rows.label, "label"), _numbers(rows.output, "output"), bound.cut)
    if base in QUERIES:
        return queries.query_found(queries.per_query(base, rows.output, rows.label, bound.cut))
    return _share(_equal(rows))


def apart(bound: Bound, rows: Rows, rival: Any) -> Found:
    """How much better the output is than that of a rival on the same rows: positive is better. Raises Unmeasured."""
    if not len(rows.label):
        raise Unmeasured("there are no rows with a label")
    found = _finite(_larger(bound, rows, rows.paired(rival)))
    return found if bound.more else found.but(value=-found.value, low=-found.high, high=-found.low)


def _larger(bound: Bound, rows: Rows, other: Rows) -> Found:
    base = bound.base
    if base in RANKED:
        apart = ranks.auc_difference if base == "roc_auc" else ranks.precision_difference
        return apart(_classes(rows), _scores(rows), _scores(other))
    if base in ("brier_score", "log_loss"):
        label = _classes(rows)
        ours, theirs = (classes.losses(base, label, _scores(one, probable=True)) for one in (rows, other))
        return mean_of(ours - theirs)
    if base in EQUAL and not _is_two_classes(rows):
        return _paired(_equal(rows), _equal(other))
    if base in DECISIONS:
        return classes.decided_apart(base, _classes(rows), _decisions(rows), _decisions(other))
    if base in ERRORS:
        label = _numbers(rows.label, "label")
        ours, theirs = _numbers(rows.output, "output"), _numbers(other.output, "output of the rival")
        return errors.error_difference(base, label, ours, theirs, bound.cut)
    if base in QUERIES:
        ours, theirs = (queries.per_query(base, one.output, one.label, bound.cut) for one in (rows, other))
        return queries.query_difference(ours, theirs)
    raise Unmeasured("it has no difference on the same rows", len(rows.label))


def _share(right: Floats) -> Found:
    if not len(right):
        raise Unmeasured("there are no rows")
    value = float(right.mean())
    low, high = wilson(value, len(right), Z)
    return Found(value=value, low=low, high=high, samples=len(right))


def _paired(ours: Floats, theirs: Floats) -> Found:
    if not len(ours):
        raise Unmeasured("there are no rows")
    one, other = ours > 0.5, theirs > 0.5
    counts = Paired(*(int(each.sum()) for each in (one & other, one & ~other, ~one & other, ~one & ~other)))
    low, high = tango(counts, Z)
    return Found(value=counts.difference, low=low, high=high, samples=counts.rows)


# Values


def _is_two_classes(rows: Rows) -> bool:
    return rows.label.dtype != object and (rows.threshold is not None or _is_binary(rows.output))


def _is_binary(values: Any) -> bool:
    return values.dtype != object and bool(((values == 0) | (values == 1)).all())


def _classes(rows: Rows) -> Floats:
    """Labels of two classes, as 0 and 1."""
    if not _is_binary(rows.label):
        raise Unmeasured("its labels have to be 0 and 1, or true and false", len(rows.label))
    label: Floats = rows.label
    return label


def _scores(rows: Rows, *, probable: bool = False) -> Floats:
    score = _numbers(rows.output, "output")
    if probable and len(score) and not (score.min() >= 0 and score.max() <= 1):
        raise Unmeasured("its output has to be a probability, and some are below 0 or above 1", len(score))
    return score


def _decisions(rows: Rows) -> Floats:
    """1 for a positive decision, and 0 otherwise."""
    output = _numbers(rows.output, "output")
    if rows.threshold is not None:
        return (output >= rows.threshold).astype(np.float64)
    if not _is_binary(output):
        raise Unmeasured("its output is a score, and no `threshold` in `monitoring.prediction` decides", len(output))
    return output


def _numbers(values: Any, name: str) -> Floats:
    if values.dtype == object:
        raise Unmeasured(f"its {name} has to be a number", len(values))
    found: Floats = values
    return found


def _equal(rows: Rows) -> Floats:
    """1 where the output equals the label. A number and a text that says it are equal."""
    label, output = rows.label, rows.output
    if object not in (label.dtype, output.dtype):
        return np.asarray(label == output, dtype=np.float64)
    pairs = zip(_plain(label), _plain(output), strict=True)
    return np.fromiter((one == other for one, other in pairs), dtype=np.float64, count=len(label))


def _plain(values: Any) -> list[Any]:
    return [f"{each:g}" if isinstance(each, float) else each for each in values.tolist()]
