"""Alerts on the recorder of predictions: records that are lost, and a recorder that Prometheus does not see.

A loss is no failed request, so no other alert shows it. But what is measured from the rest may be wrong: records are
lost at peaks, or of long requests, and not at random.
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
MEANT = fixed("not-sampled|failed", "what the recorder leaves out on purpose")


def groups(service: ServicePlan) -> Iterator[Because[Body]]:
    """The rules, if a recorder is in the pods."""
    if service.recorder is None:
        return
    group: Body = {
        "name": text("mlspec-{service}-capture", service=service.name),
        "interval": fixed("1m", "the same as for objectives"),
        "rules": [_lossy(service), _absent(service)],
    }
    yield because(group, "a recorder is in the pods", service.recorder.part.by)


def _series(service: ServicePlan, name: str, more: str = "") -> Because[str]:
    return promql(
        f'mlspec_recorder_{name}{{{{job="{{namespace}}/{{monitor}}"{more}}}}}',
        namespace=service.scope.namespace,
        monitor=service.named("capture"),
        meant=MEANT,
    )


def _lossy(service: ServicePlan) -> Alert:
    lossy = alert(
        service,
        "CaptureLossy",
        "ticket",
        "loop",
        text(
            "sum(rate({dropped}[{window}]))\n/ sum(rate({requests}[{window}])) > {limit}",
            dropped=_series(service, "dropped_total", ',reason!~"{meant}"'),
            requests=_series(service, "requests_total"),
            window=WINDOW,
            limit=LIMIT,
        ),
        text(
            "{service}: {{{{ $value | humanizePercentage }}}} of the predictions are not recorded", service=service.name
        ),
        action=fixed(
            "Look at the label `reason` of mlspec_recorder_dropped_total, and at the log of the recorder. "
            "Be careful with what was measured on these days.",
            "docs/capture.md lists what the recorder does with each failure",
        ),
        wait=WINDOW,
    )
    return proofs.lossy(service, lossy, LIMIT.value)


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
