"""The recorder's configuration: one JSON file, which mlspec writes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable, shown

__all__ = ["VERSION", "Config", "Field", "read"]

VERSION = 1

FORMATS = ("parquet", "jsonl")
PROTOCOLS = ("v2", "v1", "openai", "json")
STORES = ("s3://", "gs://", "file://", "/")


class Field(Record):
    """A column of the record that comes from a request or a response."""

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    """Empty for a scalar. `-1` stands for any size."""


class Config(Record):
    """What to forward, and what to record of it."""

    model: str
    port: int
    """The port that requests arrive at."""
    metrics: int
    """The port of the recorder's own metrics and health."""
    server: int
    """The port of the model server, on the loopback address."""
    protocols: tuple[str, ...]
    uri: str
    id: str
    sample: float
    """The share of predictions to record, from 0 to 1."""
    retention: float
    """Seconds after which a day's folder is deleted."""
    personal: tuple[str, ...]
    headers: dict[str, str]
    """The request header, in lowercase, that holds a column."""
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    segments: tuple[Field, ...]
    format: str
    every: float
    """Seconds after which a file is finished."""
    folder: Path
    """Where files are written until they are uploaded."""
    spool: int
    """The most bytes in that folder."""

    @property
    def requested(self) -> tuple[Field, ...]:
        """The columns that a request holds: its inputs, and the segments that are no inputs."""
        known = {field.name for field in self.inputs}
        return (*self.inputs, *(field for field in self.segments if field.name not in known))


def read(path: Path) -> Config:
    """The configuration. Raises Unreadable, with a message that names the key, or OSError."""
    try:
        given = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as wrong:
        raise Unreadable(f"{path} is not JSON: {wrong}") from None
    if not isinstance(given, dict) or given.get("version") != VERSION:
        raise Unreadable(f"{path} needs `version: {VERSION}`")
    try:
        return _config(given)
    except Unreadable as wrong:
        raise Unreadable(f"{path}: {wrong}") from None


def _config(given: dict[str, Any]) -> Config:
    ports, capture, files = (_of(given, key, dict) for key in ("ports", "capture", "files"))
    protocols = tuple(_of(given, "protocols", list))
    if not protocols or not set(protocols) <= set(PROTOCOLS):
        raise Unreadable(f"`protocols` needs some of {', '.join(PROTOCOLS)}")
    uri, format_ = _of(capture, "uri", str), _of(files, "format", str)
    if not uri.startswith(STORES):
        raise Unreadable(f"cannot write to {shown(uri)}: only s3://, gs://, file://, and paths are supported")
    if format_ not in FORMATS:
        raise Unreadable(f"`files.format` needs one of {', '.join(FORMATS)}")
    sample = _number(capture, "sample")
    if sample > 1:
        raise Unreadable("`capture.sample` needs a share from 0 to 1")
    return Config(
        model=_of(given, "model", str),
        port=_port(ports, "requests"),
        metrics=_port(ports, "metrics"),
        server=_port(ports, "server"),
        protocols=protocols,
        uri=uri.removeprefix("file://").rstrip("/"),
        id=_of(capture, "id", str),
        sample=sample,
        retention=_number(capture, "retention"),
        personal=tuple(capture.get("personalData", ())),
        headers={name: str(header).lower() for name, header in given.get("headers", {}).items()},
        inputs=_fields(given, "inputs"),
        outputs=_fields(given, "outputs"),
        segments=_fields(given, "segments"),
        format=format_,
        every=_number(files, "seconds"),
        folder=Path(_of(files, "folder", str)),
        spool=int(_number(files, "bytes")),
    )


def _of(given: dict[str, Any], key: str, kind: type) -> Any:
    value = given.get(key)
    if not isinstance(value, kind):
        raise Unreadable(f"`{key}` is missing, or is not what it should be")
    return value


def _number(given: dict[str, Any], key: str) -> float:
    value = given.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise Unreadable(f"`{key}` needs a number of at least 0")
    return float(value)


def _port(given: dict[str, Any], key: str) -> int:
    value = given.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65535:
        raise Unreadable(f"`ports.{key}` needs a port")
    return value


def _fields(given: dict[str, Any], key: str) -> tuple[Field, ...]:
    found = given.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreadable(f"`{key}` needs a list of columns")
    return tuple(
        Field(name=_of(one, "name", str), dtype=_of(one, "dtype", str), shape=tuple(one.get("shape", ())))
        for one in found
    )
