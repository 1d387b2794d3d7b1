"""Who can record predictions: not every component sees both the request and its response, or can read them."""

from __future__ import annotations

from collections.abc import Iterator

from ..because import Because
from ..catalog import load as catalog
from ..diagnostics import Diagnostic
from ..finding import finding
from ..plan.service import ServicePlan
from ..plan.serving.recording import capture_of
from ..system import Capture
from ..words import listing

__all__ = ["recording"]

STORES = ("s3://", "gs://")
"""Where records can be written to from pods."""

LOST = "no prediction would be recorded, and nothing could measure drift or quality"


def recording(service: ServicePlan) -> Iterator[Diagnostic]:
    """What keeps the predictions of a service from being recorded."""
    capture = capture_of(service.scope, service.part)
    if capture is None:
        return
    if capture.by.value == "gateway":
        yield finding(
            "MLS012",
            "no gateway records predictions",
            capture.by,
            note="the Gateway API has no filter that copies responses, and the response to a mirrored request "
            "is dropped; products that can call an external processor, such as Envoy Gateway, would need one",
            help="write `by: sidecar`, or write `by: client` if the callers record what they get",
        )
    elif capture.by.value == "sidecar":
        yield from _sidecar(service, capture)
    elif capture.by.value == "runtime" and service.runtime.capture.value != "code":
        yield finding(
            "MLS012",
            f"`{service.runtime_name.value}` does not record predictions",
            capture.by,
            others=((service.runtime_name, "the runtime"),),
            note=f"no setting of it writes records with inputs, outputs, and an ID; {LOST}",
            help=f"write `by: sidecar`, or use {_able(service)} with code that writes the records",
        )
    if capture.by.value in ("sidecar", "runtime") and not capture.to.value.startswith(STORES):
        yield _no_store(capture)


def _able(service: ServicePlan) -> str:
    own = service.scope.platform.runtimes
    names = [name for name, entry in own.items() if entry.capture.value == "code"]
    for name in catalog.runtime_names():
        entry = catalog.runtime(name)
        if name not in own and entry is not None and "capture" in entry.entries:
            names.append(name)
    return listing(sorted(names))


def _sidecar(service: ServicePlan, capture: Capture) -> Iterator[Diagnostic]:
    part, runtime = service.part, service.runtime
    if part.protocol.value == "grpc":
        yield _unreadable(service, part.protocol, "requests over gRPC", "write `protocol: http`, or write `by: client`")
    elif not runtime.bodies:
        yield _unreadable(
            service,
            service.runtime_name,
            f"the requests of `{service.runtime_name.value}`",
            "add `container: {bodies: [json]}` if its requests are JSON objects with the inputs of the signature, or "
            "write `by: client`",
        )
    elif _nothing(service):
        yield finding(
            "MLS009",
            f"the model `{service.model.value}` lacks `signature`",
            capture.by,
            others=((service.model, "the model"),),
            note=f"the recorder finds inputs and outputs by their names; {LOST}",
            help="add `signature: {inputs: [...], outputs: [...]}` to the model",
        )
    elif [one.value for one in runtime.bodies] == ["v1"]:
        yield from _without_id(service, capture)


def _nothing(service: ServicePlan) -> bool:
    model = service.scope.system.models[service.model.value]
    return model.signature is None and model.llm is None


def _unreadable(service: ServicePlan, at: Because[str], what: str, way_out: str) -> Diagnostic:
    return finding(
        "MLS012",
        f"the recorder cannot read {what}",
        at,
        others=((service.part.own_name, "its predictions are to be recorded"),),
        note=f"it reads JSON over HTTP; {LOST}",
        help=way_out,
    )


def _without_id(service: ServicePlan, capture: Capture) -> Iterator[Diagnostic]:
    """TensorFlow Serving rejects fields that are no inputs, so an ID that is none must be in a header."""
    signature = service.scope.system.models[service.model.value].signature
    names = {one.name.value for one in signature.inputs} if signature is not None else set()
    if capture.id.value not in names and capture.id.value not in capture.headers:
        yield finding(
            "MLS009",
            f"nothing says where a request has its `{capture.id.value}`",
            capture.id,
            others=((service.runtime_name, "rejects fields that are no inputs"),),
            note=f"labels are joined by it; {LOST}",
            help=f"add `headers: {{{capture.id.value}: X-Prediction-Id}}` under `monitoring.capture`",
        )


def _no_store(capture: Capture) -> Diagnostic:
    return finding(
        "MLS012",
        f"records cannot be written to `{capture.to.value.partition('://')[0]}://`",
        capture.to,
        others=((capture.by, "writes them"),),
        note=LOST,
        help="write a URI that starts with `s3://` or `gs://`",
    )
