"""Records as Parquet, with the types of the model's signature. It needs pyarrow."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .config import Config, Field

__all__ = ["convert", "schema"]


def schema(config: Config) -> pa.Schema:
    """The columns of every file of a recorder, so that all of its files can be read as one table."""
    fields = {config.id: pa.string(), "time": pa.timestamp("us", tz="UTC"), "model_version": pa.string()}
    for field in (*config.requested, *config.outputs):
        type_ = pa.string() if field.name in config.personal else _type(field)
        fields.setdefault(field.name, type_)
    return pa.schema(list(fields.items()))


def _type(field: Field) -> pa.DataType:
    return pa.list_(_scalar(field.dtype)) if field.shape else _scalar(field.dtype)


def _scalar(dtype: str) -> pa.DataType:
    if dtype == "bool":
        return pa.bool_()
    if dtype == "uint64":
        return pa.uint64()
    if dtype.startswith(("int", "uint")):
        return pa.int64()
    if dtype.startswith(("float", "bfloat")):
        return pa.float64()
    return pa.string()


def convert(records: Iterable[dict[str, Any]], config: Config, path: Path) -> None:
    """Write records to a file, which is complete on the disk when this returns."""
    rows = [{**record, "time": datetime.fromisoformat(record["time"])} for record in records]
    table = pa.Table.from_pylist(rows, schema=schema(config))
    with path.open("wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
