"""The API server, for the one container of a run that creates objects: its token, and the way to it."""

from __future__ import annotations

from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.plan.training import TrainingPlan
from ..pod import egress

__all__ = ["api_egress", "api_mount", "api_token", "api_volume"]

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


def api_egress(training: TrainingPlan) -> list[Because[Body]]:
    """The egress rule for the API server, if the run uses it."""
    needs = [
        *([training.spread.nodes] if training.spread is not None else []),
        *([training.searched.when] if training.searched is not None else []),
    ]
    if not needs:
        return []
    return [because(egress.api_server(), "a TrainJob is created, or the result of a search is written", *needs)]
