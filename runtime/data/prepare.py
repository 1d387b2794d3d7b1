"""Fit the preprocessing steps of the spec, and apply them to tables. `prepared.py` applies them to one request.

    from mlspec.runtime.data.prepare import distinct_rows, fit

    table = table.filter(distinct_rows(config, table))        # before the split
    parts = split(config, table)
    fitted = fit(config, table, parts.train, labels=table["is_fraud"])
    features = fitted.apply(table)                            # names to arrays; missing values are NaN, or None in text
    fitted.write(Path(output, "preprocessing.json"))          # serving loads it with `prepared.load`

A step is fitted on the rows that `fitOn` names, with the steps before it applied, so that serving repeats exactly what
training did. Statistics are of the finite values, because one infinity would make a mean useless. A column is numeric
(booleans and numbers, as doubles) or text.

`tokenize`, `resize`, and `custom` need a tokenizer, an image library, or your code, which serving must have, too: your
own training code does them, and `fit` refuses them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..conditions import Unreadable
from ..measure.measured import write_json
from .columns import Column, apply_step
from .contract import shown
from .fitting import fit_step, out_of_fold
from .parts import columns_of, keys_of
from .prepared import VERSION, Preprocessing, digest_of
from .split import Mask

__all__ = ["Fitted", "distinct_rows", "fit"]

_NOT_HERE = {
    "tokenize": "a tokenizer, which the model's own library brings",
    "resize": "an image library",
    "custom": "your own function",
}


class Fitted:
    """Fitted steps. `document` is what `preprocessing.json` holds."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Raises ValueError if the document is not a fitted preprocessing with its own digest."""
        self.one = Preprocessing(document)
        self.document = self.one.document

    @property
    def digest(self) -> str:
        """What `model.json` may record, so that serving can check that it has the preprocessing of its model."""
        return str(self.document["digest"])

    def apply(self, table: Any) -> dict[str, npt.NDArray[Any]]:
        """The features of all rows. Raises ValueError if a column is missing or has the wrong kind."""
        columns = _numbers_and_texts(columns_of(table), self.one.kinds)
        for step in self.document["steps"]:
            apply_step(columns, step)
        return columns

    def write(self, path: Path) -> None:
        """Write the file atomically."""
        write_json(path, self.document)


def fit(config: Any, table: Any, train: Mask, labels: Any = None) -> Fitted:
    """The steps of `data.preprocessing`, fitted. See `fit_transform` for the features of the training rows.

    Raises `Unreadable` for a step that this library does not do, and ValueError if a step cannot be fitted on the data.
    """
    return fit_transform(config, table, train, labels)[0]


def fit_transform(
    config: Any, table: Any, train: Mask, labels: Any = None
) -> tuple[Fitted, dict[str, npt.NDArray[Any]]]:
    """The fitted steps, and the features of all rows.

    They are those of `Fitted.apply`, with one difference: a training row's target encoding comes from the other
    training rows (five folds), because a mean that contains the row's own label would leak it.
    """
    steps = [step for step in _steps(config) if step["step"] != "deduplicate"]
    given = columns_of(table)
    kinds = {name: _kind(name, given) for step in steps for name in step["columns"]}
    columns = _numbers_and_texts(given, kinds)
    seed = config.get("seed") if isinstance(config.get("seed"), int) else 0
    outcome = _outcome(labels)
    fitted: list[dict[str, Any]] = []
    for step in steps:
        rows = np.ones(len(train), dtype=np.bool_) if step.get("fitOn") == "all" else train
        if not rows.any():
            raise ValueError(f"`{step['step']}` has no rows to be fitted on")
        made = fit_step(step, columns, rows, outcome)
        unseen = out_of_fold(made, columns, rows, outcome, seed)
        apply_step(columns, made)
        columns.update({name: np.where(rows, values, columns[name]) for name, values in unseen.items()})
        fitted.append(made)
    document: dict[str, Any] = {"version": VERSION, "kinds": kinds, "steps": fitted}
    # what a file holds is what is applied: after a round trip through JSON
    document = json.loads(json.dumps(document, allow_nan=False))
    return Fitted({**document, "digest": digest_of(document)}), columns


def distinct_rows(config: Any, table: Any) -> Mask:
    """The first of each set of rows that `deduplicate` calls equal; all rows without such a step.

    Call it before the split, because a duplicate on the other side of the split is a leak. A request has no duplicates.
    """
    columns = columns_of(table)
    rows = len(next(iter(columns.values()), pa.array([])))
    kept = np.ones(rows, dtype=np.bool_)
    for step in (step for step in _steps(config) if step["step"] == "deduplicate"):
        names = step["columns"] or sorted(columns)
        _present(names, columns)
        seen: set[bytes] = set()
        for index, key in enumerate(keys_of(columns, names)):
            if kept[index]:
                kept[index] = key not in seen
                seen.add(key)
    return kept


def _steps(config: Any) -> list[dict[str, Any]]:
    data = config.get("data") if isinstance(config, dict) else None
    steps = data.get("preprocessing") if isinstance(data, dict) else None
    made = []
    for step in steps or []:
        kind = step.get("step") if isinstance(step, dict) else None
        if kind in _NOT_HERE:
            raise Unreadable(
                f"the step `{kind}` needs {_NOT_HERE[kind]}, which this library does not have: do it in your training "
                "code and in your server, and take it out of the configuration that you pass here"
            )
        if kind not in ("impute", "clip", "scale", "encode", "deduplicate"):
            raise Unreadable(f"unknown preprocessing step {shown(kind)}")
        names = list(step.get("columns") or [])
        if not names and kind != "deduplicate":
            raise Unreadable(f"the step `{kind}` names no columns")
        made.append({**step, "columns": names})
    return made


def _present(names: list[str], columns: dict[str, Any]) -> None:
    absent = next((name for name in names if name not in columns), None)
    if absent is not None:
        raise ValueError(f"the table has no column {shown(absent)}, which the preprocessing needs")


def _kind(name: str, columns: dict[str, pa.Array]) -> str:
    _present([name], columns)
    found = columns[name].type
    found = found.value_type if pa.types.is_dictionary(found) else found
    if pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found):
        return "text"
    if pa.types.is_boolean(found) or pa.types.is_integer(found) or pa.types.is_floating(found):
        return "number"
    raise ValueError(f"the column {shown(name)} is {found}; steps need numbers, booleans, or text")


def _numbers_and_texts(columns: dict[str, pa.Array], kinds: dict[str, str]) -> dict[str, Column]:
    """The columns as arrays: doubles with NaN, or objects with None. Those that no step names keep their values."""
    _present(list(kinds), columns)
    made: dict[str, Column] = {n: v.to_numpy(zero_copy_only=False) for n, v in columns.items() if n not in kinds}
    for name, kind in kinds.items():
        values = columns[name]
        if len(values) and not pa.types.is_null(values.type) and _kind(name, columns) != kind:
            raise ValueError(f"the column {shown(name)} is {values.type}, and was a {kind} in training")
        values = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
        if kind == "text":
            made[name] = np.array(values.to_pylist(), dtype=object)
            continue
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.uint8())
        elif pa.types.is_float16(values.type):
            values = values.cast(pa.float32())
        doubles = pc.fill_null(values.cast(pa.float64(), safe=False), float("nan"))
        made[name] = np.array(doubles.to_numpy(zero_copy_only=False), dtype=np.float64)
    return made


def _outcome(labels: Any) -> npt.NDArray[np.float64] | None:
    """The labels as numbers; NaN where there is none."""
    if labels is None:
        return None
    return np.asarray(_numbers_and_texts(columns_of({"label": labels}), {"label": "number"})["label"])
