"""Rules on preprocessing: steps that no rows can be fitted by, and labels that a step makes up."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import Clip, Column, CustomStep, Encode, Impute, MLSystem, PreprocessingStep, Resize, Scale, Tokenize
from ..lint import rule

__all__ = ["imputed_labels", "unfit_steps"]

TEXTS, TIMES = ("string", "category", "bytes"), ("date", "timestamp")
REPLACED = "replaced"
"""What a column is after an encoding that makes several columns of it."""


@rule(
    "MLS110",
    "error",
    "data.preprocessing.*.step",
    "data.preprocessing.*.columns",
    "data.preprocessing.*.strategy",
    "data.preprocessing.*.value",
    "data.preprocessing.*.method",
    "data.preprocessing.*.quantiles",
    "data.preprocessing.*.min",
    "data.preprocessing.*.max",
    "data.columns.*.dtype",
    "data.columns.*.values",
    "data.labels",
    "training",
)
def unfit_steps(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Preprocessing step that cannot be fitted.

    Why: a text has no median and no scale. The run reads all of its data before the step fails, and so does each retry,
    so no run ever trains a model.

    Bad:
        data:
          columns: [{name: country, dtype: category}]
          preprocessing: [{step: impute, columns: [country], strategy: median}]
    Good:
        data:
          columns: [{name: country, dtype: category}]
          preprocessing: [{step: impute, columns: [country], strategy: mode}]
    """
    if system.training is None:
        return
    kinds = {column.name.value: _kind(column) for column in system.data.columns}
    for step in system.data.preprocessing:
        if isinstance(step, (Impute, Clip, Scale, Encode)):
            yield from _settings(step, system)
            for name in step.columns:
                yield from _column(step, name, kinds.get(name.value, ""))
        for name in step.columns:
            kinds[name.value] = _after(step, kinds.get(name.value, ""))


def _kind(column: Column) -> str:
    """What a column holds: the name of its type, or an empty text for numbers. Categories may be numbers, too."""
    dtype = column.dtype.value
    known = column.values.one_of if column.values is not None else ()
    if dtype == "category" and known and all(_is_number(one.value) for one in known):
        return ""
    return dtype if dtype in (*TEXTS, *TIMES) else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _after(step: PreprocessingStep, kind: str) -> str:
    if isinstance(step, Encode):
        return REPLACED if step.method.value == "one-hot" else ""
    return "" if isinstance(step, (CustomStep, Tokenize, Resize)) else kind


IN_VAIN = "each run reads its data, fails in this step, and is retried in vain"


def _unfit(step: PreprocessingStep, message: str, *at: object, help_: str, note: str = IN_VAIN) -> Diagnostic:
    return finding(
        "MLS110",
        message,
        *at,
        step.step,
        others=((step.step, "the step"),),
        note=note,
        help=help_,
    )


def _settings(step: Impute | Clip | Scale | Encode, system: MLSystem) -> Iterator[Diagnostic]:
    """What a step needs besides its columns."""
    if not step.columns:
        yield _unfit(step, f"`{step.step.value}` names no columns", help_="add `columns` to the step, or remove it")
    elif isinstance(step, Impute) and step.strategy.value == "constant" and step.value is None:
        yield _unfit(step, "`constant` has no `value`", step.strategy, help_="add `value: 0` to the step")
    elif isinstance(step, Clip):
        yield from _range(step)
    elif isinstance(step, Encode) and step.method.value == "target" and system.data.labels is None:
        yield _unfit(
            step,
            "the target encoding has no labels to learn from",
            step.method,
            help_="write `method: one-hot`, or add `labels: {column: COLUMN}` under `data`",
        )


def _range(step: Clip) -> Iterator[Diagnostic]:
    if not step.quantiles and step.min is None and step.max is None:
        outliers, range_ = (
            "it leaves every value as it is, and the model learns from outliers",
            "quantiles: [0.1%, 99.9%]",
        )
        yield _unfit(step, "`clip` has no range", help_=f"add `{range_}` to the step", note=outliers)
    elif step.quantiles and not _ordered([one.value.amount for one in step.quantiles]):
        yield _unfit(
            step,
            "`quantiles` of `clip` are not a lower one and an upper one",
            *step.quantiles,
            help_="write two of them, such as `quantiles: [0.1%, 99.9%]`",
        )


def _ordered(quantiles: list[Decimal]) -> bool:
    return len(quantiles) == 2 and quantiles[0] <= quantiles[1] <= 1


def _column(step: Impute | Clip | Scale | Encode, name: Because[str], kind: str) -> Iterator[Diagnostic]:
    """Whether the step can learn from what the column holds when it runs."""
    called, what = name.value, step.step.value
    if kind == REPLACED:
        yield _unfit(
            step,
            f"`{what}` needs `{called}`, which `one-hot` has replaced with a column for each value",
            name,
            help_="move this step before the encoding",
        )
    elif isinstance(step, Impute) and kind in TEXTS and step.strategy.value != "mode":
        yield _unfit(
            step,
            f"`{step.strategy.value}` needs numbers, and `{called}` is a {kind}",
            name,
            help_="write `strategy: mode`, in a step of its own if the other columns are numbers",
        )
    elif (isinstance(step, (Clip, Scale)) and kind in TEXTS) or (isinstance(step, Scale) and kind in TIMES):
        yield _unfit(
            step,
            f"`{what}` needs numbers, and `{called}` is a {kind}",
            name,
            help_=f"{_without(step, called)}, or encode `{called}` before",
        )


def _without(step: PreprocessingStep, name: str) -> str:
    """How to take a column out of a step, which needs one."""
    return f"remove `{name}` from this step" if len(step.columns) > 1 else "remove the step"


@rule(
    "MLS112",
    "error",
    "data.preprocessing.*.columns",
    "data.preprocessing.*.strategy",
    "data.labels.column",
    "training",
)
def imputed_labels(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Imputed labels.

    Why: a row without a label has no outcome yet. With a made-up one, the model learns the most common outcome, and the
    evaluation counts it as right. A constant is no finding, because a missing value may have a meaning.

    Bad:
        data:
          columns: [{name: units, dtype: float64}]
          labels: {column: units}
          preprocessing: [{step: impute, columns: [units], strategy: median}]
    Good:
        data:
          columns: [{name: units, dtype: float64}, {name: price, dtype: float64}]
          labels: {column: units}
          preprocessing: [{step: impute, columns: [price], strategy: median}]
    """
    labels = system.data.labels
    if labels is None or system.training is None:
        return
    for step in system.data.preprocessing:
        made_up = next((name for name in step.columns if name.value == labels.column.value), None)
        if isinstance(step, Impute) and step.strategy.value != "constant" and made_up is not None:
            yield finding(
                "MLS112",
                f"`{step.step.value}` makes up the missing labels in `{made_up.value}`",
                made_up,
                others=((labels.column, "the labels"), (step.strategy, "what it writes")),
                note="the model learns outcomes that did not happen, and the evaluation counts them as right",
                help=_without(step, made_up.value),
            )
