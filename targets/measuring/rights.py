"""The identity of the process, and its rights in the cluster: to start runs of one CronJob, and nothing else.

Traps handled here: `create` cannot be limited by name, so the Role allows the creation of Jobs in its own namespace, or
of Workflows, if Argo Workflows runs the training. It reads and annotates only one CronJob or CronWorkflow. An account
that other pods run as would give them the same rights, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import refusal
from ...compiler.plan.measuring import MeasuringPlan
from ...compiler.plan.training import TrainingPlan
from .. import naming
from ..pod import access
from .config import labels
from .workload import OWN_ACCESS, grants, process

__all__ = ["role", "service_account"]


def service_account(found: MeasuringPlan) -> Iterator[Artifact]:
    """The identity of the pod, if it is its own."""
    scope, name = found.plan, process(found).account
    _alone(found)
    body: Body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": naming.metadata(
            scope, name, labels(found), access.identity_annotations(access.identity(grants(found)))
        ),
        "automountServiceAccountToken": fixed(False, "the pod says itself whether it needs the token"),
    }
    why = because("ServiceAccount", "the process gets an identity of its own", found.part.to, name)
    yield Artifact(path=naming.path_of(scope, "measuring", "ServiceAccount", name), body=body, why=why)


def role(found: MeasuringPlan) -> Iterator[Artifact]:
    """The Role and its binding, if it starts runs."""
    training, scope = found.plan.training, found.plan
    if not found.starts.value or training is None:
        return
    body: Body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": naming.metadata(scope, found.name, labels(found)),
        "rules": _rules(training),
    }
    bound: Body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": naming.metadata(scope, found.name, labels(found)),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": found.name},
        "subjects": [{"kind": "ServiceAccount", "name": process(found).account, "namespace": scope.namespace}],
    }
    why = because("Role", "it may start training runs", found.starts)
    for kind, one in (("Role", body), ("RoleBinding", bound)):
        yield Artifact(path=naming.path_of(scope, "measuring", kind, found.name), body=one, why=why)


def _rules(training: TrainingPlan) -> list[Body | Because[Body]]:
    """What it may do with what runs are started from, and with the runs."""
    named, starts = [training.name], training.orchestration.starts
    if starts.value == "cron-job":
        return [
            {"apiGroups": ["batch"], "resources": ["cronjobs"], "resourceNames": named, "verbs": ["get", "patch"]},
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "list"]},
        ]
    of: Body = {"apiGroups": ["argoproj.io"], "resources": ["cronworkflows"], "resourceNames": named}
    runs: Body = {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create", "list"]}
    return [because(rule, starts.reason, starts) for rule in ({**of, "verbs": ["get", "patch"]}, runs)]


def _alone(found: MeasuringPlan) -> None:
    """Refuse an account that other pods run as."""
    mine = [grant for grant in grants(found) if grant.access.service_account is not None]
    taken = {grant.access.service_account.value: grant for grant in mine if grant.access.service_account is not None}
    may = "may start training runs and " if found.starts.value else ""
    for other in _others(found):
        account_ = found.plan.system.access[other.value].service_account
        if account_ is not None and account_.value in taken:
            raise refusal(
                "MLS012",
                f"the process that measures cannot run as the ServiceAccount `{account_.value}`",
                taken[account_.value].named,
                others=((other, "other pods run as the same account"),),
                note=f"it {may}reads all predictions, and those pods would get the same rights",
                help=OWN_ACCESS,
            )


def _others(found: MeasuringPlan) -> Iterator[Because[str]]:
    """The accesses of the pods of services and of training runs here."""
    plan = found.plan
    names: list[Because[str] | None] = []
    for service in plan.online.values():
        names += [*(version.files.artifact.access for version in service.versions), *service.part.access]
        names.append(found.part.access)
    for batch in plan.batch.values():
        names += [batch.release.artifact.access, batch.part.input.access, batch.part.output.access, *batch.part.access]
    if plan.learning is not None:
        names.append(plan.learning.part.access)
    if plan.training is not None:
        names += [*(source.access for source in plan.system.data.sources), *plan.training.part.access]
    yield from (name for name in names if name is not None)
