"""A metrics file: what it says, in the form of `metrics.json`, or what is wrong with it, and where."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from ...runtime.conditions import Unusable, measured, outside
from ...schema.money import UnitPrice
from ...schema.units import UnitError
from ..diagnostics import Diagnostic, SourceFile
from ..record import Record
from ..tree import Mapping, Node, Scalar, lookup
from ..words import closest, listing, shown
from .forms import tree_of
from .shape import shaped

__all__ = ["LOSSES", "Facts", "MetricFacts", "base", "metrics_file"]

LOSSES: dict[str, Callable[[float], float]] = {
    "mae": abs,
    "mse": lambda error: error * error,
    "rmse": lambda error: error * error,
    "log_loss": lambda loss: loss,
    "brier_score": lambda loss: loss,
    "pinball_loss": lambda loss: loss,
}
"""The loss of one row, whose mean is the metric; that of `rmse` is under a root."""

EVERY_RIVAL = ("champion", "naive", "human")

OTHER = "other"
"""The name of rare values of a column together."""

TOLERANCE = 0.002
"""The largest relative difference between a value and what its own rows give, which may be rounded."""


class MetricFacts(Record):
    """What the spec and the catalog know about a metric."""

    maximize: bool
    low: Decimal | None
    high: Decimal | None
    share: bool = False
    """Whether it is a share of the observations behind it."""

    @property
    def unit_interval(self) -> bool:
        """Whether it is between 0 and 1."""
        return self.low == Decimal(0) and self.high == Decimal(1)


class Facts(Record):
    """What a metrics file may name."""

    metrics: dict[str, MetricFacts]
    columns: dict[str, tuple[str, ...]]
    """The declared columns, with their values where the spec lists them."""
    candidates: tuple[str, ...] = ()


def base(metric: str) -> str:
    """The metric in the catalog: `ndcg` of `ndcg@10`, and `recall` of `recall:score`."""
    return metric.partition(":")[0].partition("@")[0]


def metrics_file(file: SourceFile, facts: Facts) -> tuple[dict[str, Any] | None, list[Diagnostic]]:
    """The content of a metrics file, and what is wrong with it. Without a content, there is always a diagnostic."""
    found: list[Diagnostic] = []
    tree = tree_of(file, found)
    if tree is None:
        return None, found
    content = shaped(tree, found)
    if not found:
        found += _Check(tree, content, facts).all()
    return (content if not found else None), found


class _Check:
    """What a well-formed file says that cannot be true."""

    def __init__(self, tree: Mapping, content: dict[str, Any], facts: Facts) -> None:
        self.tree, self.content, self.facts = tree, content, facts

    def all(self) -> list[Diagnostic]:
        content = self.content
        found = [*self.measurements(("metrics",), content["metrics"])]
        for part, split in content.get("splits", {}).items():
            found += self.measurements(("splits", part, "metrics"), split.get("metrics", {}))
        for column, groups in content.get("segments", {}).items():
            found += self.named(("segments", column), self.facts.columns, "column")
            for group, entries in groups.items():
                found += self.group(column, group)
                found += self.measurements(("segments", column, group), entries, segment=True)
        for rival, entries in content.get("rivals", {}).items():
            found += self.named(("rivals", rival), (*EVERY_RIVAL, *self.facts.candidates), "rival")
            found += self.measurements(("rivals", rival), entries)
            found += self.pairs(rival, entries)
        return [*found, *self.confusion(), *self.cost()]

    def at(self, path: Iterable[str]) -> Node:
        """A text or number at a path, or the key of what contains several."""
        *steps, last = path
        value, parent = lookup(self.tree, (*steps, last)), lookup(self.tree, tuple(steps))
        if isinstance(parent, Mapping) and last in parent.keys and not isinstance(value, Scalar):
            return parent.keys[last]
        return value or self.tree

    def wrong(self, id_: str, path: Iterable[str], message: str, help_: str, note: str = "") -> Diagnostic:
        span = self.at(path).span
        return Diagnostic(id=id_, severity="error", message=message, span=span, help=help_, note=note)

    def named(self, path: tuple[str, ...], known: Iterable[str], what: str) -> Iterator[Diagnostic]:
        """A name that the spec does not have. Without declared columns, any column may exist."""
        names, name = tuple(known), path[-1]
        if name in names or not names:
            return
        near = closest(name, names)
        help_ = f"did you mean `{near}`?" if near is not None else f"use {listing(names)}"
        yield self.wrong("MLS010", path, f"the spec has no {what} `{shown(name)}`", help_)

    def group(self, column: str, group: str) -> Iterator[Diagnostic]:
        values = self.facts.columns.get(column, ())
        if values and group != OTHER:
            yield from self.named(("segments", column, group), values, f"value of `{shown(column)}`")

    def measurements(
        self, path: tuple[str, ...], entries: dict[str, Any], *, segment: bool = False
    ) -> Iterator[Diagnostic]:
        for metric, entry in entries.items():
            known = self.facts.metrics.get(base(metric))
            if known is None:
                near = closest(base(metric), self.facts.metrics)
                help_ = f"did you mean `{near}`?" if near is not None else "declare it under `metrics` in the spec"
                message = f"the metric `{shown(metric)}` is neither in the catalog nor in the spec"
                yield self.wrong("MLS010", (*path, metric), message, help_)
                continue
            yield from self.entry((*path, metric), entry, known)
            if segment and "samples" not in entry and "events" not in entry:
                yield self.wrong(
                    "MLS009",
                    (*path, metric),
                    f"`{shown(metric)}` of `{shown(path[-1])}` does not say how many rows it was measured on",
                    "add `samples`, and `events` if fewer rows are behind it, such as the positives of a recall",
                    "without them, no verdict is possible",
                )

    def entry(self, path: tuple[str, ...], entry: dict[str, Any], known: MetricFacts) -> Iterator[Diagnostic]:
        for key in ("value", "low", "high"):
            beyond = outside(Decimal(repr(entry[key])), known.low, known.high) if key in entry else None
            if beyond is not None and key == "value":  # the ends of some intervals leave the range
                yield self.wrong("MLS008", (*path, key), f"`{shown(path[-1])}`: {beyond}", "write the measured value")
        try:
            measured(entry)
        except Unusable as why:
            said = str(why).replace(" in metrics.json", "")
            yield self.wrong("MLS008", path, f"`{shown(path[-1])}`: {said}", "correct the numbers")
        yield from self.errors(path, entry)

    def errors(self, path: tuple[str, ...], entry: dict[str, Any]) -> Iterator[Diagnostic]:
        """Errors of rows whose mean is another value."""
        errors, metric = entry.get("errors"), base(path[-1])
        if errors is None:
            return
        if metric not in LOSSES:
            message = f"`errors` are for {listing(LOSSES)}, not `{shown(metric)}`"
            yield self.wrong(
                "MLS012", (*path, "errors"), message, "give `low` and `high`, for example from a bootstrap"
            )
            return
        mean = math.fsum(map(LOSSES[metric], errors)) / len(errors)
        mean = math.sqrt(mean) if metric == "rmse" and 0 <= mean < math.inf else mean
        if not abs(mean - entry["value"]) <= TOLERANCE * max(abs(mean), abs(entry["value"])) + 1e-9:
            message = f"`{shown(path[-1])}` is {entry['value']:.6g}, but its `errors` give {mean:.6g}"
            yield self.wrong("MLS008", (*path, "value"), message, "correct the value or the errors")

    def pairs(self, rival: str, entries: dict[str, Any]) -> Iterator[Diagnostic]:
        """Counts of pairs that contradict the two values."""
        for metric, entry in entries.items():
            counts, own = entry.get("paired"), self.content["metrics"].get(metric)
            if counts is None:
                continue
            path = ("rivals", rival, metric, "paired")
            rows = sum(counts.values())
            shares = {"rival": entry["value"], "model": own["value"]} if own is not None else {}
            for who, value in shares.items():
                share = (counts["both"] + counts[who]) / rows if rows else -1.0
                if abs(share - value) > TOLERANCE:
                    message = f"`paired` gives the {who} {share:.6g}, but its value is {value:.6g}" if rows else ""
                    yield self.wrong("MLS008", path, message or "`paired` has no rows", "count the same rows for both")
                    break

    def confusion(self) -> Iterator[Diagnostic]:
        given = self.content.get("confusion")
        if given is None:
            return
        many, rows = len(given["labels"]), [len(row) for row in given["counts"]]
        if rows != [many] * many:
            message = f"`counts` is not {many} rows of {many} numbers, one for each label"
            yield self.wrong("MLS008", ("confusion", "counts"), message, "give a row for each actual class")

    def cost(self) -> Iterator[Diagnostic]:
        given = self.content.get("serving", {}).get("cost")
        if given is None:
            return
        try:
            UnitPrice.parse(given)
        except UnitError as why:
            help_ = "write a price such as `0.9 USD/1M predictions`"
            yield self.wrong("MLS006", ("serving", "cost"), f"`{shown(given)}` {why}", help_)
