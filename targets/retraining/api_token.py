"""The token of the API server in the pods of a run, for the one container that creates objects."""

from __future__ import annotations

from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.plan.training import TrainingPlan

__all__ = ["api_mount", "api_token", "api_volume"]

FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"


def api_mount() -> Body:
    """The mount of the token, where clients of the API server look for it."""
    return {"name": "api", "mountPath": FOLDER, "readOnly": fixed(True, "the kubelet renews the token")}


def api_volume(training: TrainingPlan) -> list[Any]:
    """The token for the pod of a run, if it needs one."""
    if training.spread is None:
        return []
    return [api_token(because(True, "the `train` step creates the pods that train together", training.spread.nodes))]


def api_token(why: Because[bool]) -> Because[Body]:
    """A token of the API server, as Kubernetes itself would mount it for every container."""
    token = {"path": "token", "expirationSeconds": fixed(3600, "the kubelet renews it in time")}
    sources = [
        {"serviceAccountToken": token},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
    return because({"name": "api", "projected": {"sources": sources}}, why.reason, why)
