"""Who records the predictions of an online service, and what a record contains (docs/capture.md).

Traps handled here: requests that bypass the recorder are not recorded, so the Service forwards to its port instead of
the server's. Two columns of one name would overwrite each other.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because, because, fixed
from ...finding import refusal
from ...record import Record
from ...system import Capture, Input, OnlineService, Output
from ..scope import Scope
from .batch import BatchPlan
from .identity import ServiceIdentity

__all__ = [
    "RESERVED",
    "Recorded",
    "Recorder",
    "capture_of",
    "chosen",
    "columns",
    "inbound",
    "recorder",
    "single",
    "writes",
]

FIRST = 9440
"""The first port of the recorder. The ports of common proxies and servers are elsewhere."""

RESERVED = ("time", "model_version")
"""The columns that every record has, besides the ID."""

OF_LANGUAGE = {"inputs": ("request",), "outputs": ("answer", "finish_reason")}
"""The columns of a language model, which has no signature."""


class Recorded(Record):
    """A column that comes from a request or a response."""

    name: Because[str]
    dtype: Because[str]
    shape: tuple[Because[int], ...] = ()
    """Its dimensions; none for a single value."""


class Recorder(Record):
    """The sidecar that records the predictions of one service."""

    part: Capture
    port: Because[int]
    """The port that requests arrive at."""
    metrics: Because[int]
    server: Because[int]
    """The port of the model server."""


def capture_of(scope: Scope, part: OnlineService) -> Capture | None:
    """How the predictions of a service are recorded; None if they are not. Refuses several services without a name."""
    capture = scope.system.monitoring.capture
    if capture is None:
        return None
    if capture.service is not None:
        return capture if capture.service.value == part.own_name.value else None
    online = [one for one in scope.system.services.values() if isinstance(one, OnlineService)]
    if len(online) > 1:
        raise refusal(
            "MLS009",
            "it is unknown whose predictions are recorded",
            capture,
            others=tuple((one.own_name, "answers requests") for one in online),
            note="records of two models in one folder have different columns, and no reader can tell them apart",
            help=f"add `service: {online[0].own_name.value}` under `monitoring.capture`",
        )
    return capture


def recorder(scope: Scope, part: OnlineService) -> Recorder | None:
    """The sidecar of a service; None if it has none, or if it cannot record what the server speaks."""
    capture = capture_of(scope, part)
    ports = part.container.ports
    if capture is None or capture.by.value != "sidecar" or part.protocol.value == "grpc" or ports.http is None:
        return None
    taken = {port.value for port in (ports.http, ports.grpc, ports.metrics) if port is not None}
    free = (port for port in range(FIRST, FIRST + 5) if port not in taken)
    why = "a port of the recorder that the server does not use"
    return Recorder(
        part=capture,
        port=because(next(free), why, capture.by, ports.http),
        metrics=because(next(free), why, capture.by, ports.http),
        server=ports.http,
    )


def chosen(scope: Scope, part: OnlineService) -> tuple[Because[str], ...]:
    """What decides whether a recorder is in the pods of a service; nothing if its predictions are not recorded."""
    capture = capture_of(scope, part)
    return (capture.by,) if capture is not None else ()


def inbound(scope: Scope, part: OnlineService) -> tuple[Because[int], ...]:
    """The ports of the pods at which requests arrive: those of the server, or with a recorder, its port. Pods that
    started before the service had a recorder still answer at the server's HTTP port.
    """
    found = recorder(scope, part)
    ports = part.container.ports
    if found is not None:
        return (found.port, found.server)
    return tuple(port for port in (ports.http, ports.grpc) if port is not None)


def writes(scope: Scope, part: OnlineService) -> Capture | None:
    """The capture, if something in the pods of the service writes to the store."""
    capture = capture_of(scope, part)
    return capture if capture is not None and capture.by.value in ("sidecar", "runtime") else None


# Columns


def columns(service: ServiceIdentity) -> dict[str, tuple[Recorded, ...]]:
    """The columns of a record besides the ID, the time, and the version, by where they come from."""
    model = service.scope.system.models[service.model.value]
    segments = tuple(_segments(service.scope))
    if model.signature is None and model.llm is not None:
        made = {side: tuple(_text(name, model.llm) for name in names) for side, names in OF_LANGUAGE.items()}
        return {**made, "segments": segments}
    sides = (model.signature.inputs, model.signature.outputs) if model.signature is not None else ((), ())
    inputs, outputs = (tuple(_recorded(service, tensor) for tensor in side) for side in sides)
    return {"inputs": inputs, "outputs": outputs, "segments": segments}


def _text(name: str, why: object) -> Recorded:
    return Recorded(name=because(name, "a column of a language model", why), dtype=fixed("string", "it is text"))


def _recorded(service: ServiceIdentity, tensor: Input | Output) -> Recorded:
    return Recorded(name=tensor.name, dtype=tensor.dtype, shape=() if single(service, tensor) else tensor.shape)


def single(service: ServiceIdentity | BatchPlan, tensor: Input | Output) -> bool:
    """Whether a tensor holds one value for each prediction. A first dimension of -1 is that of the rows, unless the
    server adds the rows in front of the shape.
    """
    sizes = [size.value for size in tensor.shape]
    if sizes and sizes[0] == -1 and not _adds_rows(service):
        sizes = sizes[1:]
    return all(size == 1 for size in sizes)


def _adds_rows(service: ServiceIdentity | BatchPlan) -> bool:
    if isinstance(service, BatchPlan) or service.part.batching is None:
        return False
    return service.runtime.setup.value == "triton"


def _segments(scope: Scope) -> Iterator[Recorded]:
    known = {column.name.value: column for column in scope.system.data.columns}
    for name in scope.system.monitoring.segments:
        column = known.get(name.value)
        yield Recorded(name=name, dtype=column.dtype if column is not None else fixed("string", "its type is unknown"))
