"""Whether the version in the shadow stage runs, gets requests, and meets the objectives: no caller would notice.

The rollout judges the stage as a whole when the version is promoted. These alerts tell the owner on the first day.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.objectives.sli import Indicators
from ...compiler.plan.rollout.shadow import ShadowJudgment
from ...compiler.plan.service import ServicePlan
from ...compiler.promql import promql
from .alert import alert
from .proof import Alert
from .proofs import shadow as proofs
from .replicas import settled

__all__ = ["groups"]

HOUR = "1h"


def groups(service: ServicePlan) -> Iterator[Body]:
    """The alerts on a shadow, while a version is in it."""
    if service.shadow is None or service.runtime.ports.metrics is None:
        return
    shadow = Indicators(service, _series(service))
    failing = [(each, _failing(service, shadow, each)) for each in _judgments(service)]
    proofs.failing(service, failing)
    yield {
        "name": text("mlspec-{service}-shadow", service=service.name),
        "interval": fixed("1m", "the same as for objectives"),
        "rules": [
            _down(service, shadow),
            *_idle(service, shadow),
            *(rule for _, rule in failing),
        ],
    }


def _series(service: ServicePlan) -> Because[str]:
    return promql(
        'namespace="{namespace}",job="{job}"',
        namespace=service.scope.namespace,
        job=text("{namespace}/{shadow}", namespace=service.scope.namespace, shadow=service.shadow_name),
    )


def _judgments(service: ServicePlan) -> tuple[ShadowJudgment, ...]:
    return service.shadow_plan.judgments if service.shadow_plan is not None else ()


def _down(service: ServicePlan, shadow: Indicators) -> Body:
    down = alert(
        service,
        "ModelShadowDown",
        "ticket",
        "shadow",
        text("absent({up} == 1)", up=shadow.up()),
        text(
            "{service}: no replica of version {version} in the shadow stage answers, so it cannot be promoted",
            service=service.name,
            version=_version(service),
        ),
        wait=settled(service.latest.progress_deadline),
    )
    return proofs.down(service, down)


def _idle(service: ServicePlan, shadow: Indicators) -> Iterator[Body]:
    """A mirror that does nothing looks like a shadow without errors."""
    mirrored, live = shadow.requests(HOUR), Indicators(service).requests(HOUR)
    stage = service.canary.shadow_stage
    if mirrored is None or live is None or stage is None:
        return
    query = text(
        "{mirrored} == 0\nand {live} * {share} >= {few}",
        mirrored=mirrored,
        live=live,
        share=stage.percent.map(lambda share: f"{float(share.amount):g}"),
        few=fixed("100", "if 100 are expected, the probability that none arrive by chance is 10^-43"),
    )
    idle = alert(
        service,
        "ModelShadowIdle",
        "ticket",
        "shadow",
        query,
        text(
            "{service}: no requests are mirrored to version {version} in the shadow stage, so it is not tested; check "
            "that the gateway supports mirroring",
            service=service.name,
            version=_version(service),
        ),
        wait=settled(service.latest.progress_deadline),  # the mirror starts when a replica is ready
    )
    yield proofs.idle(service, idle, stage.percent.value.amount)


def _failing(service: ServicePlan, shadow: Indicators, judgment: ShadowJudgment) -> Alert:
    objective = judgment.objective
    query = text(
        "{ratio}\n> {limit}\nand {bad} >= {least}",
        ratio=shadow.bad_ratio(objective, HOUR),
        limit=judgment.limit,
        bad=shadow.bad_events(objective, HOUR),
        least=service.objectives.slo.min_events.map(str),
    )
    return alert(
        service,
        "ModelShadowFailing",
        "ticket",
        "shadow",
        because(query.value, "the limit of the judgment, over an hour", query),
        text(
            f"{{service}}: {{{{{{{{ $value | humanizePercentage }}}}}}}} of the requests to version {{version}} in the "
            f"shadow stage violate the objective {objective.name}; its rollout would be rolled back",
            service=service.name,
            version=_version(service),
        ),
        labels={"objective": objective.name},
    )


def _version(service: ServicePlan) -> Because[str]:
    assert service.shadow is not None
    return service.shadow.version
