"""The data contract of a training run: a Pandera schema for each source, and mlspec's own `validate` step.

The schema is for programs that already hold a table in pandas: `pandera validate -s schema-SOURCE.yaml -d rows.parquet`
(Pandera 0.33 or newer), or `pandera.io.pandas_io.from_yaml`. mlspec's own step reads the sources itself, and checks
more.

Pandera traps handled here:

- Only built-in checks can be written in YAML, so `nullShare` and `values.max` cannot. A comment in the file says so.
- `str_matches` accepts what follows the match, and `$` a newline at the end. So a pattern is closed with `\\Z`.
- pandas has no missing integers and booleans: it reads such columns as float64 and object. Their types are `Int64` and
  `boolean`, to which Pandera has to convert. It also has no 16-bit brain floats, and reads categories as either texts
  or categories, so those have no type.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ...compiler import conventions
from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.emit.dump import Lines, dump
from ...compiler.finding import refusal
from ...compiler.plan.training import TrainingPlan
from ...compiler.plan.training.contract import readable
from ...compiler.system import Column, DataSource
from ..pod import access, extras, trust
from ..pod.credentials import credentials, variables
from ..pod.own import own_image
from ..pod.security import container_security

__all__ = ["schemas", "validate_step"]

_TYPES = {
    "string": "str",
    "bytes": "bytes",
    "timestamp": "datetime64[us, UTC]",
    "date": "date",
    "category": None,
    "bfloat16": None,
}
_WITH_NULLS = {"bool": "boolean"}
_UNSAID = "# Pandera cannot say this in YAML; `mlspec runtime validate` checks it: "


def schemas(training: TrainingPlan) -> dict[str, Because[Lines]]:
    """The Pandera schema of each source that has columns, by the name of its file."""
    system = training.scope.system
    made: dict[str, Because[Lines]] = {}
    for source in system.data.sources:
        columns = [column for column in system.data.columns if _of(column, source, system.data.sources)]
        if columns:
            lines = Lines.later(partial(_lines, source, columns), causes=[source.name, *columns])
            named = [column.from_ for column in system.data.columns if column.from_ is not None]
            made[f"schema-{source.name.value}.yaml"] = because(lines, "the schema of a source", source.name, named)
    return made


def _of(column: Column, source: DataSource, sources: tuple[DataSource, ...]) -> bool:
    if column.from_ is None:
        return len(sources) == 1
    return bool(column.from_.value == source.name.value)


def _lines(source: DataSource, columns: list[Column]) -> Iterator[Because[str]]:
    body = {
        "schema_type": "dataframe",
        "api": "pandas",
        "columns": {column.name.value: _column(column) for column in columns},
        "strict": fixed(False, "a source may have columns that the contract does not mention"),
    }
    why = because(source.name.value, "the data contract of the source", source.name)
    unsaid = [f"{c.name.value}.{key}" for c in columns for key in _not_in_yaml(c)]
    said, reasons = dump(body, why, _UNSAID + ", ".join(unsaid) if unsaid else "")
    for line, because_of in zip(said.splitlines(), reasons, strict=True):
        yield because(line, because_of[0].reason, *because_of)


def _not_in_yaml(column: Column) -> Iterator[str]:
    if column.null_share is not None:
        yield "nullShare"
    if column.values is not None and column.values.max is not None:
        yield "values.max"


def _column(column: Column) -> Because[Body]:
    dtype, converts = _dtype(column)
    body: Body = {
        "dtype": dtype,
        "nullable": column.nullable,
        "unique": column.unique if column.unique.value else None,
        "coerce": converts,
        "required": fixed(True, "the contract names the columns that must be there"),
        "description": column.description,
        "checks": dict(_checks(column)) or None,
    }
    return because(body, "a column of the data contract", column.name)


def _dtype(column: Column) -> tuple[Because[str] | None, Because[bool] | None]:
    """The type in pandas, and whether Pandera has to convert to it."""
    name = column.dtype.value
    if name in _TYPES:
        found, converts = _TYPES[name], name in ("timestamp", "date")
    elif column.nullable.value and "int" in name:
        found, converts = name.replace("int", "Int").replace("uI", "UI"), True
    elif column.nullable.value and name in _WITH_NULLS:
        found, converts = _WITH_NULLS[name], True
    else:
        found, converts = name, False
    if found is None:
        return None, None
    why = "pandas reads the column as another type" if converts else "the type in pandas"
    made = because(found, why, column.dtype, column.nullable)
    return made, because(True, why, column.dtype, column.nullable) if converts else None


def _checks(column: Column) -> Iterator[tuple[str, Any]]:
    if column.min is not None:
        yield "greater_than_or_equal_to", column.min
    if column.max is not None:
        yield "less_than_or_equal_to", column.max
    if column.pattern is not None:
        closed = f"(?:{column.pattern.value})\\Z"
        yield "str_matches", because(closed, "the whole value must match", column.pattern)
    if column.values is not None and column.values.one_of:
        yield "isin", [_typed(value, column.dtype) for value in column.values.one_of]


def _typed(value: Because[str], dtype: Because[str]) -> Because[Any]:
    """An allowed value as pandas holds it. One that is not of the type stays text, which no row equals."""
    made: Any = value.value
    if dtype.value == "bool":
        made = {"true": True, "false": False}.get(value.value, made)
    elif "int" in dtype.value or "float" in dtype.value:
        try:
            made = int(value.value) if "int" in dtype.value else float(value.value)
        except ValueError:
            made = value.value
    return because(made, "an allowed value", value, dtype)


def validate_step(training: TrainingPlan, contract: list[Any], mounts: list[Body]) -> Because[Body] | None:
    """mlspec's own step, if the plan has it. It reads the sources, and has only their credentials."""
    checks = training.checks_contract
    if not checks.value:
        return None
    own = training.part.steps.validate_
    if own is not None:
        raise refusal(
            "MLS012",
            "`contract: true` adds a step `validate`, and the spec has its own",
            checks,
            others=((own.command, "the step of the spec"),),
            note="a run has one step of each name",
            help="write `contract: false`, and run `mlspec runtime validate --in-job` in your step if you want both",
        )
    if not any(readable(source) for source in training.scope.system.data.sources):
        raise refusal(
            "MLS012",
            "`contract: true` adds a step that could check nothing",
            checks,
            note="no source has a `uri` and a `format` that a step in a pod can read, so every run would pass",
            help="write `contract: false`, and check the data in your `validate` step",
        )
    all_mounts: list[Any] = [*mounts, *trust.mounts(training.scope)]
    stores = access.granted(
        training.scope,
        access.stores(training.scope, *(source.access for source in training.scope.system.data.sources)),
    )
    usual = {
        **trust.named(training.scope),
        "HOME": fixed("/tmp", "libraries keep their caches there, and the rest of the image is read-only"),
    }
    container: Body = {
        "name": "validate",
        "image": own_image(
            training.scope,
            "the check of the data contract needs mlspec's own image",
            checks,
            instead="write `contract: false`",
        ),
        "command": ["mlspec", "runtime", "validate", "--in-job"],
        "env": [*contract, *variables(usual), *credentials(stores, usual)],
        "resources": _resources(training),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
        "volumeMounts": [*all_mounts, *extras.mounts(training.part, all_mounts)],
    }
    return because(container, "the data contract is checked before the model is trained", checks)


def _resources(training: TrainingPlan) -> Body:
    """It reads in batches, whatever the size of the data. Duplicates are counted on the run's temporary disk."""
    disk = training.part.resources.ephemeral_storage.map(str)
    why = "it reads in batches, whatever the size of the data"
    return {
        "requests": {
            "cpu": fixed(conventions.HELPER_CPU, why),
            "memory": fixed(conventions.HELPER_MEMORY, why),
            "ephemeral-storage": disk,
        },
        "limits": {"memory": fixed("1Gi", why), "ephemeral-storage": disk},
    }
