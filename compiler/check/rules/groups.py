"""The rule on the columns that an evaluation divides its rows by."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.data.segments import most_values
from ...system import Column, MLSystem
from ..lint import rule

__all__ = ["groups_of_one"]

MEASURED = ("timestamp", "float16", "float32", "float64", "bfloat16", "bytes")
"""Types whose values rarely repeat."""


@rule(
    "MLS113",
    "warning",
    "evaluation.segments",
    "evaluation.gates.*.segment",
    "constraints.fairness",
    "data.columns.*.dtype",
    "data.columns.*.entity",
    "data.columns.*.unique",
    "data.columns.*.values",
    "training",
)
def groups_of_one(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Segment of an evaluation with few rows for each value.

    Why: an identifier, a time, or a measurement divides the rows into groups of one or a few. A gate needs a verdict
    for each of them, and too few rows are not a pass, so every run rejects its model.

    Bad:
        data:
          columns: [{name: card_id, dtype: string, entity: card}]
          split: {strategy: grouped, column: card_id}
        evaluation:
          primary: recall
          gates: [{metric: recall, segment: card_id, min: 0.6, minSamples: 400}]
    Good:
        data:
          columns: [{name: card_id, dtype: string, entity: card}, {name: country, dtype: category, values: {max: 30}}]
          split: {strategy: grouped, column: card_id}
        evaluation:
          primary: recall
          gates: [{metric: recall, segment: country, min: 0.6, minSamples: 400}]
    """
    columns = {column.name.value: column for column in system.data.columns}
    for segment, judged in _segments(system) if system.training is not None else ():
        column = columns.get(segment.value)
        why = _never_repeats(column) if column is not None else None
        if column is not None and why is not None:
            note = "a gate needs a verdict for each value, so every run would reject its model"
            yield finding(
                "MLS113",
                f"a value of `{segment.value}` has few rows",
                segment,
                others=((why, "declared here"),),
                note=note if judged else "the results of such small groups are noise",
                help=_instead(column),
            )


def _instead(column: Column) -> str:
    name = column.name.value
    if column.dtype.value in MEASURED:
        return f"use a column with fewer values, such as ranges of `{name}`"
    return f"use a column with fewer values, or add `values: {{max: 250}}` to `{name}` if it has no more"


def _segments(system: MLSystem) -> Iterator[tuple[Because[str], bool]]:
    """The columns, and whether a gate judges each of their values."""
    if system.evaluation is None:
        return
    yield from ((gate.segment, True) for gate in system.evaluation.gates if gate.segment is not None)
    yield from ((bound.between, True) for bound in system.constraints.fairness)
    yield from ((segment, False) for segment in system.evaluation.segments)


def _never_repeats(column: Column) -> Because[object] | None:
    """What says that each value has few rows; None if nothing does, or if the number of values is known."""
    if most_values(column) is not None:
        return None
    if column.dtype.value in MEASURED:
        return column.dtype
    return column.unique if column.unique.value else column.entity
