"""Whether a rollout waits for an engineer, or was rolled back: no one watches a canary at night."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...compiler.because import Because, decision, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.service import ServicePlan
from ...schema.units import Duration
from ..providers import RolloutProvider
from .alert import alert
from .proofs import controllers as proofs

__all__ = ["groups"]


def groups(service: ServicePlan) -> Iterator[Body]:
    """The alerts on the states of a rollout, if the provider's controller exports them."""
    phases = service.scope.providers.chosen(RolloutProvider, service.workload.provider).phases(service)
    if phases is None:
        return
    held = alert(
        service,
        "ModelRolloutHeld",
        "ticket",
        "rollout",
        phases.held.seen,
        text(
            "{service}: the rollout waits, because the new version gets too few requests for a verdict, or an engineer "
            "paused it",
            service=service.name,
        ),
        action=phases.held.action,
        wait=_longer_than(tuple(step.lasts for step in service.canary.steps if not step.judgments)),
    )
    aborted = alert(
        service,
        "ModelRolloutAborted",
        "ticket",
        "rollout",
        phases.aborted.seen,
        text(
            "{service}: the new version was rolled back, and the old version stays live",
            service=service.name,
        ),
        action=phases.aborted.action,
        wait=fixed("1m", "a controller that restarts needs seconds"),
    )
    yield {
        "name": text("mlspec-{service}-rollout", service=service.name),
        "interval": fixed("1m", "the same as for objectives"),
        "rules": [proofs.phase(held, phases.held), proofs.phase(aborted, phases.aborted)],
    }


@decision
def _longer_than(pauses: tuple[Because[Duration], ...]) -> tuple[str, str]:
    """A step without an analysis pauses as planned."""
    if not pauses:
        return "2m", "no step pauses as planned, so this one waits for an engineer"
    wait = math.ceil(max(pause.value.amount for pause in pauses) / 60) + 2
    return f"{wait}m", "longer than the longest planned pause"
