"""The rule on expectations of columns that contradict their types, or each other."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import Column, MLSystem
from ..lint import rule

__all__ = ["unmet_by_any_value"]

WHOLE = ("int", "uint")
FRACTIONS = ("float", "bfloat")
FAILS = "the validation of the data fails, so every run stops before it trains"


@rule("MLS115", "error", "data.columns")
def unmet_by_any_value(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Expectation that no value of a column can meet.

    Why: the data contract is checked in every training run, and on the records of production. A range of a text, or a
    list of words for a column of numbers, fails the first one, and counts every record of the other as a violation. The
    fault is then in the contract, and not in the data.

    Bad:
        data:
          sources: [{name: payments, ingestion: batch, owner: payments-core}]
          columns: [{name: amount, dtype: string, min: 0}]
    Good:
        data:
          sources: [{name: payments, ingestion: batch, owner: payments-core}]
          columns: [{name: amount, dtype: float64, min: 0}]
    """
    for column in system.data.columns:
        yield from _range(column)
        yield from _values(column)
        share = column.null_share
        if share is not None and share.value.amount and not column.nullable.value:
            yield finding(
                "MLS115",
                f"`nullShare: {share.value}` contradicts `nullable: false`",
                share,
                others=((column.nullable, "no value may be missing"),),
                note="the first missing value fails a run, whatever share is allowed",
                help="remove it, or write `nullable: true`",
            )


def _range(column: Column) -> Iterator[Diagnostic]:
    dtype = column.dtype
    if dtype.value.startswith((*WHOLE, *FRACTIONS)):
        return
    for name, bound in (("min", column.min), ("max", column.max)):
        if bound is not None:
            yield finding(
                "MLS115",
                f"a `{dtype.value}` has no `{name}`",
                bound,
                others=((dtype, "the type of the column"),),
                note=f"only numbers have a range; {FAILS}",
                help="remove it",
            )


def _values(column: Column) -> Iterator[Diagnostic]:
    values, dtype = column.values, column.dtype
    if values is None:
        return
    wrong = next((word for word in values.one_of if not _possible(word.value, dtype.value)), None)
    if wrong is not None:
        yield finding(
            "MLS115",
            f"no `{dtype.value}` is `{wrong.value}`",
            wrong,
            others=((dtype, "the type of the column"),),
            note=f"the value that is meant is not listed; {FAILS}",
            help=_instead(dtype),
        )
    if values.max is not None and values.max.value.amount < len(values.one_of):
        yield finding(
            "MLS115",
            f"`oneOf` lists {len(values.one_of)} values, and `max` allows {values.max.value}",
            values.max,
            others=((values.one_of[0], "the first of the list"),),
            note=f"once the data has all of them, {FAILS}",
            help=f"write `max: {len(values.one_of)}`, or remove it",
        )


def _possible(word: str, dtype: str) -> bool:
    """Whether a value of a type is written like this."""
    if dtype == "bool":
        return word in ("true", "false")
    if dtype.startswith(WHOLE):
        return word.removeprefix("-").isdecimal() and str(int(word)) == word
    if dtype.startswith(FRACTIONS):
        try:
            return isfinite(float(word))
        except ValueError:
            return False
    return True


def _instead(dtype: Because[str]) -> str:
    if dtype.value == "bool":
        return "write `true` or `false`"
    what = "a whole number without leading zeros" if dtype.value.startswith(WHOLE) else "a number"
    return f"write {what}, or `dtype: string` if the column has texts"
