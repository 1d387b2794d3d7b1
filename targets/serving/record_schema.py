"""The JSON Schema of a record, for callers and for your own code that writes records (docs/capture.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact
from ...compiler.emit.jsontext import json_lines
from ...compiler.plan import Plan
from ...compiler.plan.measuring import MeasuringPlan
from ...compiler.plan.service import ServicePlan
from ...compiler.plan.serving.recording import Recorded, columns
from ...compiler.system import Capture

__all__ = ["schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CLOSED = fixed(False, "a column that no reader expects would be ignored")


def schema(service: ServicePlan, capture: Capture, plan: Plan) -> Iterator[Artifact]:
    """The schema of the records that something other than mlspec's recorder writes."""
    known = columns(service)
    process = plan.measuring
    rivals = {} if process is None else {one.name.value: one for one in _rivals(process, known["outputs"])}
    listed = rivals | {one.name.value: one for side in ("segments", "inputs", "outputs") for one in known[side]}
    personal = {name.value: name for name in capture.personal_data}
    body = {
        "$schema": DIALECT,
        "title": text("A prediction of {name}", name=service.model),
        "description": _where(capture),
        "type": "object",
        "properties": {
            capture.id.value: {"type": "string", "minLength": because(1, "labels are joined by it", capture.id)},
            "time": {"type": "string", "format": "date-time", "description": "When the prediction was made, in UTC."},
            "model_version": {"type": "string"},
            **{name: _column(one, personal.get(name), capture) for name, one in listed.items()},
        },
        "required": [capture.id, "time", "model_version", *(one.name for one in listed.values())],
        "additionalProperties": CLOSED,
    }
    why = because("JSON Schema", "what each record contains", capture.by, capture.id)
    yield Artifact(path="capture/record.schema.json", body=json_lines(body), why=why)


def _rivals(process: MeasuringPlan, outputs: tuple[Recorded, ...]) -> Iterator[Recorded]:
    """The answers of rivals, which the process compares on the same rows."""
    for bound in process.bounds:
        column = process.rival_answers(bound)
        for output in outputs if column is not None else ():
            if column is not None and output.name.value == process.judged(bound).value:
                yield output.but(name=column)


def _where(capture: Capture) -> Because[str]:
    """Where records go, which of them, and for how long."""
    return text(
        "Written to {to}/date=YYYY-MM-DD/, one per line, for {sample} of the predictions, and kept for {retention}.",
        to=capture.to,
        sample=capture.sample.map(str),
        retention=capture.retention.map(str),
    )


def _column(one: Recorded, masked: Because[str] | None, capture: Capture) -> Any:
    if masked is None:
        kind = one.dtype.map(_type)
        return {"type": "array", "items": {"type": [kind, "null"]}} if one.shape else {"type": [kind, "null"]}
    if capture.hash_key is None:
        return {"type": because("null", "personal data is left out", masked)}
    secret = capture.hash_key.secret
    return {
        "type": ["string", "null"],
        "pattern": because("^[0-9a-f]{64}$", "its HMAC-SHA-256 in hex", masked, secret, capture.hash_key.key),
    }


def _type(dtype: str) -> str:
    if dtype == "bool":
        return "boolean"
    if dtype.startswith(("int", "uint")):
        return "integer"
    return "number" if dtype.startswith(("float", "bfloat")) else "string"
