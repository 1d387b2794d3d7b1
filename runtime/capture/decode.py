"""Decode a request and its response into records, by the protocol of the server.

A record is one prediction: a request with eight rows becomes eight records. Values keep the names of the model's
signature. An input or output with several values for each row is a flat list, in the order of the protocol.
"""

from __future__ import annotations

import codecs
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from ...compiler.record import Record
from .config import Config, Field

__all__ = ["Dropped", "Pair", "decoded", "document", "events"]

Columns = dict[str, list[Any]]
"""The values of each column, one for each row."""


class Dropped(Exception):  # noqa: N818 - no error: it is counted
    """A request that cannot be recorded, with the reason that is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Pair(Record):
    """A request and its response, as they were sent."""

    protocol: str
    time: float
    headers: dict[str, str]
    reply: dict[str, str]
    request: bytes
    response: bytes


MOST = 2**24
"""The most bytes of a body after decompression."""


def decoded(pair: Pair, config: Config, version: str) -> list[dict[str, Any]]:
    """The records of a pair, unmasked and not yet sampled. Raises Dropped."""
    asked = document(pair.request, pair.headers)
    streamed = pair.reply.get("content-type", "").partition(";")[0].strip().lower() == "text/event-stream"
    try:
        said = _streamed(_plain(pair.response, pair.reply)) if streamed else document(pair.response, pair.reply)
        rows, columns, shared = PROTOCOLS[pair.protocol](asked, said, config)
    except (TypeError, KeyError, ValueError, IndexError, AttributeError):
        raise Dropped("other-shape") from None
    time = datetime.fromtimestamp(pair.time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    every = {name: _spread(value, rows) for name, value in {**shared, **_from_headers(pair, config)}.items()}
    return [_record(row, columns | every, config, time, version) for row in range(rows)]


def document(body: bytes, headers: dict[str, str]) -> Any:
    """A body as JSON. Raises Dropped."""
    return _parsed(_plain(body, headers))


def _plain(body: bytes, headers: dict[str, str]) -> bytes:
    """A body without its encoding. Raises Dropped."""
    coding = headers.get("content-encoding", "identity").lower()
    if coding in ("gzip", "x-gzip"):
        return _unzipped(body)
    if coding not in ("", "identity"):
        raise Dropped("encoded")
    return body


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Dropped("not-json") from None


def _unzipped(body: bytes) -> bytes:
    reader = zlib.decompressobj(wbits=31)
    try:
        made = reader.decompress(body, MOST)
    except zlib.error:
        raise Dropped("encoded") from None
    if reader.unconsumed_tail or not reader.eof:
        raise Dropped("too-large" if reader.unconsumed_tail else "encoded")
    return made


def _from_headers(pair: Pair, config: Config) -> dict[str, Any]:
    return {name: pair.headers[header] for name, header in config.headers.items() if header in pair.headers}


def _spread(value: Any, rows: int) -> list[Any]:
    """One value for each row. A text for several rows lists them with commas, or holds for all of them."""
    if rows > 1 and isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
        if len(parts) == rows:
            return parts
    return [value] * rows


def _record(row: int, columns: Columns, config: Config, time: str, version: str) -> dict[str, Any]:
    id_ = columns[config.id][row] if config.id in columns else None
    if isinstance(id_, bool) or not isinstance(id_, (str, int)) or id_ == "":
        raise Dropped("no-id")
    made = {config.id: str(id_), "time": time, "model_version": version}
    for field in (*config.requested, *config.outputs):
        if field.name not in made:
            made[field.name] = _typed(columns[field.name][row] if field.name in columns else None, field)
    if config.outputs and all(made[field.name] is None for field in config.outputs):
        raise Dropped("no-output")
    return made


# Types


def _typed(value: Any, field: Field) -> Any:
    """A value of the column's type; a mistyped one is not recorded, because no reader expects it."""
    if value is None:
        return None
    read = _reader(field.dtype)
    if field.shape:
        return [read(one) for one in _flat(value)]
    if isinstance(value, list):
        if len(value) != 1:
            raise Dropped("other-shape")
        value = value[0]
    return read(value)


def _reader(dtype: str) -> Callable[[Any], Any]:
    if dtype == "bool":
        return _bool
    if dtype == "uint64":
        return lambda value: _int(value, 0, 2**64)
    if dtype.startswith(("int", "uint")):
        return _int
    if dtype.startswith(("float", "bfloat")):
        return _float
    return _text


def _bool(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise Dropped("mistyped")


def _int(value: Any, least: int = -(2**63), end: int = 2**63) -> int | None:
    if value is None:
        return None
    try:
        whole = int(value)
        if isinstance(value, bool) or float(value) != whole or not least <= whole < end:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise Dropped("mistyped") from None
    return whole


def _float(value: Any) -> float | None:
    """A number; NaN and infinity are missing values, because JSON has neither."""
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise Dropped("mistyped") from None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str | None:
    if isinstance(value, (list, dict)):
        raise Dropped("mistyped")
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _flat(value: Any) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    return [leaf for one in value for leaf in _flat(one)]


# Protocols: each returns the number of rows, the columns by row, and what holds for the whole request


Decoded = tuple[int, Columns, dict[str, Any]]


def _v2(asked: Any, said: Any, config: Config) -> Decoded:
    """The Open Inference Protocol: tensors with names and shapes, whose first dimension is that of the rows."""
    inputs, outputs = _named(asked["inputs"]), _named(said["outputs"])
    tensors = [(field, inputs[field.name]) for field in config.requested if field.name in inputs]
    tensors += [(field, outputs[field.name]) for field in config.outputs if field.name in outputs]
    if config.id in inputs:
        tensors.append((Field(name=config.id, dtype="string"), inputs[config.id]))
    counts = {_rows(field, tensor["shape"]) for field, tensor in tensors}
    if len(counts) != 1:
        raise Dropped("other-shape")
    (rows,) = counts
    columns = {field.name: _split(_flat(tensor["data"]), rows, scalar=not field.shape) for field, tensor in tensors}
    parameters = asked.get("parameters") or {}
    shared = {name: parameters[name] for name in (config.id, *(f.name for f in config.requested)) if name in parameters}
    if config.id not in columns and config.id not in shared and asked.get("id"):
        shared[config.id] = asked["id"]
    return rows, columns, {name: value for name, value in shared.items() if name not in columns}


def _named(tensors: Any) -> dict[str, Any]:
    found = {tensor["name"]: tensor for tensor in tensors}
    if any("data" not in tensor for tensor in found.values()):
        raise Dropped("binary")
    return found


def _rows(field: Field, shape: list[int]) -> int:
    """The rows of a tensor: its first dimension, unless the signature says that it is a part of a single row."""
    if not shape:
        return 1
    if len(shape) == len(field.shape) and field.shape[0] != -1:
        return 1
    return int(shape[0])


def _split(values: list[Any], rows: int, *, scalar: bool) -> list[Any]:
    if not rows or len(values) % rows or (scalar and len(values) != rows):
        raise Dropped("other-shape")
    if scalar:
        return values
    size = len(values) // rows
    return [values[row * size : (row + 1) * size] for row in range(rows)]


def _v1(asked: Any, said: Any, config: Config) -> Decoded:
    """TensorFlow Serving's REST API, by row (`instances`) or by column (`inputs`); KServe's V1 is its first form."""
    given, rows = _sided(asked, "instances", "inputs", config.requested, None)
    predicted, rows = _sided(said, "predictions", "outputs", config.outputs, rows)
    shared = {config.id: asked[config.id]} if config.id in asked and config.id not in given else {}
    return rows, given | predicted, shared


def _sided(body: Any, by_row: str, by_column: str, fields: tuple[Field, ...], rows: int | None) -> tuple[Columns, int]:
    found: dict[str, Any]
    if by_row in body:
        listed = body[by_row]
        found = _by_row(listed, fields)
    else:
        whole = body[by_column]
        found = whole if isinstance(whole, dict) else {_only(fields): whole}
        listed = next(iter(found.values()))
    if rows is not None and len(listed) != rows:
        raise Dropped("other-shape")
    if any(not isinstance(column, list) or len(column) != len(listed) for column in found.values()):
        raise Dropped("other-shape")
    return found, len(listed)


def _by_row(listed: list[Any], fields: tuple[Field, ...]) -> Columns:
    if all(isinstance(one, dict) for one in listed):
        names = {name for one in listed for name in one}
        return {name: [one.get(name) for one in listed] for name in names}
    return {_only(fields): listed}


def _only(fields: tuple[Field, ...]) -> str:
    """The name of values without one."""
    if len(fields) != 1:
        raise Dropped("other-shape")
    return fields[0].name


def _json(asked: Any, said: Any, config: Config) -> Decoded:
    """Any server with JSON: an object of the signature's inputs and one of its outputs, or a list of each."""
    requests, answers = ([one] if isinstance(one, dict) else one for one in (asked, said))
    if len(requests) != len(answers) or not all(isinstance(one, dict) for one in (*requests, *answers)):
        raise Dropped("other-shape")
    wanted = (config.id, *(field.name for field in config.requested))
    columns = {name: [one.get(name) for one in requests] for name in wanted}
    outputs = {field.name: [one.get(field.name) for one in answers] for field in config.outputs}
    return len(requests), columns | outputs, {}


ASKED, ANSWER, FINISH = "request", "answer", "finish_reason"
"""The columns of a language model, which has no signature: the messages or the prompt as JSON, and the text."""


def _openai(asked: Any, said: Any, config: Config) -> Decoded:
    choice = said["choices"][0]
    message = choice.get("message") or {}
    answer = choice.get("text") if "text" in choice else message.get("content")
    wanted = (config.id, *(field.name for field in config.segments))
    given = {**(asked.get("metadata") or {}), **{k: v for k, v in asked.items() if isinstance(v, (str, int))}}
    shared = {name: given[name] for name in wanted if name in given}
    prompt = json.dumps(asked["messages"] if "messages" in asked else asked["prompt"], ensure_ascii=False)
    return 1, {ASKED: [prompt], ANSWER: [answer], FINISH: [choice.get("finish_reason")]}, shared


def _streamed(body: bytes) -> Any:
    """The answer of a stream of events, put together. Raises Dropped."""
    parts, finish = [], None
    for event in events(body):
        choices = _parsed(event).get("choices") or [] if event.strip() != b"[DONE]" else []
        for choice in (one for one in choices if not one.get("index")):
            parts.append(choice.get("text") or (choice.get("delta") or {}).get("content") or "")
            finish = choice.get("finish_reason") or finish
    return {"choices": [{"text": "".join(parts), "finish_reason": finish}]}


def events(body: bytes) -> Iterator[bytes]:
    """The data of each event of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html, 9.2.6).

    Lines end in CR, LF, or both, and in nothing else: an answer may contain every other separator of lines. The end of
    the stream also ends an event, because some servers omit the last empty line.
    """
    data: list[bytes] = []
    for line in [*re.split(rb"\r\n|\r|\n", body.removeprefix(codecs.BOM_UTF8)), b""]:
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []


PROTOCOLS: dict[str, Callable[[Any, Any, Config], Decoded]] = {
    "v2": _v2,
    "v1": _v1,
    "json": _json,
    "openai": _openai,
}
