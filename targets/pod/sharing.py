"""Which ServiceAccounts other targets write, so that each is written once: services first, then training."""

from __future__ import annotations

from ...compiler.because import Because, because
from ...compiler.plan import Plan
from . import access

__all__ = ["of_services", "of_training"]


def of_services(plan: Plan) -> dict[str, Because[str]]:
    """The ServiceAccounts of the pods of services."""
    names: list[Because[str] | None] = []
    for service in plan.online.values():
        names += [*(version.files.artifact.access for version in service.versions), *service.part.access]
    for batch in plan.batch.values():
        names += [batch.release.artifact.access, batch.part.input.access, batch.part.output.access, *batch.part.access]
    return _accounts(plan, names, "the account of a service")


def of_training(plan: Plan) -> dict[str, Because[str]]:
    """The ServiceAccount of training runs."""
    training, system = plan.training, plan.system
    if training is None:
        return {}
    judged, tracking, champion = system.evaluation, training.part.tracking, training.champion
    test_set = judged.test_set if judged is not None else None
    names = [
        *(source.access for source in system.data.sources),
        test_set.access if test_set is not None else None,
        champion.artifact.access if champion is not None else None,
        tracking.access if tracking is not None else None,
        *training.part.access,
    ]
    return _accounts(plan, names, "the account of training runs")


def _accounts(plan: Plan, names: list[Because[str] | None], why: str) -> dict[str, Because[str]]:
    granted = [(grant.access.service_account, grant.named) for grant in access.granted(plan, names)]
    accounts = [because(own.value, why, own, by) for own, by in granted if own is not None]
    return {account.value: account for account in accounts}
