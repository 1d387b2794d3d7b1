"""Alerts on the recorder of predictions: records that are lost, connections that it cannot read, and a recorder that
Prometheus does not see.

A loss is no failed request, so no other alert shows it. But what is measured from the rest may be wrong: records are
lost at peaks, or of long requests, and not at random. What passes on a connection that the recorder cannot read, such
as one with HTTP/2, is not even counted as a request: the share of losses then stays at zero.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.service import ServicePlan
from ...compiler.promql import promql
from .alert import alert
from .proof import Alert
from .proofs import capture as proofs
from .replicas import settled

__all__ = ["groups"]

LIMIT = fixed(0.01, "more losses than that can move a metric by as much as its alerts look for")
WINDOW = fixed("15m", "three times as long as a file stays open")
UNREAD = fixed("1d", "long enough for a person to see the ticket, which closes after a single stray connection")
MEANT = fixed("not-sampled|failed", "what the recorder leaves out on purpose")

ALONE = {
    "header": fixed("no-id", "all other losses are of requests in the sample"),
    "body": fixed("disk", "the ID is read after all other losses"),
}
"""The only reason of a loss before or after the ID is known to be in the sample, by where the ID is."""


def groups(service: ServicePlan) -> Iterator[Because[Body]]:
    """The rules, if a recorder is in the pods."""
    if service.recorder is None:
        return
    group: Body = {
        "name": text("mlspec-{service}-capture", service=service.name),
        "interval": fixed("1m", "the same as for objectives"),
        "rules": [_lossy(service), _unread(service), _absent(service)],
    }
    yield because(group, "a recorder is in the pods", service.recorder.part.by)


def _series(service: ServicePlan, name: str, more: str = "", **parts: Because[str]) -> Because[str]:
    assert service.recorder is not None
    return promql(
        f'mlspec_recorder_{name}{{{{job="{{namespace}}/{{monitor}}"{more}}}}}',
        namespace=service.scope.namespace,
        monitor=service.named("capture"),
        **parts,
    ).also(service.recorder.part.by)


def _lossy(service: ServicePlan) -> Alert:
    lossy = alert(
        service,
        "CaptureLossy",
        "ticket",
        "loop",
        text("{lost} > {limit}", lost=_lost(service), limit=LIMIT),
        text(
            "{service}: {{{{ $value | humanizePercentage }}}} of the predictions that should be recorded are lost",
            service=service.name,
        ),
        action=fixed(
            "Look at the label `reason` of mlspec_recorder_dropped_total, and at the log of the recorder. "
            "Be careful with what was measured on these days.",
            "docs/capture.md lists what the recorder does with each failure",
        ),
        wait=WINDOW,
    )
    return proofs.lossy(service, lossy, LIMIT.value, sampled(service))


def sampled(service: ServicePlan) -> str:
    """Where the ID is that decides whether a prediction is recorded; nothing if all are."""
    assert service.recorder is not None
    part = service.recorder.part
    if part.sample.value.amount >= 1:
        return ""
    return "header" if part.id.value in part.headers else "body"


def _lost(service: ServicePlan) -> Because[str]:
    """The share of the predictions that should be recorded and are lost.

    With a sample, most requests are left out on purpose. What is lost afterward is a share of those in the sample: of
    all requests, it would always be less than the sample itself.
    """
    assert service.recorder is not None
    part, way = service.recorder.part, sampled(service)
    requests = _rate(_series(service, "requests_total"))
    if not way:
        dropped = _series(service, "dropped_total", ',reason!~"{meant}"', meant=MEANT)
        return text("{dropped}\n/ {requests}", dropped=_rate(dropped), requests=requests).also(part.sample)
    one = _rate(_series(service, "dropped_total", ',reason="{alone}"', alone=ALONE[way]))
    others = text("{meant}|{alone}", meant=MEANT, alone=ALONE[way])
    rest = _rate(_series(service, "dropped_total", ',reason!~"{others}"', others=others))
    early, late = (one, rest) if way == "header" else (rest, one)
    return text(
        "{early}\n/ {requests}\n+ (\n  {late}\n  / ({records} + {late} > 0)\n  or vector(0)\n)",
        early=early,
        requests=requests,
        late=late,
        records=_rate(_series(service, "records_total")),
    ).also(part.sample, part.id, *part.headers.values())


def _rate(series: Because[str]) -> Because[str]:
    return text("sum(rate({series}[{window}]))", series=series, window=WINDOW)


def _unread(service: ServicePlan) -> Alert:
    """Connections since yesterday. One may live for days, with all requests of a gateway. It is counted once, maybe
    before the first scrape of its pod, which `increase()` would not see.
    """
    series = _series(service, "unread_connections_total")
    unread = alert(
        service,
        "CaptureUnread",
        "ticket",
        "loop",
        text("sum(\n  ({series} - {series} offset {day} >= 0)\n  or {series}\n) > 0", series=series, day=UNREAD),
        text(
            "{service}: the recorder could not read {{{{ $value }}}} of the connections of the last day, so their "
            "predictions are not recorded",
            service=service.name,
        ),
        action=fixed(
            "Make the gateway and the callers use HTTP/1.1 without TLS or upgrades to reach the pods. "
            "Be careful with what was measured on this day.",
            "the recorder reads nothing else",
        ),
    )
    return proofs.unread(service, unread)


def _absent(service: ServicePlan) -> Alert:
    absent = alert(
        service,
        "CaptureAbsent",
        "ticket",
        "monitoring",
        text("absent({requests})", requests=_series(service, "requests_total")),
        text(
            "{service}: Prometheus sees no recorder, so no loss of predictions would be noticed", service=service.name
        ),
        wait=settled(service.live.progress_deadline),  # a rollout adds the recorder
    )
    return proofs.absent(service, absent)
