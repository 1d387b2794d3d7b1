"""Which ServiceAccounts other targets write, so that each is written once: services first, then training."""

from __future__ import annotations

from ...compiler.because import Because, because
from ...compiler.plan import Plan
from . import access

__all__ = ["of_services", "of_training", "users"]


def of_services(plan: Plan) -> dict[str, Because[str]]:
    """The ServiceAccounts of the pods of services."""
    return _accounts(plan, _of_services(plan), "the account of a service")


def _of_services(plan: Plan) -> list[Because[str] | None]:
    names: list[Because[str] | None] = []
    for service in plan.online.values():
        names += [*(version.files.artifact.access for version in service.versions), *service.part.access]
    for batch in plan.batch.values():
        names += [batch.release.artifact.access, batch.part.input.access, batch.part.output.access, *batch.part.access]
    return names


def of_training(plan: Plan) -> dict[str, Because[str]]:
    """The ServiceAccount of training runs."""
    return _accounts(plan, _of_training(plan), "the account of training runs")


def _of_training(plan: Plan) -> list[Because[str] | None]:
    training, system = plan.training, plan.system
    if training is None:
        return []
    judged, tracking, champion = system.evaluation, training.part.tracking, training.champion
    test_set = judged.test_set if judged is not None else None
    return [
        *(source.access for source in system.data.sources),
        test_set.access if test_set is not None else None,
        champion.artifact.access if champion is not None else None,
        tracking.access if tracking is not None else None,
        training.part.checkpoints.access if training.part.checkpoints is not None else None,
        *training.part.access,
    ]


def users(plan: Plan) -> list[Because[str]]:
    """The accesses of services and of training runs here, which decide who writes an account."""
    training = plan.training
    found = [*_of_services(plan), *(_of_training(plan) if training is not None else [])]
    return [name for name in found if name is not None]


def _accounts(plan: Plan, names: list[Because[str] | None], why: str) -> dict[str, Because[str]]:
    granted = [(grant.access.service_account, grant.named) for grant in access.granted(plan, names)]
    accounts = [because(own.value, why, own, by) for own, by in granted if own is not None]
    return {account.value: account for account in accounts}
