"""What a run on several nodes may do, and whom its nodes may talk to: a Role, a RoleBinding, and a NetworkPolicy."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.training import TrainingPlan
from .. import naming
from ..pod import access
from ..pod.egress import egress
from .config import labels
from .pods import NODE, node_labels
from .steps import grants

__all__ = ["nodes_policy", "permissions"]


def permissions(training: TrainingPlan) -> Iterator[Artifact]:
    """A Role for TrainJobs, and for the state of their Jobs, which has the exit status of the training code."""
    scope, spread = training.scope, training.spread
    if spread is None:
        return
    metadata = naming.metadata(scope, training.name, labels(training))
    account = access.account_of(grants(training), training.name)
    role: Body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": [
            {
                "apiGroups": ["trainer.kubeflow.org"],
                "resources": ["trainjobs"],
                "verbs": ["create", "get", "delete"],
            },
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]},
        ],
    }
    binding: Body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": training.name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": scope.namespace}],
    }
    for body in (role, binding):
        kind = str(body["kind"])
        why = because(kind, "the `train` step creates a TrainJob", spread.nodes)
        yield Artifact(path=naming.path_of(scope, "retraining", kind, training.name), body=body, why=why)


def nodes_policy(training: TrainingPlan, uris: tuple[Because[str], ...]) -> Iterator[Artifact]:
    """The nodes of a run talk to each other at any port: NCCL and Gloo choose theirs."""
    scope, spread = training.scope, training.spread
    if spread is None or not scope.platform.network.policies.value:
        return
    name = because(f"{training.name.value}-nodes", "the policy of the nodes", training.name)
    same = {"matchLabels": naming.selector(scope, NODE, training.name)}
    body: Body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": naming.metadata(scope, name, node_labels(training)),
        "spec": {
            "podSelector": same,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": same}]}],
            "egress": [*egress(scope, uris, grants(training)), {"to": [{"podSelector": same}]}],
        },
    }
    why = because("NetworkPolicy", "the nodes talk to each other", scope.platform.network.policies, spread.nodes)
    yield Artifact(path=naming.path_of(scope, "retraining", "NetworkPolicy", name), body=body, why=why)
