"""What the pods of a workflow may do, and whom they may talk to: the API server.

They only create a Job and wait for it. The pods of that Job have another account, without a token.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, fixed, text
from ...compiler.emit.artifact import Body
from .. import naming
from ..pod.egress import api_server, egress
from ..providers import Runs

__all__ = ["account", "labels", "objects"]

COMPONENT = "workflow"


def account(runs: Runs) -> Because[str]:
    """The name of the ServiceAccount."""
    return text("{name}-workflow", name=runs.name)


def labels(runs: Runs) -> Body:
    """The labels of the pods of workflows."""
    return naming.labels(runs.scope, COMPONENT, runs.name)


def objects(runs: Runs) -> Iterator[Body]:
    """The account, its rights, and the policy."""
    metadata = naming.metadata(runs.scope, account(runs), labels(runs))
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata,
        "automountServiceAccountToken": fixed(True, "the pods of workflows create Jobs"),
    }
    yield {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": [
            {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]},
            {"apiGroups": ["argoproj.io"], "resources": ["workflows/finalizers"], "verbs": ["update"]},
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "patch"]},
        ],
    }
    yield {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account(runs)},
        "subjects": [{"kind": "ServiceAccount", "name": account(runs), "namespace": runs.scope.namespace}],
    }
    if runs.scope.platform.network.policies.value:
        yield {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata,
            "spec": {
                "podSelector": {"matchLabels": naming.selector(runs.scope, COMPONENT, runs.name)},
                "policyTypes": ["Ingress", "Egress"],
                "egress": [
                    *egress(runs.scope, (), ()),
                    api_server(),
                ],
            },
        }
